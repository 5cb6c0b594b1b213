// SPDX-License-Identifier: MIT
// One side of a pipe whose messages stand in shared memory: how it learns that the other side is
// gone, and how it waits for it.
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "impl/driver/traits.h"
#include "impl/os/deadline.h"
#include "impl/os/lifetime_token.h"
#include "impl/os/presence.h"
#include "impl/os/status.h"
#include "impl/sync/spinning.h"

namespace ipc {
namespace ring {

// What different CPUs write, apart: neighbouring lines are fetched in pairs.
inline constexpr std::size_t kApart = 128;

// On which CPU each side last waited. In shared memory.
struct Cpus {
  std::atomic<int> of_side[2] = {-1, -2};
};

// One process's use of a side.
struct Side {
  // Tells where this side waits, and whether the other waits on another CPU, as far as is known: on
  // the same, spinning only keeps the other from it.
  bool is_apart() const {
    const int here = sched_getcpu();
    cpus.of_side[number].store(here, std::memory_order_relaxed);
    return cpus.of_side[1 - number].load(std::memory_order_relaxed) != here;
  }

  const int number;
  const LifetimeToken::Hold hold;
  Cpus& cpus;
};

// How one side of a way waits for the other.
template <WaitClass kWaits>
class Waiting {
 public:
  // `other` is the presence of the other side, `slice` how long a sleep may last at most.
  Waiting(const Side& side, Presence& other, std::chrono::nanoseconds slice)
      : side_(side), other_(other), slice_(slice) {}

  // Nobody holds the other side any more. No system call while a process is present there.
  bool other_is_gone() const { return !other_.is_taken() && side_.hold.is_alone(); }

  // Until `look` is true. closed: it is not, and the other side is gone.
  template <class Look>
  Status until(const Look& look, Deadline deadline) {
    std::chrono::nanoseconds nap = kFirstNap;
    const bool may_spin = kWaits == WaitClass::adaptive && side_.is_apart();
    for (std::uint32_t looks = 0;; ++looks) {
      if (kWaits != WaitClass::spin || looks % kLooksPerCheck == 0) {
        // After a long time the kernel is asked, whatever is to be seen.
        const bool asks = looks != 0 && (kWaits != WaitClass::spin || looks % kLooksPerAsk == 0);
        if (asks ? side_.hold.is_alone() : other_is_gone()) {
          return look() ? Status::ok : Status::closed;
        }
        if (deadline.passed()) return look() ? Status::ok : Status::timed_out;
      }
      if constexpr (kWaits == WaitClass::spin) {
        cpu_relax();
      } else {
        if (may_spin && budget_.spin(look, deadline)) return Status::ok;
        other_.sleep(look, deadline.within(slice_), nap);
        nap = std::min(2 * nap, kLastNap);
      }
      if (look()) return Status::ok;
    }
  }

 private:
  static constexpr std::uint32_t kLooksPerCheck = 1 << 8;
  static constexpr std::uint32_t kLooksPerAsk = 1 << 20;
  static constexpr std::chrono::nanoseconds kFirstNap = std::chrono::microseconds(50);
  static constexpr std::chrono::nanoseconds kLastNap = std::chrono::milliseconds(10);

  const Side& side_;
  Presence& other_;
  const std::chrono::nanoseconds slice_;
  SpinBudget budget_;
};

}  // namespace ring
}  // namespace ipc
