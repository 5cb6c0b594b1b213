// SPDX-License-Identifier: MIT
// What the implementer of a memory or of a lock includes: the two contracts, RegisterMemory and
// RegisterLock. A shared value is the product of both: bytes in a memory, guarded by a lock.
//
// A memory is constructed before the processes that use it: that many bytes, all zero, resident,
// aligned to a cache line, seen by every process forked while the object exists, at the same
// address. What is left behind when the last process ends, however it does, is removed when the
// next of its kind is made; the trait `leftovers` says what, and what a kill inside the constructor
// leaves. The same holds of a lock.
//
// A lock guards the bytes of one value. The object is constructed before the processes that use it,
// with room for what they share; fork copies it. Any process and any thread may call. A lock has
// one of three kinds:
//
//   exclusive     acquire, release   who has it is alone with the value
//   exchanging    exchange           no lock, the CPU's own operations on a value of up to 8 bytes
//   neither                          guards nothing
//
// read and write move bytes of the value; those that come between somebody's acquire and release
// are atomic to others who do so. A lock whose kReadsAlone is true can be read without acquire, and
// what one read or one write moves is atomic.
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "impl/driver/traits.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"
#include "impl/registry.h"
#include "impl/shared/loops.h"

namespace ipc {

inline constexpr std::size_t kCacheLine = 64;

// Must: throw std::system_error from the constructor if it cannot be had.
template <class M>
concept MemoryBackend = std::constructible_from<M, std::size_t> && requires(const M& memory) {
  { memory.address() } -> std::same_as<void*>;
};

class AnyMemory {
 public:
  virtual ~AnyMemory() = default;
  virtual std::byte* address() const = 0;
};

struct MemoryEntry {
  static constexpr const char* kFamily = "memory";
  std::string name;
  Traits traits;
  std::function<std::unique_ptr<AnyMemory>(std::size_t bytes)> make;
};
using MemoryRegistry = Registry<MemoryEntry>;

template <MemoryBackend M>
class MemoryAdapter final : public AnyMemory {
 public:
  explicit MemoryAdapter(std::size_t bytes) : memory_(bytes) {}
  std::byte* address() const override { return static_cast<std::byte*>(memory_.address()); }

 private:
  M memory_;
};

template <MemoryBackend M>
MemoryEntry memory_entry(std::string name, Traits traits) {
  return {std::move(name), std::move(traits),
          [](std::size_t bytes) { return std::make_unique<MemoryAdapter<M>>(bytes); }};
}

// The last statement of a memory's file.
template <MemoryBackend M>
struct RegisterMemory {
  RegisterMemory(std::string name, Traits traits) {
    MemoryRegistry::add(memory_entry<M>(std::move(name), std::move(traits)));
  }
};

// What a lock is given: the value, and as many bytes as it asked for, zeroed and aligned to a cache
// line, in shared memory.
struct Guarded {
  std::byte* value;
  std::size_t bytes;
  std::byte* room;
};

// room(bytes): what a value of that size takes beside itself. REQUIRES of release: acquired, by the
// same thread unless the traits say that anybody may.
template <class L>
concept LockBackend = std::constructible_from<L, const Guarded&> &&
    requires(L& lock, std::size_t n, std::span<std::byte> to, std::span<const std::byte> from) {
  { L::room(n) } -> std::same_as<std::size_t>;
  lock.read(n, to);
  lock.write(n, from);
};

// One lock over one value, single calls: what the typed API and the conformance tests use.
class AnyLock {
 public:
  virtual ~AnyLock() = default;
  // ok or timed_out; throws std::system_error when the kernel refuses. Both: REQUIRES an exclusive
  // lock.
  virtual Status acquire(Deadline deadline) = 0;
  virtual void release() = 0;
  virtual void read(std::size_t offset, std::span<std::byte> to) = 0;
  virtual void write(std::size_t offset, std::span<const std::byte> from) = 0;
  // Puts `wanted` there if `found` still is; false otherwise. REQUIRES an exchanging lock.
  virtual bool exchange(std::size_t offset, std::span<const std::byte> found,
                        std::span<const std::byte> wanted) = 0;

  // The timed loops (loops.h).
  virtual LoopResult update_loop(const LoopPlan& plan) = 0;
  virtual LoopResult read_mostly_loop(const LoopPlan& plan) = 0;
  virtual LoopResult copy_loop(const LoopPlan& plan) = 0;
  virtual LoopResult take_over_loop(const LoopPlan& plan, TakeOver& place) = 0;
};

struct LockEntry {
  static constexpr const char* kFamily = "lock";
  std::string name;
  Traits traits;
  std::size_t (*room)(std::size_t bytes);
  std::function<std::unique_ptr<AnyLock>(const Guarded&)> make;
};
using LockRegistry = Registry<LockEntry>;

template <LockBackend L>
class LockAdapter final : public AnyLock {
 public:
  explicit LockAdapter(const Guarded& guarded) : lock_(guarded) {}

  Status acquire(Deadline deadline) override {
    if constexpr (Exclusive<L>) return lock_.acquire(deadline);
    return refuse();
  }
  void release() override {
    if constexpr (Exclusive<L>) {
      lock_.release();
    } else {
      refuse();
    }
  }
  void read(std::size_t offset, std::span<std::byte> to) override { lock_.read(offset, to); }
  void write(std::size_t offset, std::span<const std::byte> from) override {
    lock_.write(offset, from);
  }
  bool exchange(std::size_t offset, std::span<const std::byte> found,
                std::span<const std::byte> wanted) override {
    if constexpr (Exchanging<L>) return lock_.exchange(offset, found, wanted);
    refuse();
  }

  LoopResult update_loop(const LoopPlan& plan) override { return ipc::update_loop(lock_, plan); }
  LoopResult read_mostly_loop(const LoopPlan& plan) override {
    return ipc::read_mostly_loop(lock_, plan);
  }
  LoopResult copy_loop(const LoopPlan& plan) override { return ipc::copy_loop(lock_, plan); }
  LoopResult take_over_loop(const LoopPlan& plan, TakeOver& place) override {
    if constexpr (Exclusive<L>) return ipc::take_over_loop(lock_, plan, place);
    refuse();
  }

 private:
  [[noreturn]] static Status refuse() { throw StateError("this lock has no such operation"); }

  L lock_;
};

template <LockBackend L>
LockEntry lock_entry(std::string name, Traits traits) {
  traits.exclusive = Exclusive<L>;
  traits.exchanging = Exchanging<L>;
  traits.reads_alone = ReadAlone<L>;
  return {std::move(name), std::move(traits), L::room,
          [](const Guarded& guarded) { return std::make_unique<LockAdapter<L>>(guarded); }};
}

// The last statement of a lock's file.
template <LockBackend L>
struct RegisterLock {
  RegisterLock(std::string name, Traits traits) {
    LockRegistry::add(lock_entry<L>(std::move(name), std::move(traits)));
  }
};

}  // namespace ipc
