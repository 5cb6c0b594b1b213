// SPDX-License-Identifier: MIT
// Lock and RLock, as Python's multiprocessing has them.
//
//   ipc::Lock lock;
//   ipc::Process child{[&] { std::lock_guard hold(lock); ... }};
//
// A lock is made before the processes that use it are forked. Where Python's stays taken for ever
// when a process ends, or is killed, that holds it, the next one gets it here, within 50 ms. Not
// fair.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "impl/os/mapping.h"
#include "impl/os/timeout.h"
#include "impl/sync/lock_word.h"

namespace ipc {

// What Lock and RLock have in common, and Condition asks of both.
class LockBase {
 public:
  LockBase(const LockBase&) = delete;
  LockBase& operator=(const LockBase&) = delete;

  // This thread holds it.
  bool is_mine() const;
  // Gives up all levels of this thread's hold, and how many they were; takes so many again.
  // REQUIRES: is_mine(); not is_mine().
  std::uint32_t give_up();
  void take_again(std::uint32_t depth);

 protected:
  LockBase() = default;
  ~LockBase() = default;

  bool acquire_once(Deadline deadline);

  struct State {
    LockWord word;
    std::atomic<std::int32_t> thread{0};  // of the holding process; written by that alone
    std::uint32_t depth = 0;              // the holder's
  };
  Shared<State> state_;
};

class Lock : public LockBase {
 public:
  static constexpr std::string_view kInheritedAs = "Lock";

  // True when it was taken. Without block, or with a timeout of 0, it does not wait. The holder
  // itself must not: it would wait for ever.
  bool acquire(bool block = true, Timeout timeout = std::nullopt);
  // Any process or thread may, but for one that has ended: then it may be another's already. Throws
  // ValueError when nobody holds it.
  void release();

  void lock() { acquire(); }  // for std::lock_guard
  void unlock() { release(); }
  bool try_lock() { return acquire(false); }
};

// May be taken again by the thread that holds it, and is free after as many releases.
class RLock : public LockBase {
 public:
  static constexpr std::string_view kInheritedAs = "RLock";

  bool acquire(bool block = true, Timeout timeout = std::nullopt);  // as of Lock
  // Throws StateError when this thread does not hold it.
  void release();

  void lock() { acquire(); }
  void unlock() { release(); }
  bool try_lock() { return acquire(false); }
};

}  // namespace ipc
