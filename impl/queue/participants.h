// SPDX-License-Identifier: MIT
// Who uses a queue in shared memory, by numbers: which of them are there, and on which CPU each was
// seen last. One lives in shared memory and is constructed before the processes that use it.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <system_error>

#include "impl/os/presence.h"

namespace ipc {

class Participants {
 public:
  static constexpr std::uint32_t kMost = 256;
  static constexpr std::size_t kApart = 128;  // bytes: neighbouring lines are fetched in pairs

  // Takes a number that nobody has, and tells the CPU. Throws std::system_error.
  std::uint32_t join(Presence::Stay& stay) {
    for (std::uint32_t number = 0; number < kMost; ++number) {
      if (!entries_[number].presence.is_taken() && stay.enter(entries_[number].presence)) {
        tell_cpu(number);
        std::uint32_t used = used_.load(std::memory_order_relaxed);
        while (used <= number &&
               !used_.compare_exchange_weak(used, number + 1, std::memory_order_relaxed)) {
        }
        return number;
      }
    }
    throw std::system_error(EUSERS, std::generic_category(),
                            "to join a queue: it takes a thread in each process, for at most " +
                                std::to_string(kMost) + " processes");
  }

  bool is_there(std::uint64_t number) const {
    return number < kMost && entries_[number].presence.is_taken();
  }

  // Tells the others on which CPU this one runs, and returns it.
  int tell_cpu(std::uint32_t number) {
    const int here = sched_getcpu();
    std::atomic<int>& told = entries_[number].cpu;
    if (told.load(std::memory_order_relaxed) != here) told.store(here, std::memory_order_relaxed);
    return here;
  }

  // For one that waits. Whether another that is there was seen on another CPU, and there are CPUs
  // for all: else spinning only keeps one from the CPU.
  bool may_spin(std::uint32_t number) {
    const int here = tell_cpu(number);
    const std::uint32_t used = std::min(used_.load(std::memory_order_relaxed), kMost);
    bool apart = false;
    long there = 0;
    for (std::uint32_t other = 0; other < used; ++other) {
      if (!entries_[other].presence.is_taken()) continue;
      ++there;
      apart = apart || entries_[other].cpu.load(std::memory_order_relaxed) != here;
    }
    return apart && there <= kCpus;
  }

 private:
  static inline const long kCpus = sysconf(_SC_NPROCESSORS_ONLN);

  struct alignas(kApart) Entry {
    Presence presence;
    std::atomic<int> cpu{-1};
  };
  Entry entries_[kMost];
  std::atomic<std::uint32_t> used_{0};  // numbers below this one
};

}  // namespace ipc
