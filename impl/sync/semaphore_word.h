// SPDX-License-Identifier: MIT
// A counting semaphore between processes, on a futex. It lives in shared memory and is constructed
// before the processes that use it; any process or thread may acquire and release. A waiter may be
// killed: it costs the others at most kRecheck, never a wake-up. No order among waiters.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "impl/os/deadline.h"

namespace ipc {

class SemaphoreWord {
 public:
  static constexpr std::uint32_t kMax = 0x7fffffff;

  explicit SemaphoreWord(std::uint32_t value) : value_(value) {}
  SemaphoreWord(const SemaphoreWord&) = delete;
  SemaphoreWord& operator=(const SemaphoreWord&) = delete;

  // Takes one; false when the deadline passed first.
  [[nodiscard]] bool acquire(Deadline deadline = Deadline::never());
  // Gives one back. False, and nothing is done, when the value is at its `limit`.
  bool release(std::uint32_t limit = kMax);
  std::uint32_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::chrono::milliseconds kRecheck{50};

  std::atomic<std::uint32_t> value_;  // the futex word
  std::atomic<std::uint32_t> waiters_{0};
};

}  // namespace ipc
