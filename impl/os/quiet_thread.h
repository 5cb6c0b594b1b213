// SPDX-License-Identifier: MIT
// A thread that takes no signals: for helpers, which must not run the handlers of the program.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <optional>
#include <thread>
#include <utility>

namespace ipc {

// In a quiet thread, what its maker had blocked: for the processes that it forks.
inline thread_local std::optional<sigset_t> signals_of_maker;

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
  const sigset_t before = signals_of_maker.value_or(inherited.before);
  return std::thread([body = std::forward<Body>(body), before]() mutable {
    signals_of_maker = before;
    body();
  });
}

}  // namespace ipc
