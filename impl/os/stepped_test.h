// SPDX-License-Identifier: MIT
// A process that is held (ptrace) after each of its machine instructions, or at its system calls.
#pragma once

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cerrno>
#include <functional>
#include <stdexcept>
#include <string>

#include "impl/os/affinity.h"
#include "impl/os/child.h"
#include "impl/os/error.h"

namespace ipc {

// What a held process calls where its holder shall know how far it has come.
inline void mark() { raise(SIGSTOP); }

// A process that goes by the instruction, or by the system call.
class Stepped {
 public:
  explicit Stepped(const std::function<void()>& body)
      : child_(fork_child([&body] {
          if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) throw_errno("PTRACE_TRACEME");
          mark();
          body();
          return 0;
        })) {
    stop();
    to_mark();
  }

  // Runs on to the next mark.
  void to_mark() {
    go_on(PTRACE_CONT);
    if (stop() != SIGSTOP) throw std::runtime_error("the held process got a signal");
  }
  // One instruction; false when that led to a mark.
  bool step() { return go_unless_marked(PTRACE_SINGLESTEP); }
  // To the next entry into a system call or the return from one; false when a mark came first.
  bool to_system_call() { return go_unless_marked(PTRACE_SYSCALL); }
  void kill() {
    child_.signal(SIGKILL);
    child_.wait(Deadline::never());
  }

 private:
  bool go_unless_marked(__ptrace_request how) {
    go_on(how);
    const int signal = stop();
    if (signal != SIGTRAP && signal != SIGSTOP) {
      throw std::runtime_error("the held process got signal " + std::to_string(signal));
    }
    return signal == SIGTRAP;
  }
  void go_on(__ptrace_request how) {
    if (ptrace(how, child_.pid(), nullptr, nullptr) != 0) throw_errno("ptrace");
  }
  // The signal that it stopped with.
  int stop() {
    siginfo_t info{};
    while (waitid(P_PID, static_cast<id_t>(child_.pid()), &info, WSTOPPED | WEXITED) != 0) {
      if (errno != EINTR) throw_errno("waitid");
    }
    if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
      throw std::runtime_error("the held process has ended");
    }
    return info.si_status;
  }

  Child child_;
};

class Stepping : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "a sanitizer's instructions are not the ring's";
#endif
    Child tried =
        fork_child([] { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1; });
    if (tried.wait(Deadline::never()) != 0) GTEST_SKIP() << "ptrace is forbidden here";
    sched_getaffinity(0, sizeof allowed_, &allowed_);
    pin_to_cpu(allowed_cpus().back());  // to be woken on another CPU takes ten times as long
  }
  void TearDown() override {
    if (CPU_COUNT(&allowed_) != 0) sched_setaffinity(0, sizeof allowed_, &allowed_);
  }

 private:
  cpu_set_t allowed_{};
};

}  // namespace ipc
