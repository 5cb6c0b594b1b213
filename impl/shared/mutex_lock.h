// SPDX-License-Identifier: MIT
// A pthread mutex, robust or not, as a lock of shared values.
#pragma once

#include "impl/shared/in_place.h"
#include "impl/sync/process_mutex.h"

namespace ipc {

template <class Mutex>
class MutexLock : public GuardedBy<Mutex> {
 public:
  using GuardedBy<Mutex>::GuardedBy;
  Status acquire(Deadline deadline) {
    return this->state_.lock(deadline) == Mutex::Taken::timed_out ? Status::timed_out : Status::ok;
  }
  void release() { this->state_.unlock(); }
};

}  // namespace ipc
