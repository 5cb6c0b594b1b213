// SPDX-License-Identifier: MIT
#include "impl/process/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <utility>

#include "impl/driver/errors.h"
#include "impl/queue/queue_core.h"

namespace ipc {
namespace {

// How the processes constructed in this process are numbered.
std::string name_prefix = "Process-";
std::atomic<int> constructed = 0;

void close_stdin() {
  UniqueFd null(open("/dev/null", O_RDONLY));
  if (null.get() == STDIN_FILENO) {  // it was closed: this is it
    static_cast<void>(null.release());
  } else if (!null || dup2(null.get(), STDIN_FILENO) < 0) {
    throw_errno("/dev/null as standard input");
  }
}

}  // namespace

Process::Process(std::function<void()> function, std::string name)
    : function_(std::move(function)),
      identity_(name_prefix + std::to_string(++constructed)),
      name_(name.empty() ? identity_ : std::move(name)),
      owner_(getpid()) {}

Process::Process(Process&& other) noexcept = default;

Process::~Process() {
  if (!child_) return;
  if (getpid() != owner_) {
    static_cast<void>(
        child_.release());  // a copy made by fork: its destructor would kill the child
    return;
  }
  try {
    child_->wait(Deadline::never());
  } catch (
      const std::system_error&) {  // the program reaps all children itself: nothing to wait for
  }
}

void Process::start() {
  require_owner();
  if (child_) throw StateError(name_ + ": cannot start a process twice");
  child_ = std::make_unique<Child>(fork_child([this] { return run(); }));
  function_ = nullptr;
}

// In the child.
int Process::run() const {
  name_prefix = identity_ + ":";
  constructed = 0;
  int status = 0;
  try {
    close_stdin();
    if (function_) function_();
  } catch (const Exit& exit) {
    status = exit.status & 0xff;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name_.c_str(), error.what());
    status = 1;
  } catch (...) {
    std::fprintf(stderr, "%s: an exception of unknown type\n", name_.c_str());
    status = 1;
  }
  flush_queues();
  return status;
}

bool Process::join(Timeout timeout) { return child().wait(deadline_of(timeout)).has_value(); }

bool Process::is_alive() {
  require_owner();
  return child_ && !child_->wait(Deadline::now());
}

std::optional<int> Process::exitcode() {
  require_owner();
  return child_ ? child_->wait(Deadline::now()) : std::nullopt;
}

void Process::terminate() { child().signal(SIGTERM); }
void Process::kill() { child().signal(SIGKILL); }

std::optional<pid_t> Process::pid() const {
  return child_ ? std::optional(child_->pid()) : std::nullopt;
}

int Process::sentinel() const {
  if (!child_) throw ValueError(name_ + ": the process was not started");
  return child_->pidfd();
}

Child& Process::child() const {
  require_owner();
  if (!child_) throw StateError(name_ + ": the process was not started");
  return *child_;
}

void Process::require_owner() const {
  if (getpid() != owner_)
    throw StateError(name_ + ": only the process that made this object may use it");
}

}  // namespace ipc
