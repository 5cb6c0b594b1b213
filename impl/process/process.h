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
// ends when the function returns, after what it has put in queues has left it; objects of the
// parent are not destroyed there. The function's result is lost: use a queue or a pipe. Leave it by
// return, by `throw ipc::Exit{n}` or by an exception: exit() would run the parent's static
// destructors, _exit() and signals lose what is still in queues, as in Python.
//
// Who may call: one thread at a time, and only in the process that constructed the object; the
// child is killed when the thread that started it ends, thus also when its process does (Python
// leaves it running then). At start() no other thread may hold a lock that the child needs.
//
// Blocking: join and the destructor of a running process wait for its end, the destructor for ever
// (Python's interpreter waits for its children when it exits). Call terminate() or kill() first to
// end it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "impl/os/child.h"
#include "impl/os/timeout.h"

namespace ipc {

// Thrown by a process's function to end it with a status, of which the lowest 8 bits count
// (Python's SystemExit).
struct Exit {
  int status = 0;
};

class Process {
 public:
  // Starts nothing. Without a name it is Process-1, Process-2, ..., or Process-2:1 in the second
  // one's child. Without a function the child ends at once.
  explicit Process(std::function<void()> function = {}, std::string name = {});
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  // Forks. The parent lets go of the function and what it holds. Throws StateError the second time
  // and in another process, std::system_error if there can be no more processes.
  void start();

  // Waits for the end; false when the time is over first. May be called again. Throws StateError
  // before start.
  bool join(Timeout timeout = std::nullopt);
  bool is_alive();
  // None before the end; what the function's end gave: 0, Exit's status, 1 after another exception
  // (which the child prints on stderr); -N if signal N ended it.
  std::optional<int> exitcode();

  // SIGTERM and SIGKILL. They do not wait, and do nothing after the end. Throw StateError before
  // start.
  void terminate();
  void kill();

  std::optional<pid_t> pid() const;  // none before start
  int sentinel() const;  // readable at the end, for ipc::wait. Throws ValueError before start
  const std::string& name() const { return name_; }

 private:
  Child& child() const;
  void require_owner() const;
  int run() const;

  std::function<void()> function_;
  std::string identity_;  // the default name
  std::string name_;
  pid_t owner_;
  std::unique_ptr<Child> child_;
};

}  // namespace ipc
