// SPDX-License-Identifier: MIT
// futex: a futex that knows its holder (sync/lock_word.h), made here. Wait class: block. Source:
// futex(2); Drepper, "Futexes are tricky". Limit: the death of a holder is noticed within 50 ms;
// each process that uses one has a thread that stands for it; what a killed holder had half written
// stays half written.
#include "impl/shared/in_place.h"
#include "impl/sync/lock_word.h"

namespace ipc {
namespace {

class Futex : public GuardedBy<LockWord> {
 public:
  using GuardedBy::GuardedBy;
  Status acquire(Deadline deadline) {
    return state_.acquire(deadline) ? Status::ok : Status::timed_out;
  }
  void release() { state_.release(); }
};

const RegisterLock<Futex> registered(
    "futex",
    {.summary = "a futex that knows its holder",
     .source = "futex(2); Drepper, Futexes are tricky",
     .max_message = kAnySize,
     .on_kill = "killed while it holds it: the next one gets it, the value as it was left"});

}  // namespace
}  // namespace ipc
