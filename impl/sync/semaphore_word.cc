// SPDX-License-Identifier: MIT
#include "impl/sync/semaphore_word.h"

#include "impl/os/futex.h"

namespace ipc {

bool SemaphoreWord::acquire(Deadline deadline) {
  std::uint32_t value = value_.load(std::memory_order_relaxed);
  for (;;) {
    while (value != 0) {
      // acquire: pairs with the release in release(), what came before it is seen.
      if (value_.compare_exchange_weak(value, value - 1, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        return true;
      }
    }
    if (deadline.passed()) return false;
    // seq_cst on both sides: either release() sees this waiter, or the futex call sees the new
    // value.
    waiters_.fetch_add(1, std::memory_order_seq_cst);
    futex_wait(value_, 0, deadline.within(kRecheck));
    waiters_.fetch_sub(1, std::memory_order_relaxed);
    value = value_.load(std::memory_order_relaxed);
  }
}

bool SemaphoreWord::release(std::uint32_t limit) {
  std::uint32_t value = value_.load(std::memory_order_relaxed);
  do {
    if (value >= limit) return false;
  } while (!value_.compare_exchange_weak(value, value + 1, std::memory_order_seq_cst,
                                         std::memory_order_relaxed));
  if (waiters_.load(std::memory_order_seq_cst) != 0) futex_wake(value_, 1);
  return true;
}

}  // namespace ipc
