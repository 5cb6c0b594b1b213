// SPDX-License-Identifier: MIT
// Sleeping until something has come true, for any number of sleepers in any processes. It lives in
// shared memory and is constructed before the processes that use it. Whoever makes the thing true
// notifies afterwards, and pays a system call only when somebody sleeps. One that is killed while
// it sleeps, or before it notifies, costs the others at most kRecheck, and some needless system
// calls, never a hang. The first to sleep is the first to be woken.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "impl/os/deadline.h"

namespace ipc {

class EventCount {
 public:
  EventCount() = default;
  EventCount(const EventCount&) = delete;
  EventCount& operator=(const EventCount&) = delete;

  // Until `look` is true; false when the deadline passed first. What `look` reads must be written
  // seq_cst before notify_one.
  template <class Look>
  bool wait(const Look& look, Deadline deadline) {
    while (!look()) {
      if (deadline.passed()) return false;
      const Bed bed = lie_down();
      std::atomic_thread_fence(std::memory_order_seq_cst);  // what `look` loads comes after it
      if (look()) {
        get_up(bed.generation);
        return true;
      }
      sleep(bed, deadline.within(kRecheck));
    }
    return true;
  }

  // Wakes one of those that sleep.
  void notify_one() {
    // seq_cst: either this sees the sleeper, or the sleeper, who looks again, what was published.
    if (count_of(sleepers_.load(std::memory_order_seq_cst)) != 0) wake_one();
  }

 private:
  static constexpr std::chrono::milliseconds kRecheck{50};

  // Where somebody lies: in which state of the epoch and generation of the count.
  struct Bed {
    std::uint32_t epoch;
    std::uint32_t generation;
  };
  static std::uint32_t count_of(std::uint64_t sleepers) {
    return static_cast<std::uint32_t>(sleepers);
  }
  static std::uint32_t generation_of(std::uint64_t sleepers) {
    return static_cast<std::uint32_t>(sleepers >> 32);
  }

  Bed lie_down();
  void get_up(std::uint32_t generation);
  void sleep(const Bed& bed, Deadline deadline);
  void wake_one();
  void count_anew();

  std::atomic<std::uint32_t> epoch_{0};  // the futex word: changes with each notification
  // How many sleep, without those that were woken and do not run yet; above it the generation. Who
  // was counted in an earlier one is not counted out of this.
  std::atomic<std::uint64_t> sleepers_{0};
  std::atomic<std::uint32_t> in_vain_{0};  // notifications in a row that found nobody asleep
};

}  // namespace ipc
