// SPDX-License-Identifier: MIT
// Process: a function that runs in a process of its own, as Python's multiprocessing.Process under
// fork.
//
//   ipc::Process child{[&] { queue.put("hello"); }, "greeter"};
//   child.start();
//   child.join();                          // child.exitcode() == 0
//
// The child is a copy of the parent at start(): it sees what was before, and neither sees what the
// other changes later. It has every descriptor of the parent, and nothing as its standard input. It
// ends when the function returns, after its own children have ended and what it has put in queues
// has left it; objects of the parent are not destroyed there. The function's result is lost: use a
// queue or a pipe. Leave it by return, by `throw ipc::Exit{n}` or by an exception: exit() would run
// the parent's static destructors, _exit() and signals lose what is still in queues, as in Python.
//
// Who may call: one thread at a time, and only in the process that constructed the object; the
// child is killed when the thread that started it ends, thus also when its process is killed
// (Python leaves it running then). At start() no other thread may hold a lock that the child needs.
// stdout, stderr and std::cout are flushed there; what other streams have buffered, both have.
//
// Blocking: a process that ends normally, by return from main, exit() or the end of a Process's
// function, sends SIGTERM to its children that are daemons and waits for all, for ever, as Python
// does. The destructor of a running Process does the same with that one. Call terminate() or kill()
// first to end it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "impl/os/child.h"
#include "impl/os/timeout.h"

namespace ipc {
namespace detail {
class PoolCore;
class ServerProcess;
}  // namespace detail

// Thrown by a process's function to end it (Python's SystemExit): with a status, of which the
// lowest 8 bits count, or with a text, which is printed on stderr and gives status 1.
struct Exit {
  Exit() = default;
  explicit Exit(int number) : status(number) {}
  explicit Exit(std::string words) : status(1), text(std::move(words)) {}

  int status = 0;
  std::string text;
};

class Process {
 public:
  // Starts nothing. Without a name it is Process-1, Process-2, ..., or Process-2:1 in the second
  // one's child. Without a function the child ends at once. A daemon does not keep its parent from
  // ending, and has no children; by default it is one if the process that makes it is.
  explicit Process(std::function<void()> function = {}, std::string name = {},
                   std::optional<bool> daemon = std::nullopt);
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  // Forks. The parent lets go of the function and what it holds. Throws StateError the second time,
  // in another process and in a daemon, std::system_error if there can be no more processes.
  void start();

  // Waits for the end; false when the time is over first. May be called again. Throws StateError
  // before start.
  bool join(Timeout timeout = std::nullopt);
  bool is_alive();
  // None before the end; what the function's end gave: 0, Exit's status, 1 after another exception
  // (which the child prints on stderr); -N if signal N ended it; 255 if the program itself reaps
  // its children, or ignores SIGCHLD.
  std::optional<int> exitcode();

  // SIGTERM and SIGKILL. They do not wait, and do nothing after the end. Throw StateError before
  // start.
  void terminate();
  void kill();

  // Lets go of what the parent keeps for the child: from now on all but name and daemon throw
  // ValueError. A second time does nothing. Throws ValueError while the child runs.
  void close();

  std::optional<pid_t> pid() const;  // none before start
  int sentinel() const;  // readable at the end, for ipc::wait. Throws ValueError before start
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }  // the child has that of start()
  bool daemon() const { return daemon_; }
  void set_daemon(bool daemon);  // throws StateError after start

 private:
  friend class Children;
  friend class detail::PoolCore;  // whose workers are nobody else's children
  friend class detail::ServerProcess;

  Child& child() const;
  void require_open() const;
  void require_owner() const;
  void start(bool is_listed);
  int run() const;

  std::function<void()> function_;
  std::string identity_;  // the default name
  std::string name_;
  bool daemon_;
  bool closed_ = false;
  bool is_listed_ = false;  // among active_children, and ended with this process
  pid_t owner_;
  std::shared_ptr<Child> child_;  // the end of the process has it meanwhile
};

// What a process knows of itself.
struct ThisProcess {
  std::string name = "MainProcess";
  bool daemon = false;

  pid_t pid() const;
  bool is_alive() const { return true; }  // who asks is
};
const ThisProcess& current_process();

// What the function of a Process knows of the process that started it.
class ParentProcess {
 public:
  ParentProcess(std::string name, pid_t pid);  // throws std::system_error

  const std::string& name() const { return name_; }
  pid_t pid() const { return pid_; }
  int sentinel() const { return pidfd_.get(); }  // readable when it has ended, for ipc::wait
  bool is_alive() const;

 private:
  std::string name_;
  pid_t pid_;
  UniqueFd pidfd_;
};
const ParentProcess* parent_process();  // none in the main program

// The running ones of those that this process has started, in that order, without the workers of a
// Pool (Python lists them). They are good until they are moved or destroyed.
std::vector<Process*> active_children();

// Of the machine, whether this process may run on them or not (see impl/os/affinity.h for that).
int cpu_count();

}  // namespace ipc
