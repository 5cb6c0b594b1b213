// SPDX-License-Identifier: MIT
// Mutual exclusion between processes on a futex that knows its holder. It lives in shared memory
// and is constructed before the processes that use it. A process that ends while it holds the lock,
// in whatever way, loses it: who waits notices within kRecheck and goes on. A stopped one keeps it.
// No order among waiters. Nobody may release it for one that has ended: it may be another's by
// then.
//
// That a process has ended is known by a thread which stands for it (presence.h). One that is
// killed in a system call may still finish that call when it has lost the lock, so what the lock
// protects should not be read from or written to files under it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "impl/os/deadline.h"
#include "impl/sync/owner.h"

namespace ipc {

class LockWord {
 public:
  LockWord() { Owner::prepare(); }
  LockWord(const LockWord&) = delete;
  LockWord& operator=(const LockWord&) = delete;

  // Takes it; false when the deadline passed first. Not recursive.
  [[nodiscard]] bool acquire(Deadline deadline = Deadline::never()) {
    std::uint32_t free = 0;
    // acquire: pairs with release(), what came before it is seen. release: who sees the owner sees
    // that it is alive.
    return word_.compare_exchange_strong(free, held_by(Owner::here()), std::memory_order_acq_rel,
                                         std::memory_order_relaxed) ||
           wait(deadline);
  }
  // Gives it up, whoever holds it; false when nobody does who is alive.
  bool release() {
    std::uint32_t found = held_by(Owner::here());
    return word_.compare_exchange_strong(found, 0, std::memory_order_release,
                                         std::memory_order_relaxed) ||
           release(found);
  }
  // The process that holds it, or held it when it ended; Owner::kNobody.
  std::uint32_t owner() const { return word_.load(std::memory_order_relaxed) >> 1; }

 private:
  static constexpr std::chrono::milliseconds kRecheck{50};
  static constexpr std::uint32_t kWaiters = 1;  // somebody may sleep
  static std::uint32_t held_by(std::uint32_t owner) { return owner << 1; }

  bool wait(Deadline deadline);
  bool release(std::uint32_t found);

  std::atomic<std::uint32_t> word_{0};  // the futex word: the owner, and kWaiters
};

}  // namespace ipc
