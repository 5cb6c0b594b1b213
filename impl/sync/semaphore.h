// SPDX-License-Identifier: MIT
// Semaphore and BoundedSemaphore, as Python's multiprocessing has them. Made before the processes
// that use them are forked; any process or thread may acquire and release. What a killed process
// had acquired is lost: a semaphore knows no holders. One that is killed while it waits disturbs
// nobody.
#pragma once

#include <cstdint>
#include <string_view>

#include "impl/os/mapping.h"
#include "impl/os/timeout.h"
#include "impl/sync/semaphore_word.h"

namespace ipc {

class Semaphore {
 public:
  static constexpr std::string_view kInheritedAs = "Semaphore";

  // Throws ValueError for a value below 0 or over 2^31-1.
  explicit Semaphore(std::int64_t value = 1) : Semaphore(value, SemaphoreWord::kMax) {}

  // True when one was taken. Without block, or with a timeout of 0, it does not wait.
  bool acquire(bool block = true, Timeout timeout = std::nullopt) {
    return word_->acquire(deadline_of(block, timeout));
  }
  void release();  // throws ValueError when the value is 2^31-1, or at the bound
  std::uint32_t get_value() const { return word_->value(); }

  void lock() { acquire(); }  // for std::lock_guard
  void unlock() { release(); }
  bool try_lock() { return acquire(false); }

 protected:
  Semaphore(std::int64_t value, std::int64_t limit);

 private:
  const std::uint32_t limit_;
  Shared<SemaphoreWord> word_;
};

// Whose value is never more than at first. In Python two racing releases may exceed it.
class BoundedSemaphore : public Semaphore {
 public:
  static constexpr std::string_view kInheritedAs = "BoundedSemaphore";

  explicit BoundedSemaphore(std::int64_t value = 1) : Semaphore(value, value) {}
};

}  // namespace ipc
