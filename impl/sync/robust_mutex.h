// SPDX-License-Identifier: MIT
// A mutual-exclusion lock between processes that outlives the death of its holder: the kernel hands
// it to the next one, who is told. It lives in shared memory, is constructed before the processes
// that use it, and is held by a thread: only the thread that locked it may unlock it. Not
// recursive.
#pragma once

#include <pthread.h>

#include "impl/os/deadline.h"

namespace ipc {

class RobustMutex {
 public:
  enum class Taken {
    yes,
    timed_out,
    owner_died,  // the lock is held; what it protects may be half done
  };

  RobustMutex();  // throws std::system_error
  RobustMutex(const RobustMutex&) = delete;
  RobustMutex& operator=(const RobustMutex&) = delete;

  [[nodiscard]] Taken lock(Deadline deadline = Deadline::never());
  void unlock();

 private:
  pthread_mutex_t mutex_;
};

}  // namespace ipc
