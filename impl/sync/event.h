// SPDX-License-Identifier: MIT
// Event, as Python's multiprocessing has it: a flag for which processes wait. Made before they are
// forked. Nobody who waits is counted, so a killed one disturbs nobody; in Python the next set()
// hangs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "impl/os/mapping.h"
#include "impl/os/timeout.h"

namespace ipc {

class Event {
 public:
  static constexpr std::string_view kInheritedAs = "Event";

  bool is_set() const { return (word_->load(std::memory_order_acquire) & kSet) != 0; }
  void set();  // releases all that wait
  void clear();
  // What the flag is in the end: false after the timeout, or when it was set and cleared again
  // before this one ran.
  bool wait(Timeout timeout = std::nullopt);

 private:
  static constexpr std::uint32_t kSet = 1;
  // The one that has set it may have been killed before it woke the others.
  static constexpr std::chrono::milliseconds kRecheck{50};

  // The futex word: how often it was changed; odd: it is set.
  Shared<std::atomic<std::uint32_t>> word_{0u};
};

}  // namespace ipc
