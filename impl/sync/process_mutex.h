// SPDX-License-Identifier: MIT
// pthread's mutex between processes. It lives in shared memory, is constructed before the processes
// that use it, and is held by a thread: only the thread that locked it may unlock it. Not
// recursive.
#pragma once

#include <pthread.h>

#include "impl/os/deadline.h"

namespace ipc {

class ProcessMutex {
 public:
  enum class Taken {
    yes,
    timed_out,
    owner_died,  // the lock is held; what it protects may be half done
  };

  ProcessMutex(const ProcessMutex&) = delete;
  ProcessMutex& operator=(const ProcessMutex&) = delete;

  [[nodiscard]] Taken lock(Deadline deadline = Deadline::never());
  void unlock();

 protected:
  // PTHREAD_MUTEX_ROBUST or _STALLED. Throws std::system_error.
  explicit ProcessMutex(int robustness);
  ~ProcessMutex() = default;

 private:
  pthread_mutex_t mutex_;
};

// Outlives the death of its holder: the kernel hands it to the next one, who is told.
class RobustMutex : public ProcessMutex {
 public:
  RobustMutex() : ProcessMutex(PTHREAD_MUTEX_ROBUST) {}
};

// Stays taken for ever when its holder dies: never owner_died.
class StalledMutex : public ProcessMutex {
 public:
  StalledMutex() : ProcessMutex(PTHREAD_MUTEX_STALLED) {}
};

}  // namespace ipc
