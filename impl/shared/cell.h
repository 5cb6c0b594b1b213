// SPDX-License-Identifier: MIT
// A value of some bytes in a memory under a lock: what the measurements and the conformance tests
// use, where the typed API adds recursion (guard.h).
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>

#include "impl/shared/backend.h"

namespace ipc {

constexpr std::size_t whole_lines(std::size_t bytes) {
  return (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
}

class Cell {
 public:
  // Zeroed. The value and what the lock shares stand on lines of their own. Throws
  // std::system_error.
  Cell(const MemoryEntry& memory, const LockEntry& lock, std::size_t bytes)
      : memory_(memory.make(whole_lines(bytes) + whole_lines(lock.room(bytes)))),
        lock_(lock.make({memory_->address(), bytes, memory_->address() + whole_lines(bytes)})) {}

  AnyLock& lock() const { return *lock_; }

  // The first 8 bytes as a number, without the lock.
  std::int64_t number() const {
    std::int64_t value;
    lock_->read(0, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  void set_number(std::int64_t value) { lock_->write(0, std::as_bytes(std::span(&value, 1))); }

 private:
  std::unique_ptr<AnyMemory> memory_;
  std::unique_ptr<AnyLock> lock_;
};

}  // namespace ipc
