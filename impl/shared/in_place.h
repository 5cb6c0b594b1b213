// SPDX-License-Identifier: MIT
// A value that stands in one place, where a lock leaves it: what most locks have in common.
#pragma once

#include <cstring>
#include <span>

#include "impl/shared/backend.h"

namespace ipc {

class InPlaceValue {
 public:
  explicit InPlaceValue(const Guarded& guarded) : value_(guarded.value) {}

  void read(std::size_t offset, std::span<std::byte> to) const {
    if (!to.empty()) std::memcpy(to.data(), value_ + offset, to.size());
  }
  void write(std::size_t offset, std::span<const std::byte> from) {
    if (!from.empty()) std::memcpy(value_ + offset, from.data(), from.size());
  }

 private:
  std::byte* value_;
};

// With a State that lives in the room.
template <class State>
class GuardedBy : public InPlaceValue {
 public:
  static std::size_t room(std::size_t) { return sizeof(State); }

  template <class... Args>
  explicit GuardedBy(const Guarded& guarded, Args&&... args)
      : InPlaceValue(guarded), state_(*::new (guarded.room) State(std::forward<Args>(args)...)) {}

 protected:
  State& state_;
};

}  // namespace ipc
