// SPDX-License-Identifier: MIT
// A word in shared memory that says whether a process is there, and on which others sleep until it
// wakes them. When that process ends, however, the kernel takes it out of the word and wakes a
// sleeper: who looks at the word needs no system call to learn of a death, and who sleeps on it
// need not look by itself. (The kernel does so for the holder of a robust futex; this is one that
// is held as long as the process takes part.) A process killed while it enters may be taken for
// present for ever: who has waited for long asks a lifetime token as well.
//
// It lives in shared memory and is constructed before the processes that use it. One process at a
// time is present, one thread at a time sleeps; any thread may wake.
#pragma once

#include <linux/futex.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include "impl/os/deadline.h"

namespace ipc {

class Presence {
 public:
  class Stay;

  Presence() = default;
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  // A process is there, and has not ended. That none is proves nothing: it may be to come.
  bool is_taken() const { return is_held(word_.load(std::memory_order_acquire)); }

  // For who is present. What the sleeper waits for must have been published before, seq_cst.
  void wake_sleeper() {
    if ((word_.load() & (FUTEX_WAITERS | kWoken)) == FUTEX_WAITERS) wake();
  }
  bool has_sleeper() const { return (word_.load(std::memory_order_relaxed) & FUTEX_WAITERS) != 0; }

  // Sleeps until it is woken, the process that is there has gone or ended, or the deadline has
  // passed; where none is, who could wake it, no longer than `nap`. May return early for no reason.
  // Does not sleep if `look`, asked when everybody can see that somebody sleeps, says that there is
  // no need any more.
  template <class Look>
  void sleep(const Look& look, Deadline deadline, std::chrono::nanoseconds nap) {
    const std::uint32_t asleep = lie_down();
    std::atomic_thread_fence(std::memory_order_seq_cst);  // what `look` loads comes after it
    if (!look()) wait(asleep, is_held(asleep) ? deadline : deadline.within(nap));
    get_up();
  }

 private:
  // The word: FUTEX_TID_MASK tells the thread that stands for the process, FUTEX_WAITERS that
  // somebody sleeps. kWoken says that the sleeper is being woken: with FUTEX_WAITERS still there,
  // the kernel finishes that for a process that is killed in between. (In a word without a holder
  // the kernel sets this bit, and it means nothing.)
  static constexpr std::uint32_t kWoken = FUTEX_OWNER_DIED;

  static bool is_held(std::uint32_t word) { return (word & FUTEX_TID_MASK) != 0; }
  void wake();
  std::uint32_t lie_down();
  void wait(std::uint32_t asleep, Deadline deadline) const;
  void get_up();

  robust_list node_{nullptr};           // in the list of the process that is present
  std::atomic<std::uint32_t> word_{0};  // seq_cst but in is_taken, which pairs with enter and leave
};

// The presence of this process. For one thread at a time; ends with the object, in the process in
// which it began.
class Presence::Stay {
 public:
  Stay() = default;
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;
  ~Stay();

  // Enters, and says whether it could: not if somebody is there, this process has entered 2000
  // already, or has no thread left for it. REQUIRES: `presence` outlives this, which is in none in
  // this process.
  bool enter(Presence& presence);

 private:
  Presence* presence_ = nullptr;
  std::uint64_t generation_ = 0;  // of the process in which it began
};

}  // namespace ipc
