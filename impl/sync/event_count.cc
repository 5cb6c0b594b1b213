// SPDX-License-Identifier: MIT
#include "impl/sync/event_count.h"

#include <climits>

#include "impl/os/futex.h"

namespace ipc {
namespace {

// So often in a row hardly ever is somebody just about to fall asleep: somebody was killed.
constexpr std::uint32_t kTooOften = 16;

}  // namespace

EventCount::Bed EventCount::lie_down() {
  const std::uint32_t epoch = epoch_.load(std::memory_order_acquire);  // before the last look
  return {epoch, generation_of(sleepers_.fetch_add(1, std::memory_order_seq_cst))};
}

void EventCount::get_up(std::uint32_t generation) {
  std::uint64_t found = sleepers_.load(std::memory_order_relaxed);
  while (generation_of(found) == generation && count_of(found) != 0 &&
         !sleepers_.compare_exchange_weak(found, found - 1, std::memory_order_relaxed)) {
  }
}

void EventCount::sleep(const Bed& bed, Deadline deadline) {
  // Who is woken was counted out by the other: it may notify many times before this one runs.
  if (!futex_wait(epoch_, bed.epoch, deadline)) get_up(bed.generation);
}

void EventCount::wake_one() {
  const std::uint32_t generation = generation_of(sleepers_.load(std::memory_order_relaxed));
  epoch_.fetch_add(1, std::memory_order_release);  // pairs with lie_down
  if (futex_wake(epoch_, 1) > 0) {
    in_vain_.store(0, std::memory_order_relaxed);
    get_up(generation);
  } else if (in_vain_.fetch_add(1, std::memory_order_relaxed) + 1 == kTooOften) {
    count_anew();
  }
}

// Nobody is counted any more, and whoever sleeps is woken, so that it counts itself again.
void EventCount::count_anew() {
  in_vain_.store(0, std::memory_order_relaxed);
  std::uint64_t found = sleepers_.load(std::memory_order_relaxed);
  const std::uint64_t anew = std::uint64_t{generation_of(found) + 1} << 32;
  sleepers_.compare_exchange_strong(found, anew, std::memory_order_seq_cst);
  epoch_.fetch_add(1, std::memory_order_release);
  futex_wake(epoch_, INT_MAX);
}

}  // namespace ipc
