// SPDX-License-Identifier: MIT
// Looking again and again instead of going to sleep, and for how long that pays.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "impl/os/deadline.h"

namespace ipc {

// Between two looks: leaves the core's units to its sibling, and the loop's end is predicted.
inline void cpu_relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Fetches a cache line in order to write to it soon.
inline void prefetch_for_write(const void* address) {
#if defined(__x86_64__) || defined(__i386__)
  // The builtin means a fetch for reading where the compiler is not told of a newer CPU.
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

// For how long one who waits should spin before it sleeps. Longer than to sleep and be woken costs
// never pays; that is the limit. It learns from whether spinning was enough: each time that it was
// not halves the time, so an idle waiter soon sleeps at once; now and then it tries the whole
// again. Several threads may use one; they may lose a lesson to each other.
class SpinBudget {
 public:
  // Spins until `look` is true; false when the time, or the deadline, is over.
  template <class Look>
  bool spin(const Look& look, Deadline deadline) {
    const std::uint32_t wait = waits_.load(std::memory_order_relaxed) + 1;
    waits_.store(wait, std::memory_order_relaxed);
    const std::int64_t learned = budget_ns_.load(std::memory_order_relaxed);
    const std::int64_t budget = wait % kProbeEvery == 0 ? kMost.count() : learned;
    const std::int64_t end = deadline.within(std::chrono::nanoseconds(budget)).ns();
    do {
      for (int i = 0; i < kLooksPerClock; ++i) {
        if (look()) {
          budget_ns_.store(kMost.count(), std::memory_order_relaxed);
          return true;
        }
        cpu_relax();
      }
    } while (monotonic_ns() < end);
    budget_ns_.store(learned / 2, std::memory_order_relaxed);
    return false;
  }

 private:
  // To be woken on another CPU takes 3 us on a bare machine, up to 50 us on a virtual one, and the
  // answer may have to wait for that of the other side as well.
  static constexpr std::chrono::nanoseconds kMost = std::chrono::microseconds(100);
  static constexpr std::uint32_t kProbeEvery = 16;
  static constexpr int kLooksPerClock = 32;

  std::atomic<std::int64_t> budget_ns_{kMost.count()};
  std::atomic<std::uint32_t> waits_{0};
};

}  // namespace ipc
