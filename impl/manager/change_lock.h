// SPDX-License-Identifier: MIT
// A lock of what processes change in shared memory, that knows when a change has been left half
// done: its holder was killed inside one, and from then on nobody gets it any more. Killed while it
// only read, it has disturbed nobody.
//
// It lives in shared memory; any thread of any process that has it mapped may take it, also one
// that was not forked with the others. It sleeps while another has it; not recursive.
#pragma once

#include <atomic>

#include "impl/os/error.h"
#include "impl/sync/process_mutex.h"

namespace ipc {

class ChangeLock {
 public:
  enum class For { reading, changing };

  class Hold {
   public:
    // Throws Error when a change was left half done.
    Hold(ChangeLock& lock, For what) : lock_(lock) { lock.take(what); }
    ~Hold() { lock_.give_back(); }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    ChangeLock& lock_;
  };

 private:
  void take(For what) {
    if (mutex_.lock() == ProcessMutex::Taken::owner_died && is_changing_) is_broken_ = true;
    if (is_broken_) {
      mutex_.unlock();
      throw Error("it is half changed: a process was killed inside a change");
    }
    is_changing_.store(what == For::changing, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // comes before the change
  }
  void give_back() {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // comes after it
    is_changing_.store(false, std::memory_order_relaxed);
    mutex_.unlock();
  }

  RobustMutex mutex_;
  // Guarded by it; atomic, for who is killed has written what he wrote in this order.
  std::atomic<bool> is_changing_{false};
  std::atomic<bool> is_broken_{false};
};

}  // namespace ipc
