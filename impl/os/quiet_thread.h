// SPDX-License-Identifier: MIT
// A thread that takes no signals: for helpers, which must not run the handlers of the program.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace ipc {

template <class Body>
[[nodiscard]] std::thread quiet_thread(Body&& body) {
  struct AllBlocked {
    AllBlocked() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~AllBlocked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    sigset_t before;
  };
  const AllBlocked inherited;
  return std::thread(std::forward<Body>(body));
}

}  // namespace ipc
