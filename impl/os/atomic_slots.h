// SPDX-License-Identifier: MIT
// atomic_queue::AtomicQueue2 as slots.h wants it.
#pragma once

#include <atomic_queue/atomic_queue.h>

#include <bit>
#include <cstddef>
#include <span>

#include "impl/os/buffer.h"
#include "impl/os/slots.h"

namespace ipc {

// kSpsc: for one sender and one receiver only. An element leaves the library by a copy of its own.
template <std::size_t kBytes, std::size_t kItems, bool kSpsc>
class AtomicSlots {
 public:
  bool push(std::span<const std::byte> message) { return queue_.try_push(message); }
  bool pop(Buffer& message) {
    Slot<kBytes> slot;
    if (!queue_.try_pop(slot)) return false;
    copy_out(slot.message(), message);
    return true;
  }
  bool is_empty() { return queue_.was_empty(); }

 private:
  static constexpr bool kMinimizeContention = true;
  static constexpr bool kMaximizeThroughput = true;
  static constexpr bool kTotalOrder = false;

  // The library would round it up.
  atomic_queue::AtomicQueue2<Slot<kBytes>, std::bit_floor(kItems), kMinimizeContention,
                             kMaximizeThroughput, kTotalOrder, kSpsc>
      queue_;
};

}  // namespace ipc
