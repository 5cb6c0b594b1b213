// SPDX-License-Identifier: MIT
// none: no lock; what Python calls a raw object. Nothing is atomic, but that the CPU moves aligned
// words whole. Wait class: spin, for it never sleeps. Source: CPython, RawValue and RawArray.
// Limit: two writers lose each other's changes.
#include "impl/shared/in_place.h"

namespace ipc {
namespace {

class None : public InPlaceValue {
 public:
  using InPlaceValue::InPlaceValue;
  static std::size_t room(std::size_t) { return 0; }
};

const RegisterLock<None> registered("none", {.summary = "no lock: a raw object",
                                             .source = "CPython, sharedctypes.RawValue",
                                             .wait_class = WaitClass::spin,
                                             .max_message = kAnySize,
                                             .on_kill = "nothing: there is nothing to hold",
                                             .transports = false});

}  // namespace
}  // namespace ipc
