// SPDX-License-Identifier: MIT
// What each process must have for itself, in an object that fork copies. After a fork the child
// makes its own at first use; the parent's copy there is left alone for ever, because it may hold
// locks that were taken and threads that do not exist in the child.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace ipc {

// Differs between a process and every process that it descends from.
std::uint64_t fork_generation();

// Any thread may call get. T is made by its default constructor, which must be cheap and without
// side effects: when two threads are first at the same time, one of two objects is thrown away.
template <class T>
class PerProcess {
 public:
  PerProcess() = default;
  PerProcess(const PerProcess&) = delete;
  PerProcess& operator=(const PerProcess&) = delete;
  ~PerProcess() {
    Entry* entry = entry_.load(std::memory_order_acquire);  // pairs with the exchange in get
    if (is_ours(entry)) delete entry;
  }

  T& get() {
    Entry* entry = entry_.load(std::memory_order_acquire);  // pairs with the exchange below
    if (is_ours(entry)) return entry->object;
    auto fresh = std::make_unique<Entry>();
    while (!is_ours(entry)) {
      fresh->left_alone = entry;
      // release: whoever sees the pointer sees the object.
      if (entry_.compare_exchange_weak(entry, fresh.get(), std::memory_order_acq_rel,
                                       std::memory_order_acquire)) {
        return fresh.release()->object;
      }
    }
    return entry->object;
  }

 private:
  struct Entry {
    const std::uint64_t generation = fork_generation();
    const Entry* left_alone = nullptr;  // the parent's, in sight of leak checkers
    T object;
  };
  static bool is_ours(const Entry* entry) {
    return entry != nullptr && entry->generation == fork_generation();
  }

  std::atomic<Entry*> entry_{nullptr};
};

}  // namespace ipc
