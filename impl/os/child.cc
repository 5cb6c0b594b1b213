// SPDX-License-Identifier: MIT
#include "impl/os/child.h"

#include <pthread.h>
#include <signal.h>
#include <stdio_ext.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <mutex>
#include <utility>
#include <vector>

#include "impl/os/error.h"
#include "impl/os/first_use.h"
#include "impl/os/quiet_thread.h"

namespace ipc {
namespace {

constinit FirstUse<std::vector<void (*)()>> calls_at_end;
// Of them: a fork waits meanwhile, so that no child has it locked by a thread that it does not
// have.
constinit std::mutex calls_mutex;
const int registered = pthread_atfork([] { calls_mutex.lock(); }, [] { calls_mutex.unlock(); },
                                      [] { calls_mutex.unlock(); });

// The last first, as exit has them.
void call_all_at_end() {
  std::unique_lock hold(calls_mutex);
  const std::vector<void (*)()> all = calls_at_end.get();
  hold.unlock();
  for (auto call = all.rbegin(); call != all.rend(); ++call) (*call)();
}

int run(const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "process %d: %s\n", getpid(), error.what());
  } catch (...) {
    std::fprintf(stderr, "process %d: an exception of unknown type\n", getpid());
  }
  return 1;
}

UniqueFd pidfd_of(pid_t pid) { return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

// Of waitid, but for interruptions.
int wait_for(idtype_t type, id_t id, siginfo_t* info, int options) {
  int result;
  do {
    result = waitid(type, id, info, options);
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

void flush_standard_streams() {
  std::cout.flush();
  std::fflush(stdout);
  std::fflush(stderr);
}

// What is buffered now would be written by both processes. Other streams are the program's: another
// thread may wait for input in one, and hold its lock. A quiet thread waits for none of them.
Child fork_child(const std::function<int()>& body) {
  const bool is_quiet = signals_of_maker.has_value();
  if (!is_quiet) flush_standard_streams();
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw_errno("fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // the parent ended before prctl
    if (is_quiet) {
      __fpurge(stdout);
      __fpurge(stderr);
      pthread_sigmask(SIG_SETMASK, &*signals_of_maker, nullptr);
      signals_of_maker.reset();
    }
    const int status = run(body);
    call_all_at_end();
    flush_standard_streams();
    _exit(status);
  }
  Child child(pid, pidfd_of(pid));
  const bool has_ended = errno == ESRCH || errno == EINVAL || errno == ENOENT;  // by kernel
  if (!child.pidfd_ && has_ended) {                                             // and who knows how
    child.status_ = Child::kUnknown;
    child.pidfd_ = UniqueFd(eventfd(1, EFD_CLOEXEC));  // readable for ever, as a pidfd is then
  }
  if (!child.pidfd_) throw_errno("pidfd_open");  // and the child is ended
  return child;
}

UniqueFd open_pidfd(pid_t pid) {
  UniqueFd pidfd = pidfd_of(pid);
  if (!pidfd) throw_errno("pidfd_open");
  return pidfd;
}

void at_process_end(void (*call)()) {
  const std::lock_guard hold(calls_mutex);
  std::vector<void (*)()>& all = calls_at_end.get();
  if (std::ranges::find(all, call) != all.end()) return;
  all.push_back(call);
  std::atexit(call);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      status_(other.status_.load()) {}

Child::~Child() {
  if (pid_ < 0 || status_ != kRunning) return;
  if (!pidfd_) {
    kill(pid_, SIGKILL);
    wait_for(P_PID, static_cast<id_t>(pid_), nullptr, WEXITED);
    return;
  }
  signal(SIGKILL);
  wait_for(P_PIDFD, static_cast<id_t>(pidfd_.get()), nullptr, WEXITED);
}

// Looks first, then tells, then reaps: who finds nothing to reap any more, though another thread
// did it, finds what that has told.
std::optional<int> Child::wait(Deadline deadline) {
  if (const int status = status_; status != kRunning) return status;
  const int events = poll_until(pidfd_.get(), POLLIN, deadline);
  if (events < 0) throw_errno("poll of a pidfd");
  if (events == 0) return std::nullopt;
  siginfo_t info{};
  const auto fd = static_cast<id_t>(pidfd_.get());
  if (wait_for(P_PIDFD, fd, &info, WEXITED | WNOWAIT) == 0) {
    status_ = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    wait_for(P_PIDFD, fd, nullptr, WEXITED);
  } else if (errno == ECHILD) {
    int running = kRunning;
    status_.compare_exchange_strong(running, kUnknown);
  } else {
    throw_errno("waitid");
  }
  return status_;
}

void Child::signal(int number) {
  if (status_ == kRunning) syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

}  // namespace ipc
