// SPDX-License-Identifier: MIT
// latch: two copies of the value and a number that says which one counts. A writer changes the
// other copy and then raises the number; a reader copies what counts, and does so again if the
// number was raised meanwhile: it never waits for a writer, however long that takes. Writers
// exclude each other by a futex that knows its holder (sync/lock_word.h). Wait class: block.
// Source: Linux, raw_write_seqcount_latch. Limit: a write copies the whole value; a reader may be
// overtaken again and again; the death of a writer is noticed within 50 ms.
#include <atomic>
#include <cstdint>
#include <cstring>

#include "impl/shared/backend.h"
#include "impl/sync/lock_word.h"

namespace ipc {
namespace {

// Word by word, for others may be reading or writing meanwhile: what came of that is thrown away.
// Both copies are aligned to a cache line, and so are words to themselves.
using Word = std::uint64_t;

void load_bytes(const std::byte* from, std::span<std::byte> to) {
  std::size_t i = 0;
  const auto copy = [&]<class T>(T) {
    const T value = std::atomic_ref(*reinterpret_cast<T*>(const_cast<std::byte*>(from + i)))
                        .load(std::memory_order_relaxed);
    std::memcpy(to.data() + i, &value, sizeof value);
    i += sizeof value;
  };
  while (i < to.size() && reinterpret_cast<std::uintptr_t>(from + i) % sizeof(Word) != 0) {
    copy(std::uint8_t{});
  }
  while (to.size() - i >= sizeof(Word)) copy(Word{});
  while (i < to.size()) copy(std::uint8_t{});
}

void store_bytes(std::byte* to, std::span<const std::byte> from) {
  std::size_t i = 0;
  const auto copy = [&]<class T>(T) {
    T value;
    std::memcpy(&value, from.data() + i, sizeof value);
    std::atomic_ref(*reinterpret_cast<T*>(to + i)).store(value, std::memory_order_relaxed);
    i += sizeof value;
  };
  while (i < from.size() && reinterpret_cast<std::uintptr_t>(to + i) % sizeof(Word) != 0) {
    copy(std::uint8_t{});
  }
  while (from.size() - i >= sizeof(Word)) copy(Word{});
  while (i < from.size()) copy(std::uint8_t{});
}

class Latch {
  struct State {
    alignas(kCacheLine) std::atomic<std::uint64_t> number{0};  // odd: the second copy counts
    alignas(kCacheLine) LockWord writers;  // not on the line that every reader reads
  };

 public:
  static constexpr bool kReadsAlone = true;
  static std::size_t room(std::size_t bytes) { return sizeof(State) + bytes; }

  explicit Latch(const Guarded& guarded)
      : bytes_(guarded.bytes),
        state_(*::new (guarded.room) State),
        copies_{guarded.value, guarded.room + sizeof(State)} {}

  Status acquire(Deadline deadline) {
    return state_.writers.acquire(deadline) ? Status::ok : Status::timed_out;
  }
  void release() { state_.writers.release(); }

  void read(std::size_t offset, std::span<std::byte> to) const {
    for (;;) {
      // acquire: pairs with the release in write, the copy is as that left it.
      const std::uint64_t number = state_.number.load(std::memory_order_acquire);
      load_bytes(copies_[number & 1] + offset, to);
      // Pairs with the fence in write: who has seen a later write into this copy sees its number.
      std::atomic_thread_fence(std::memory_order_acquire);
      if (state_.number.load(std::memory_order_relaxed) == number) return;
    }
  }

  // REQUIRES: acquired.
  void write(std::size_t offset, std::span<const std::byte> from) {
    const std::uint64_t number = state_.number.load(std::memory_order_relaxed);
    std::byte* const next = copies_[(number + 1) & 1];
    std::atomic_thread_fence(std::memory_order_release);  // see read
    if (from.size() != bytes_) {
      store_bytes(next, {copies_[number & 1], offset});
      const std::size_t end = offset + from.size();
      store_bytes(next + end, {copies_[number & 1] + end, bytes_ - end});
    }
    store_bytes(next + offset, from);
    state_.number.store(number + 1, std::memory_order_release);
  }

 private:
  const std::size_t bytes_;
  State& state_;
  std::byte* copies_[2];
};

const RegisterLock<Latch> registered(
    "latch", {.summary = "two copies: readers never wait, writers have a futex",
              .source = "Linux, raw_write_seqcount_latch",
              .max_message = kAnySize,
              .on_kill = "killed while it writes: the old value counts, the next writer gets on"});

}  // namespace
}  // namespace ipc
