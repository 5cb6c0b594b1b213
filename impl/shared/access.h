// SPDX-License-Identifier: MIT
// How a guarded value is read, written and changed, whatever guards it: once, for the typed API and
// for the timed loops, which are compiled against the concrete lock.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "impl/os/deadline.h"
#include "impl/os/status.h"

namespace ipc {

// The kinds of locks, as backend.h describes them.
template <class L>
concept Exclusive = requires(L& lock, Deadline deadline) {
  { lock.acquire(deadline) } -> std::same_as<Status>;
  lock.release();
};
template <class L>
concept Exchanging = requires(L& lock, std::size_t offset, std::span<const std::byte> bytes) {
  { lock.exchange(offset, bytes, bytes) } -> std::same_as<bool>;
};
template <class L>
concept ReadAlone = requires {
  requires L::kReadsAlone;
};
// Optional, of an exchanging lock: adds to an integer in one operation of the CPU.
template <class L>
concept Adding = requires(L& lock) {
  lock.add(std::size_t{0}, std::int64_t{1});
};

// Has the lock for as long as it exists; nothing where the value has none.
template <class L>
class Holding {
 public:
  explicit Holding(L& lock) : lock_(lock) {
    if constexpr (Exclusive<L>) static_cast<void>(lock_.acquire(Deadline::never()));
  }
  Holding(const Holding&) = delete;
  Holding& operator=(const Holding&) = delete;
  ~Holding() {
    if constexpr (Exclusive<L>) lock_.release();
  }

 private:
  L& lock_;
};

// A copy of a part of the value, as it was at one moment.
template <class L>
void load(L& lock, std::size_t offset, std::span<std::byte> to) {
  if constexpr (ReadAlone<L>) {
    lock.read(offset, to);
  } else {
    const Holding hold(lock);
    lock.read(offset, to);
  }
}

template <class L>
void store(L& lock, std::size_t offset, std::span<const std::byte> from) {
  const Holding hold(lock);
  lock.write(offset, from);
}

// One more, nobody between reading and writing; without a lock it may be lost.
template <class L>
void increment(L& lock) {
  if constexpr (Adding<L>) {
    lock.add(0, 1);
  } else {
    const Holding hold(lock);
    std::int64_t value;
    const std::span bytes(&value, 1);
    lock.read(0, std::as_writable_bytes(bytes));
    ++value;
    lock.write(0, std::as_bytes(bytes));
  }
}

}  // namespace ipc
