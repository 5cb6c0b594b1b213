// SPDX-License-Identifier: MIT
// posix_sem: a semaphore of 1: CPython's way. Wait class: block. Source: sem_overview(7); CPython,
// multiprocessing/synchronize.py. Limit: it knows no holder, so a killed one keeps it for ever.
#include "impl/shared/in_place.h"
#include "impl/sync/posix_semaphore.h"

namespace ipc {
namespace {

class PosixSem : public GuardedBy<PosixSemaphore> {
 public:
  explicit PosixSem(const Guarded& guarded) : GuardedBy(guarded, 1u) {}
  Status acquire(Deadline deadline) {
    return state_.acquire(deadline) ? Status::ok : Status::timed_out;
  }
  void release() { state_.release(); }
};

const RegisterLock<PosixSem> registered(
    "posix_sem", {.summary = "a POSIX semaphore of 1: CPython's way",
                  .source = "sem_overview(7); CPython, multiprocessing/synchronize.py",
                  .max_message = kAnySize,
                  .survives_kill = false,
                  .killed = {.sending = AfterKill::time_out},
                  .on_kill = "killed while it holds it: the others wait for ever, or time out"});

}  // namespace
}  // namespace ipc
