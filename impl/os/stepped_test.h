// SPDX-License-Identifier: MIT
// A process that is held (ptrace) after each of its machine instructions, or at its system calls.
#pragma once

#include <link.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

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
  // One instruction; false when that led to a mark. What the kernel lends to read its clock counts
  // as one and runs at full speed: it begins again when a tick of the clock comes in between, and
  // so would not end on a busy machine.
  bool step() {
    if (!go_unless_marked(PTRACE_SINGLESTEP)) return false;
    if (is_in_vdso()) leave_vdso();
    return true;
  }
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
#if defined(__x86_64__)
  bool is_in_vdso() const {
    const auto place = static_cast<std::uintptr_t>(register_at(offsetof(user_regs_struct, rip)));
    return place - reinterpret_cast<std::uintptr_t>(vdso_.data()) < vdso_.size();
  }
  // REQUIRES: it was just called. Only this thread meets the breakpoint, for it is a register.
  void leave_vdso() {
    const long stack = register_at(offsetof(user_regs_struct, rsp));
    break_at(ptrace(PTRACE_PEEKDATA, child_.pid(), stack, nullptr), kEnabled);
    go_on(PTRACE_CONT);
    if (stop() != SIGTRAP) throw std::runtime_error("the held process did not leave the vdso");
    break_at(0, 0);
  }
  static constexpr long kEnabled = 1;  // of the debug registers, the first
  void break_at(long place, long control) {
    set_register_at(offsetof(user, u_debugreg[0]), place);
    set_register_at(offsetof(user, u_debugreg[7]), control);
  }
  long register_at(std::size_t offset) const {
    return ptrace(PTRACE_PEEKUSER, child_.pid(), offset, nullptr);
  }
  void set_register_at(std::size_t offset, long value) {
    if (ptrace(PTRACE_POKEUSER, child_.pid(), offset, value) != 0) throw_errno("PTRACE_POKEUSER");
  }
#else
  static bool is_in_vdso() { return false; }
  static void leave_vdso() {}
#endif
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

  // vdso(7), an ELF image in memory, at the same place in a child. Empty where there is none.
  static std::span<const std::byte> vdso() {
    const auto* const begin = reinterpret_cast<const std::byte*>(getauxval(AT_SYSINFO_EHDR));
    if (begin == nullptr) return {};
    const auto* const image = reinterpret_cast<const ElfW(Ehdr)*>(begin);
    const auto* const parts = reinterpret_cast<const ElfW(Phdr)*>(begin + image->e_phoff);
    std::size_t size = 0;
    for (const auto& part : std::span(parts, image->e_phnum)) {
      if (part.p_type == PT_LOAD) size = std::max<std::size_t>(size, part.p_vaddr + part.p_memsz);
    }
    return {begin, size};
  }

  const std::span<const std::byte> vdso_ = vdso();
  Child child_;
};

// Whether this system allows it.
inline bool can_step() {
  Child tried = fork_child([] { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1; });
  return tried.wait(Deadline::never()) == 0;
}

// To be woken on another CPU takes ten times as long: the holder stays on one, and so do those that
// it starts. Several holders are spread over the CPUs.
inline void stay_on_one_cpu() {
  const std::vector<int> cpus = allowed_cpus();
  pin_to_cpu(cpus[static_cast<std::size_t>(getpid()) % cpus.size()]);
}

}  // namespace ipc
