// SPDX-License-Identifier: MIT
// Who holds a lock: a number for each process of a family, by which the others see whether it is
// still alive. The numbers are kept in memory that is shared with all processes forked later, so a
// process is known to those that share an object with it.
#pragma once

#include <atomic>
#include <cstdint>

namespace ipc {

class Owner {
 public:
  static constexpr std::uint32_t kNobody = 0;
  static constexpr int kBits = 30;  // of a number

  // In the constructor of what will store owners: before its users are forked. Throws
  // std::system_error.
  static void prepare();

  // This process's number, the same until it ends. The first call in a process starts a thread,
  // which stands for it in the kernel's books (presence.h). Throws std::system_error when there are
  // 4095 processes already, or this one takes part in 2000 rings. REQUIRES: prepare() was called in
  // it or in an ancestor.
  static std::uint32_t here() {
    const std::uint32_t known = self.load(std::memory_order_acquire);
    return known != kNobody ? known : join();
  }

  // The kernel's number of this thread, without a system call but for the first.
  static std::int32_t thread();

  // In the child of a fork, which is another process.
  static void forget() { self.store(kNobody, std::memory_order_relaxed); }

  // That process has not ended. Numbers are not given again soon: after 2^18 processes at one place
  // of the table.
  static bool is_alive(std::uint32_t owner);

 private:
  static std::uint32_t join();

  static std::atomic<std::uint32_t> self;  // this process's number; a fork forgets it
};

}  // namespace ipc
