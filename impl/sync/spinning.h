// SPDX-License-Identifier: MIT
// Looking again and again instead of going to sleep, and for how long that pays.
#pragma once

#include <algorithm>
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

// For how long one who waits should spin before it sleeps. Longer than to sleep and be woken costs
// never pays; that is the limit. It learns from whether spinning was enough: each time that it was
// not halves the time, so an idle waiter soon sleeps at once; now and then it tries the whole
// again.
class SpinBudget {
 public:
  // Spins until `look` is true; false when the time is over.
  template <class Look>
  bool spin(const Look& look) {
    ++waits_;
    const std::int64_t budget = waits_ % kProbeEvery == 0 ? kMost.count() : budget_ns_;
    const std::int64_t end = monotonic_ns() + budget;
    do {
      for (int i = 0; i < kLooksPerClock; ++i) {
        if (look()) {
          budget_ns_ = kMost.count();
          return true;
        }
        cpu_relax();
      }
    } while (monotonic_ns() < end);
    budget_ns_ /= 2;
    return false;
  }

 private:
  // To be woken on another CPU takes 3 us on a bare machine, up to 50 us on a virtual one, and the
  // answer may have to wait for that of the other side as well.
  static constexpr std::chrono::nanoseconds kMost = std::chrono::microseconds(100);
  static constexpr std::uint32_t kProbeEvery = 16;
  static constexpr int kLooksPerClock = 32;

  std::int64_t budget_ns_ = kMost.count();
  std::uint32_t waits_ = 0;
};

}  // namespace ipc
