// SPDX-License-Identifier: MIT
#include "impl/sync/lock_word.h"

#include "impl/os/futex.h"

namespace ipc {

bool LockWord::wait(Deadline deadline) {
  // Who has waited takes it with the mark: others may still sleep.
  const std::uint32_t mine = held_by(Owner::here()) | kWaiters;
  std::uint32_t found = word_.load(std::memory_order_relaxed);
  for (;;) {
    if (found == 0 || !Owner::is_alive(found >> 1)) {
      if (word_.compare_exchange_weak(found, mine, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        return true;
      }
      continue;
    }
    if (deadline.passed()) return false;
    if ((found & kWaiters) == 0 &&
        !word_.compare_exchange_weak(found, found | kWaiters, std::memory_order_relaxed)) {
      continue;
    }
    // The holder may end, or one that was woken instead of this may, before it takes the lock.
    futex_wait(word_, found | kWaiters, deadline.within(kRecheck));
    found = word_.load(std::memory_order_relaxed);
  }
}

// Of one that is not this process's alone: somebody waits, or another holds it.
bool LockWord::release(std::uint32_t found) {
  for (;;) {
    if (found == 0 || !Owner::is_alive(found >> 1)) return false;
    if (word_.compare_exchange_weak(found, 0, std::memory_order_release,
                                    std::memory_order_relaxed)) {
      if ((found & kWaiters) != 0) futex_wake(word_, 1);
      return true;
    }
  }
}

}  // namespace ipc
