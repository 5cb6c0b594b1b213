// SPDX-License-Identifier: MIT
// The timed code of shared values: four loops, compiled against the concrete lock. As those of
// messages (driver/loops.h) they check what they see, and report the first fault.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "impl/driver/loops.h"
#include "impl/shared/access.h"

namespace ipc {

// Adds one, plan.messages times. Whoever ordered all loops compares the value with their sum.
template <class L>
LoopResult update_loop(L& lock, const LoopPlan plan) {
  Progress progress;
  while (progress.messages() < plan.messages) {
    increment(lock);
    asm volatile("" : : : "memory");  // without a lock, the compiler would add all at once
    progress.add(1);
  }
  return progress.done(monotonic_ns());
}

// One access in so many is a write.
inline constexpr std::uint64_t kReadsPerWrite = 100;

// A payload; 8 bytes, which every payload of that size would be, have halves that belong together.
inline void fill_value(std::span<std::byte> value, std::uint64_t tag) {
  if (value.size() != sizeof tag) return fill_payload(value, tag);
  const std::uint64_t halves = tag << 32 | static_cast<std::uint32_t>(~tag);
  std::memcpy(value.data(), &halves, sizeof halves);
}
inline bool check_value(std::span<const std::byte> value) {
  std::uint64_t tag;
  if (value.size() != sizeof tag) return check_payload(value, tag);
  std::memcpy(&tag, value.data(), sizeof tag);
  return static_cast<std::uint32_t>(tag >> 32) == static_cast<std::uint32_t>(~tag);
}

// Writes a value of its own, then reads the whole value and checks that its bytes belong together;
// and so on. REQUIRES: the value is of plan.bytes.
template <class L>
LoopResult read_mostly_loop(L& lock, const LoopPlan plan) {
  std::vector<std::byte> copy(plan.bytes);
  Progress progress;
  while (progress.messages() < plan.messages) {
    const std::uint64_t tag = make_tag(plan.producer, plan.first_sequence + progress.messages());
    if (progress.messages() % kReadsPerWrite == 0) {
      fill_value(copy, tag);
      store(lock, 0, copy);
    } else {
      load(lock, 0, copy);
      if (!check_value(copy)) return progress.failed(Fault::torn, Status::ok);
    }
    progress.add(tag);
  }
  return progress.done(monotonic_ns());
}

// Writes the whole value from private memory, and reads it back into private memory.
template <class L>
LoopResult copy_loop(L& lock, const LoopPlan plan) {
  std::vector<std::byte> out(plan.bytes);
  std::vector<std::byte> in(plan.bytes);
  Progress progress;
  while (progress.messages() < plan.messages) {
    const std::uint64_t wanted = plan.first_sequence + progress.messages();
    fill_payload(out, wanted);
    store(lock, 0, out);
    load(lock, 0, in);
    std::uint64_t tag;
    if (!check_payload(in, tag)) return progress.failed(Fault::torn, Status::ok);
    if (tag != wanted) return progress.failed(Fault::out_of_order, Status::ok);
    progress.add(tag);
  }
  return progress.done(monotonic_ns());
}

// What the two peers of take_over_loop share.
struct TakeOver {
  alignas(64) std::atomic<std::uint32_t> taken{0};    // by its holders: how often, in all
  alignas(64) std::atomic<std::uint32_t> waiting{0};  // before an acquire: how often, in all
  std::atomic<std::uint32_t> inside{0};               // who has it now
};

// Two peers hand a lock over, each plan.messages times: the holder keeps it until the other is
// about to wait for it, then lets go, and comes back when the other has it. So each time somebody
// asks for a lock that is held (across CPUs perhaps not for long enough to sleep). Both ask again
// and again for what is neither's turn, and give the CPU away in between: they may share one.
template <class L>
LoopResult take_over_loop(L& lock, const LoopPlan plan, TakeOver& place) {
  const auto await = [](const std::atomic<std::uint32_t>& word, std::uint32_t value) {
    // acquire: pairs with the release of fetch_add. Wraps around, so it is the difference that
    // counts.
    while (static_cast<std::int32_t>(word.load(std::memory_order_acquire) - value) < 0) {
      sched_yield();
    }
  };
  // The take-overs of both are numbered in turn: this one's are those of its producer's parity.
  std::uint32_t turn = static_cast<std::uint32_t>(2 * plan.first_sequence) + plan.producer;
  const auto last = static_cast<std::uint32_t>(turn + 2 * plan.messages);
  Progress progress;
  while (turn != last) {
    await(place.taken, turn);  // the one before has it
    place.waiting.fetch_add(1, std::memory_order_release);
    if (lock.acquire(Deadline::never()) != Status::ok) {
      return progress.failed(Fault::status, Status::system_error);
    }
    const bool alone = place.inside.exchange(1, std::memory_order_relaxed) == 0;
    place.taken.fetch_add(1, std::memory_order_release);
    progress.add(turn);
    turn += 2;
    // The last one of the batch is not waited for by anybody.
    if (turn != last || plan.producer == 0) await(place.waiting, turn);
    place.inside.store(0, std::memory_order_relaxed);
    lock.release();
    if (!alone) return progress.failed(Fault::out_of_order, Status::ok);
  }
  return progress.done(monotonic_ns());
}

}  // namespace ipc
