// SPDX-License-Identifier: MIT
#include "bench/harness/stop.h"

#include <signal.h>

#include <cerrno>
#include <cstdlib>

namespace ipc::bench {
namespace {

volatile sig_atomic_t received = 0;

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

// What is blocked while the program waits: what was before hold_stop_signals.
sigset_t& waiting_mask() {
  static sigset_t mask;
  return mask;
}

}  // namespace

void hold_stop_signals() {
  sigset_t held;
  sigemptyset(&held);
  for (const int number : kSignals) {
    struct sigaction action {};
    sigaction(number, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;  // as under nohup
    sigaddset(&held, number);
    action = {};
    action.sa_handler = [](int which) { received = which; };
    sigaction(number, &action, nullptr);
  }
  sigprocmask(SIG_BLOCK, &held, &waiting_mask());
}

int poll_or_stop(std::vector<pollfd>& waiting, const timespec& limit) {
  const int ready = ppoll(waiting.data(), waiting.size(), &limit, &waiting_mask());
  const int error = errno;
  if (received != 0) throw Stopped{received};
  errno = error;
  return ready;
}

void end_by(const Stopped& stopped) {
  signal(stopped.signal, SIG_DFL);
  raise(stopped.signal);
  sigprocmask(SIG_SETMASK, &waiting_mask(), nullptr);
  std::abort();  // it cannot be that the signal is not delivered
}

}  // namespace ipc::bench
