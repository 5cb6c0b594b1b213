// SPDX-License-Identifier: MIT
#include "impl/os/child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include "impl/os/error.h"

namespace ipc {
namespace {

std::vector<void (*)()>& calls_at_end() {
  static auto* const calls = new std::vector<void (*)()>;
  return *calls;
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

}  // namespace

Child fork_child(const std::function<int()>& body) {
  std::fflush(nullptr);  // else both processes would write what is buffered now
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw_errno("fork");
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);  // the parent ended before prctl
    const int status = run(body);
    for (const auto call : calls_at_end()) call();
    std::fflush(nullptr);
    _exit(status);
  }
  Child child(pid, UniqueFd());  // ends it if it cannot be watched
  child.pidfd_ = open_pidfd(pid);
  return child;
}

UniqueFd open_pidfd(pid_t pid) {
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) throw_errno("pidfd_open");
  return pidfd;
}

void at_process_end(void (*call)()) {
  calls_at_end().push_back(call);
  std::atexit(call);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      status_(other.status_) {}

Child::~Child() {
  if (pid_ < 0 || status_) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<int> Child::wait(Deadline deadline) {
  if (status_) return status_;
  const int events = poll_until(pidfd_.get(), POLLIN, deadline);
  if (events < 0) throw_errno("poll of a pidfd");
  if (events == 0) return std::nullopt;
  int raw = 0;
  while (waitpid(pid_, &raw, 0) < 0) {
    if (errno != EINTR) throw_errno("waitpid");
  }
  status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : -WTERMSIG(raw);
  return status_;
}

void Child::signal(int number) {
  if (!status_) kill(pid_, number);
}

}  // namespace ipc
