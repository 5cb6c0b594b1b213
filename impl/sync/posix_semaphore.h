// SPDX-License-Identifier: MIT
// A sem_t in shared memory, with deadlines on the monotonic clock. Constructed before the processes
// that use it; any process or thread may acquire and release. It knows no holder: what a killed
// process had acquired is lost.
#pragma once

#include <semaphore.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "impl/os/deadline.h"
#include "impl/os/error.h"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace ipc {

class PosixSemaphore {
 public:
  explicit PosixSemaphore(std::uint32_t value) {
    if (sem_init(&semaphore_, 1, value) != 0) throw_errno("sem_init to " + std::to_string(value));
  }
  PosixSemaphore(const PosixSemaphore&) = delete;
  PosixSemaphore& operator=(const PosixSemaphore&) = delete;

  // False when the deadline passed first.
  bool acquire(Deadline deadline = Deadline::never()) {
    while (wait(deadline) != 0) {
      if (errno != EINTR) return false;
    }
    return true;
  }
  void release() { sem_post(&semaphore_); }
  std::uint32_t value() {
    int value = 0;
    sem_getvalue(&semaphore_, &value);
    return static_cast<std::uint32_t>(value);
  }

 private:
  int wait(Deadline deadline) {
    if (deadline.is_never()) return sem_wait(&semaphore_);
    if (deadline.ns() == 0) return sem_trywait(&semaphore_);
    const timespec until = deadline.absolute();
    const int result = sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &until);
#ifdef __SANITIZE_THREAD__  // g++ 12's does not know this call, and would miss what it orders
    if (result == 0) __tsan_acquire(&semaphore_);
#endif
    return result;
  }

  sem_t semaphore_;
};

}  // namespace ipc
