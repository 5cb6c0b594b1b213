// SPDX-License-Identifier: MIT
#include "impl/sync/lock.h"

#include "impl/os/error.h"

namespace ipc {
bool LockBase::is_mine() const {
  // Written by the holder: equal to this thread only if this thread wrote it.
  return state_->thread.load(std::memory_order_relaxed) == Owner::thread() &&
         state_->word.owner() == Owner::here();
}

bool LockBase::acquire_once(Deadline deadline) {
  if (!state_->word.acquire(deadline)) return false;
  state_->thread.store(Owner::thread(), std::memory_order_relaxed);
  state_->depth = 1;
  return true;
}

std::uint32_t LockBase::give_up() {
  const std::uint32_t depth = state_->depth;
  state_->thread.store(0, std::memory_order_relaxed);
  state_->word.release();
  return depth;
}

void LockBase::take_again(std::uint32_t depth) {
  acquire_once(Deadline::never());
  state_->depth = depth;
}

bool Lock::acquire(bool block, Timeout timeout) {
  return acquire_once(deadline_of(block, timeout));
}

void Lock::release() {
  if (state_->word.owner() == Owner::here()) state_->thread.store(0, std::memory_order_relaxed);
  if (state_->word.release()) return;
  throw ValueError("release of a lock that nobody holds");
}

bool RLock::acquire(bool block, Timeout timeout) {
  if (!is_mine()) return acquire_once(deadline_of(block, timeout));
  ++state_->depth;
  return true;
}

void RLock::release() {
  if (!is_mine()) throw StateError("release of a recursive lock by a thread that does not hold it");
  if (--state_->depth == 0) give_up();
}

}  // namespace ipc
