// SPDX-License-Identifier: MIT
#include "impl/sync/condition.h"

#include <algorithm>
#include <string>

#include "impl/os/error.h"
#include "impl/os/futex.h"

namespace ipc {
namespace {

// The notifier may have been killed before it woke the one that it has notified.
constexpr std::chrono::milliseconds kRecheck{50};

}  // namespace

LockBase& Condition::base() const {
  return *std::visit([](auto* lock) -> LockBase* { return lock; }, lock_);
}

bool Condition::acquire(bool block, Timeout timeout) {
  return std::visit([&](auto* lock) { return lock->acquire(block, timeout); }, lock_);
}

void Condition::release() {
  std::visit([](auto* lock) { lock->release(); }, lock_);
}

void Condition::require_lock(const char* what) const {
  if (!base().is_mine()) {
    throw StateError(std::string(what) + " of a condition by a thread that does not hold its lock");
  }
}

Condition::Waiter& Condition::new_waiter() {
  Waiter* found = nullptr;
  const std::uint32_t used = std::min(state_->used.load(std::memory_order_relaxed), kMost);
  for (std::uint32_t i = 0; i < used && found == nullptr; ++i) {
    Waiter& waiter = state_->waiters[i];
    // One that was killed has left its place as it was.
    if (waiter.state.load(std::memory_order_relaxed) == Waiter::nobody ||
        !Owner::is_alive(waiter.owner.load(std::memory_order_relaxed))) {
      found = &waiter;
    }
  }
  if (found == nullptr) {
    if (used == kMost) {
      throw StateError("a condition on which " + std::to_string(kMost) + " threads wait already");
    }
    state_->used.store(used + 1, std::memory_order_relaxed);
    found = &state_->waiters[used];
  }
  found->owner.store(Owner::here(), std::memory_order_relaxed);
  found->turn.store(state_->turns.fetch_add(1, std::memory_order_relaxed),
                    std::memory_order_relaxed);
  found->state.store(Waiter::waiting, std::memory_order_relaxed);
  return *found;
}

bool Condition::wait_until(Deadline deadline) {
  require_lock("wait");
  Waiter& self = new_waiter();
  const std::uint32_t depth = base().give_up();
  while (self.state.load(std::memory_order_acquire) == Waiter::waiting && !deadline.passed()) {
    futex_wait(self.state, Waiter::waiting, deadline.within(kRecheck));
  }
  base().take_again(depth);
  // Only now: it may have been notified after the deadline, and then the notification is its own.
  return self.state.exchange(Waiter::nobody, std::memory_order_relaxed) == Waiter::notified;
}

void Condition::notify(std::uint32_t n) {
  require_lock("notify");
  for (; n != 0; --n) {
    Waiter* first = nullptr;
    const std::uint32_t used = std::min(state_->used.load(std::memory_order_relaxed), kMost);
    for (std::uint32_t i = 0; i < used; ++i) {
      Waiter& waiter = state_->waiters[i];
      if (waiter.state.load(std::memory_order_relaxed) != Waiter::waiting) continue;
      if (!Owner::is_alive(waiter.owner.load(std::memory_order_relaxed))) {
        waiter.state.store(Waiter::nobody, std::memory_order_relaxed);
      } else if (first == nullptr || waiter.turn.load(std::memory_order_relaxed) <
                                         first->turn.load(std::memory_order_relaxed)) {
        first = &waiter;
      }
    }
    if (first == nullptr) return;
    first->state.store(Waiter::notified, std::memory_order_release);
    futex_wake(first->state, 1);
  }
}

}  // namespace ipc
