// SPDX-License-Identifier: MIT
#include "impl/process/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio_ext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <iterator>
#include <mutex>
#include <typeinfo>
#include <utility>

#include "impl/driver/errors.h"
#include "impl/os/first_use.h"
#include "impl/os/per_process.h"
#include "impl/os/type_name.h"
#include "impl/queue/queue_core.h"

namespace ipc {

// Those that this process has started, wherever they are now. A fork has none.
class Children {
 public:
  static Children& here();

  void add(Process* one) {
    at_process_end([] { here().end(); });
    const std::lock_guard hold(mutex_);
    all_.push_back(one);
  }
  void remove(Process* one) {
    const std::lock_guard hold(mutex_);
    std::erase(all_, one);
  }
  // With its child, which active() asks for in any thread.
  void replace(Process* one, Process* by) {
    const std::lock_guard hold(mutex_);
    std::replace(all_.begin(), all_.end(), one, by);
    by->child_ = std::move(one->child_);
  }

  std::vector<Process*> active() {
    const std::lock_guard hold(mutex_);
    std::vector<Process*> alive;
    std::copy_if(all_.begin(), all_.end(), std::back_inserter(alive),
                 [](Process* one) { return one->is_alive(); });
    return alive;
  }

  // Daemons first: others may wait for what they do not get any more. Other threads may move or
  // destroy their Processes meanwhile.
  void end() {
    std::vector<std::shared_ptr<Child>> all;
    {
      const std::lock_guard hold(mutex_);
      for (Process* one : std::exchange(all_, {})) {
        if (one->daemon_) one->child_->signal(SIGTERM);
        all.push_back(one->child_);
      }
    }
    for (const auto& child : all) child->wait(Deadline::never());
  }

 private:
  std::mutex mutex_;
  std::vector<Process*> all_;
};

namespace {

// Never destroyed: it is for the end of the process, after destructors.
constinit FirstUse<PerProcess<Children>> all_children;

// How the processes constructed in this process are numbered.
std::string name_prefix = "Process-";
std::atomic<int> constructed = 0;

ThisProcess this_process;
std::optional<ParentProcess> the_parent;

void close_stdin() {
  close(STDIN_FILENO);  // first: there may be no other descriptor
  if (open("/dev/null", O_RDONLY) != STDIN_FILENO) throw_errno("/dev/null as standard input");
  __fpurge(stdin);  // what the parent has read ahead
  std::clearerr(stdin);
}

}  // namespace

Children& Children::here() { return all_children.get().get(); }

Process::Process(std::function<void()> function, std::string name, std::optional<bool> daemon)
    : function_(std::move(function)),
      identity_(name_prefix + std::to_string(++constructed)),
      name_(name.empty() ? identity_ : std::move(name)),
      daemon_(daemon.value_or(this_process.daemon)),
      owner_(getpid()) {}

Process::Process(Process&& other) noexcept
    : function_(std::move(other.function_)),
      identity_(std::move(other.identity_)),
      name_(std::move(other.name_)),
      daemon_(other.daemon_),
      closed_(other.closed_),
      is_listed_(std::exchange(other.is_listed_, false)),
      owner_(other.owner_) {
  if (is_listed_) {
    Children::here().replace(&other, this);
  } else {
    child_ = std::move(other.child_);
  }
}

Process::~Process() {
  if (!child_) return;
  if (getpid() != owner_) {
    child_->leave_to_parent();
    return;
  }
  if (is_listed_) Children::here().remove(this);
  if (daemon_) child_->signal(SIGTERM);
  child_->wait(Deadline::never());
}

void Process::start() { start(true); }

void Process::start(bool is_listed) {
  require_owner();
  if (child_) throw StateError(name_ + ": cannot start a process twice");
  if (this_process.daemon) throw StateError(name_ + ": daemonic processes have no children");
  if (is_listed) static_cast<void>(active_children());  // reaps those that have ended
  child_ = std::make_shared<Child>(fork_child([this] { return run(); }));
  if (is_listed) Children::here().add(this);
  is_listed_ = is_listed;
  function_ = nullptr;
}

// In the child.
int Process::run() const {
  name_prefix = identity_ + ":";
  constructed = 0;
  int status = 0;
  try {
    the_parent.emplace(this_process.name, owner_);
    this_process = {.name = name_, .daemon = daemon_};
    close_stdin();
    if (function_) function_();
  } catch (const Exit& exit) {
    if (!exit.text.empty()) std::fprintf(stderr, "%s\n", exit.text.c_str());
    status = exit.status & 0xff;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s: %s\n", name_.c_str(), type_name(typeid(error)).c_str(),
                 error.what());
    status = 1;
  } catch (...) {
    std::fprintf(stderr, "%s: an exception of unknown type\n", name_.c_str());
    status = 1;
  }
  Children::here().end();
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

void Process::close() {
  if (closed_) return;
  if (is_alive()) throw ValueError(name_ + ": cannot close a process while it runs; join it first");
  if (is_listed_) Children::here().remove(this);
  child_.reset();
  function_ = nullptr;
  closed_ = true;
}

std::optional<pid_t> Process::pid() const {
  require_open();
  return child_ ? std::optional(child_->pid()) : std::nullopt;
}

int Process::sentinel() const {
  require_open();
  if (!child_) throw ValueError(name_ + ": the process was not started");
  return child_->pidfd();
}

void Process::set_daemon(bool daemon) {
  require_owner();
  if (child_) throw StateError(name_ + ": whether it is a daemon is settled when it starts");
  daemon_ = daemon;
}

Child& Process::child() const {
  require_owner();
  if (!child_) throw StateError(name_ + ": the process was not started");
  return *child_;
}

void Process::require_open() const {
  if (closed_) throw ValueError(name_ + ": the process object is closed");
}

void Process::require_owner() const {
  require_open();
  if (getpid() != owner_)
    throw StateError(name_ + ": only the process that made this object may use it");
}

pid_t ThisProcess::pid() const { return getpid(); }

const ThisProcess& current_process() { return this_process; }

ParentProcess::ParentProcess(std::string name, pid_t pid)
    : name_(std::move(name)), pid_(pid), pidfd_(open_pidfd(pid)) {}

bool ParentProcess::is_alive() const {
  return poll_until(pidfd_.get(), POLLIN, Deadline::now()) == 0;
}

const ParentProcess* parent_process() { return the_parent ? &*the_parent : nullptr; }

std::vector<Process*> active_children() { return Children::here().active(); }

int cpu_count() { return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)); }

}  // namespace ipc
