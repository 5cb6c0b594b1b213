// SPDX-License-Identifier: MIT
// What Value and Array are made of: bytes in a memory, the lock that guards them, by name.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "impl/os/timeout.h"
#include "impl/shared/backend.h"

namespace ipc {

// A lock as get_lock() hands it out: a copy is the same lock, and keeps it. May be taken again by
// the thread that holds it, and is free after as many releases. The first use in a process starts a
// thread there, by which others see whether it is alive (sync/owner.h), and throws
// std::system_error when there are too many of them. REQUIRES of all calls: it is one.
class SharedLock {
 public:
  SharedLock() = default;  // none
  // Anything with acquire and release, such as ipc::Lock, which must outlive all copies of this. If
  // it is not recursive, whoever holds it and then touches the value waits for ever.
  template <class L>
  requires(!std::same_as<L, SharedLock>) && requires(L& lock) {
    { lock.acquire(true, Timeout()) } -> std::same_as<bool>;
    lock.release();
  }
  SharedLock(L& lock) : any_(std::make_shared<Foreign<L>>(lock)) {}

  // True when it was taken. Without block, or with a timeout of 0, it does not wait.
  bool acquire(bool block = true, Timeout timeout = std::nullopt) {
    return any_->acquire(block, timeout);
  }
  // Throws StateError when this thread does not hold it; another lock's own error.
  void release() { any_->release(); }

  void lock() {  // for std::lock_guard
    if (!acquire()) throw StateError("a lock could not be taken");
  }
  void unlock() { release(); }
  bool try_lock() { return acquire(false); }

  explicit operator bool() const { return any_ != nullptr; }  // there is one
  // The same lock, not one of the same kind.
  friend bool operator==(const SharedLock& a, const SharedLock& b) {
    return a.any_ == b.any_ || (a && b && a.any_->identity() == b.any_->identity());
  }

 private:
  friend class Guard;
  struct Any {
    virtual ~Any() = default;
    virtual bool acquire(bool block, Timeout timeout) = 0;
    virtual void release() = 0;
    virtual const void* identity() const = 0;
  };
  template <class L>
  struct Foreign final : Any {
    explicit Foreign(L& theirs) : lock(theirs) {}
    bool acquire(bool block, Timeout timeout) override { return lock.acquire(block, timeout); }
    void release() override { lock.release(); }
    const void* identity() const override { return &lock; }
    L& lock;
  };
  class Recursive;

  std::shared_ptr<Any> any_;
};

// How a value is shared. The names are those of MemoryRegistry and LockRegistry.
struct SharedOptions {
  std::string memory = "anonymous";
  std::string lock = "futex";
  SharedLock own = {};  // instead of a new one of that name
};

// Any thread may call, in every process forked while it exists.
class Guard {
 public:
  // Zeroed bytes. Throws ValueError for an unknown name or a lock that cannot guard so many bytes,
  // std::system_error when there is no memory.
  Guard(std::size_t bytes, const SharedOptions& options);
  // The bytes of another guard, which has no lock, under one. Throws as above; the memory of the
  // lock is options.memory.
  Guard(std::shared_ptr<Guard> raw, const SharedOptions& options);

  std::size_t bytes() const { return bytes_; }
  // Throws ValueError when nothing can be held: none, atomic.
  SharedLock& lock();
  // Nobody else changes the value between the accesses of one update.
  bool excludes() const { return lock_ || lock_name_->traits.exchanging; }
  // The bytes themselves. Throws ValueError when they have no place of their own: latch.
  std::byte* in_place() const;

  // Each in one period of the lock.
  void read(std::size_t offset, std::span<std::byte> to);
  void write(std::size_t offset, std::span<const std::byte> from);
  // Calls change(bytes) with a copy of bytes [offset, offset + copy.size()) and writes it back;
  // with a lock of the CPU's own operations perhaps several times.
  template <class Change>
  void update(std::size_t offset, std::span<std::byte> copy, const Change& change) {
    if (lock_name_->traits.exchanging) {
      std::vector<std::byte> found(copy.size());
      do {
        access_->read(offset, found);
        std::copy(found.begin(), found.end(), copy.begin());
        change(copy);
      } while (!access_->exchange(offset, found, copy));
      return;
    }
    const auto hold = held();
    access_->read(offset, copy);
    change(copy);
    access_->write(offset, copy);
  }

 private:
  void guard(std::byte* value, const SharedOptions& options, std::size_t value_room);
  std::unique_lock<SharedLock> held() {
    return lock_ ? std::unique_lock(lock_) : std::unique_lock<SharedLock>();
  }

  std::size_t bytes_;
  std::shared_ptr<Guard> raw_;  // whose bytes it guards; or nothing
  std::shared_ptr<AnyMemory> memory_;
  std::byte* value_ = nullptr;
  const LockEntry* lock_name_ = nullptr;
  std::shared_ptr<AnyLock> access_;
  SharedLock lock_;
};

}  // namespace ipc
