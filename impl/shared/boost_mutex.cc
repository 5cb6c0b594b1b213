// SPDX-License-Identifier: MIT
// boost_mutex: boost::interprocess::interprocess_mutex. Wait class: block. Source:
// Boost.Interprocess, "Synchronization mechanisms". Limit: deadlines are kept on the wall clock; a
// killed holder keeps it for ever.
#include <boost/interprocess/sync/interprocess_mutex.hpp>

#include "impl/os/boost_time.h"
#include "impl/shared/in_place.h"

namespace ipc {
namespace {

class BoostMutex : public GuardedBy<boost::interprocess::interprocess_mutex> {
 public:
  using GuardedBy::GuardedBy;
  Status acquire(Deadline deadline) {
    if (deadline.is_never()) {
      state_.lock();
      return Status::ok;
    }
    // The wall clock may have been set meanwhile.
    do {
      if (deadline.passed()) return state_.try_lock() ? Status::ok : Status::timed_out;
    } while (!state_.timed_lock(wall_clock(deadline)));
    return Status::ok;
  }
  void release() { state_.unlock(); }
};

const RegisterLock<BoostMutex> registered(
    "boost_mutex", {.summary = "boost::interprocess::interprocess_mutex",
                    .source = "Boost.Interprocess, Synchronization mechanisms",
                    .max_message = kAnySize,
                    .survives_kill = false,
                    .killed = {.sending = AfterKill::time_out},
                    .on_kill = "killed while it holds it: the others wait for ever, or time out",
                    .needs = "Boost.Interprocess"});

}  // namespace
}  // namespace ipc
