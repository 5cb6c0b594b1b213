// SPDX-License-Identifier: MIT
// Condition, as Python's multiprocessing has it: waiting, with a lock given up meanwhile, until
// somebody notifies. Made before the processes that use it are forked.
//
//   std::lock_guard hold(condition);
//   condition.wait_for([&] { return done->load(); });
//
// A notification goes to those that wait when it is given, the first to come first, and not to a
// process that was killed before; in Python the next notify hangs then, with the lock held. At most
// kMost threads wait at a time.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <variant>

#include "impl/os/mapping.h"
#include "impl/os/timeout.h"
#include "impl/sync/lock.h"

namespace ipc {

class Condition {
 public:
  static constexpr std::string_view kInheritedAs = "Condition";

  static constexpr std::uint32_t kMost = 1024;

  Condition() : own_(std::make_unique<RLock>()), lock_(own_.get()) {}
  // On a lock that others use as well, and that outlives this.
  explicit Condition(Lock& lock) : lock_(&lock) {}
  explicit Condition(RLock& lock) : lock_(&lock) {}

  bool acquire(bool block = true, Timeout timeout = std::nullopt);
  void release();
  void lock() { acquire(); }  // for std::lock_guard
  void unlock() { release(); }

  // Each throws StateError unless this thread holds the lock.

  // Gives the lock up, all levels of it, until it is notified or the time is over, and takes it
  // again, however long that takes. True when it was notified. Throws StateError when kMost wait.
  bool wait(Timeout timeout = std::nullopt) { return wait_until(deadline_of(timeout)); }
  // Until `predicate` is true, which is asked first, and after each notification. What it said
  // last. The time is for all of it.
  template <std::predicate Predicate>
  bool wait_for(const Predicate& predicate, Timeout timeout = std::nullopt) {
    const Deadline deadline = deadline_of(timeout);
    for (;;) {
      if (predicate()) return true;
      if (!wait_until(deadline)) return predicate();
    }
  }
  // At most n of those that wait now.
  void notify(std::uint32_t n = 1);
  void notify_all() { notify(std::numeric_limits<std::uint32_t>::max()); }

 private:
  // One that waits.
  struct Waiter {
    enum State : std::uint32_t { nobody, waiting, notified };

    std::atomic<std::uint32_t> state{nobody};  // the futex word
    std::atomic<std::uint32_t> owner{Owner::kNobody};
    std::atomic<std::uint64_t> turn{0};  // the order in which they came
  };
  // Written by who holds the lock; only a waiter's state is looked at without it.
  struct State {
    std::atomic<std::uint64_t> turns{0};
    std::atomic<std::uint32_t> used{0};  // waiters from here on were never used
    Waiter waiters[kMost];
  };

  bool wait_until(Deadline deadline);
  void require_lock(const char* what) const;
  LockBase& base() const;
  Waiter& new_waiter();

  std::unique_ptr<RLock> own_;
  std::variant<Lock*, RLock*> lock_;
  Shared<State> state_;
};

}  // namespace ipc
