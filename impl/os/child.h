// SPDX-License-Identifier: MIT
// A forked process and its end. It dies with the thread that forked it, and so with its parent, and
// is waited for exactly by a pidfd.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <climits>
#include <functional>
#include <optional>

#include "impl/os/deadline.h"
#include "impl/os/unique_fd.h"

namespace ipc {

// REQUIRES of fork_child: no other thread of this process holds a lock that the body needs.
// Any thread may call wait and signal.
class Child {
 public:
  // Its status where the program itself reaps all children, or ignores SIGCHLD.
  static constexpr int kUnknown = 255;

  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();  // a child still running is killed and reaped

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }  // readable when the child has ended
  // Exit status, or minus the signal that ended it; nothing when the deadline passed first.
  std::optional<int> wait(Deadline deadline);
  void signal(int number);  // no effect after the end
  // Of a copy made by fork: its destructor does nothing.
  void leave_to_parent() { pid_ = -1; }

 private:
  friend Child fork_child(const std::function<int()>& body);
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  static constexpr int kRunning = INT_MIN;

  pid_t pid_;
  UniqueFd pidfd_;
  std::atomic<int> status_ = kRunning;
};

// stdout, stderr and std::cout, which may wait for who reads them.
void flush_standard_streams();

// Runs `body` in a new process, which ends with the returned status, without destructors of the
// parent's objects. stdout, stderr and std::cout are flushed before (in a quiet thread the child
// drops what they hold instead) and at its end; what other streams have buffered, both processes
// have. An exception that leaves the body is printed and
// gives status 1. Throws std::system_error.
[[nodiscard]] Child fork_child(const std::function<int()>& body);

// Readable when that process has ended. Throws std::system_error.
UniqueFd open_pidfd(pid_t pid);

// From now on this process and those forked later call it when they end normally: with exit, by
// returning from main, or from the body of fork_child. For what must leave the process first. Asked
// for twice, it is called once. Any thread may ask.
void at_process_end(void (*call)());

}  // namespace ipc
