// SPDX-License-Identifier: MIT
#include "impl/sync/process_mutex.h"

#include "impl/os/error.h"

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace ipc {
namespace {

int clock_lock(pthread_mutex_t* mutex, const timespec& until) {
#ifdef __SANITIZE_THREAD__  // g++ 12's does not know this call, and would miss the lock
  __tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
#endif
  const int result = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
#ifdef __SANITIZE_THREAD__
  const bool taken = result == 0 || result == EOWNERDEAD;
  __tsan_mutex_post_lock(mutex, __tsan_mutex_try_lock | (taken ? 0u : __tsan_mutex_try_lock_failed),
                         0);
#endif
  return result;
}

}  // namespace

ProcessMutex::ProcessMutex(int robustness) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, robustness);
  errno = pthread_mutex_init(&mutex_, &attributes);
  pthread_mutexattr_destroy(&attributes);
  if (errno != 0) throw_errno("pthread_mutex_init (process-shared)");
}

ProcessMutex::Taken ProcessMutex::lock(Deadline deadline) {
  int result;
  if (deadline.is_never()) {
    result = pthread_mutex_lock(&mutex_);
  } else {
    result = pthread_mutex_trylock(&mutex_);
    if (result == EBUSY && deadline.ns() != 0) {
      const timespec until = deadline.absolute();
      result = clock_lock(&mutex_, until);
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
      throw_errno("pthread_mutex_lock (process-shared)");
  }
}

void ProcessMutex::unlock() { pthread_mutex_unlock(&mutex_); }

}  // namespace ipc
