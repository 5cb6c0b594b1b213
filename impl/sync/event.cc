// SPDX-License-Identifier: MIT
#include "impl/sync/event.h"

#include <climits>

#include "impl/os/futex.h"

namespace ipc {

void Event::set() {
  std::uint32_t found = word_->load(std::memory_order_relaxed);
  while ((found & kSet) == 0) {
    // release: what came before is seen by those who find it set.
    if (word_->compare_exchange_weak(found, found + kSet, std::memory_order_acq_rel,
                                     std::memory_order_relaxed)) {
      futex_wake(*word_, INT_MAX);
      return;
    }
  }
  word_->fetch_add(0, std::memory_order_acq_rel);  // for those who find it set from now on
}

void Event::clear() {
  std::uint32_t found = word_->load(std::memory_order_relaxed);
  while ((found & kSet) != 0 &&
         !word_->compare_exchange_weak(found, found + kSet, std::memory_order_acq_rel,
                                       std::memory_order_relaxed)) {
  }
}

bool Event::wait(Timeout timeout) {
  const Deadline deadline = deadline_of(timeout);
  const std::uint32_t before = word_->load(std::memory_order_acquire);
  if ((before & kSet) != 0) return true;
  while (word_->load(std::memory_order_acquire) == before && !deadline.passed()) {
    futex_wait(*word_, before, deadline.within(kRecheck));
  }
  return is_set();
}

}  // namespace ipc
