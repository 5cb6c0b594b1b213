// SPDX-License-Identifier: MIT
#include "impl/sync/robust_mutex.h"

#include "impl/os/error.h"

namespace ipc {

RobustMutex::RobustMutex() {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  errno = pthread_mutex_init(&mutex_, &attributes);
  pthread_mutexattr_destroy(&attributes);
  if (errno != 0) throw_errno("pthread_mutex_init (process-shared, robust)");
}

RobustMutex::Taken RobustMutex::lock(Deadline deadline) {
  int result;
  if (deadline.is_never()) {
    result = pthread_mutex_lock(&mutex_);
  } else {
    result = pthread_mutex_trylock(&mutex_);
    if (result == EBUSY && deadline.ns() != 0) {
      const timespec until = deadline.absolute();
      result = pthread_mutex_clocklock(&mutex_, CLOCK_MONOTONIC, &until);
    }
  }
  switch (result) {
    case 0:
      return Taken::yes;
    case EBUSY:
    case ETIMEDOUT:
      return Taken::timed_out;
    case EOWNERDEAD:
      pthread_mutex_consistent(&mutex_);
      return Taken::owner_died;
    default:
      errno = result;
      throw_errno("pthread_mutex_lock (robust)");
  }
}

void RobustMutex::unlock() { pthread_mutex_unlock(&mutex_); }

}  // namespace ipc
