// SPDX-License-Identifier: MIT
// Attached: what one process has open of the files of a store, from its first call on, in whichever
// thread that is. What it has had open it keeps to its end: a call may be at work in it.
//
// T is made of a PathInUse; it has the identity of that, and its memory begins with an Ended.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "impl/manager/errors.h"
#include "impl/os/path_in_use.h"

namespace ipc::detail {

// In memory that all have mapped: the store has ended. Relaxed, for nothing comes with it.
struct Ended {
  std::atomic<std::uint32_t> word{0};
  void set() { word.store(1, std::memory_order_relaxed); }
  bool is_set() const { return word.load(std::memory_order_relaxed) != 0; }
};

template <class T>
class Attached {
 public:
  // Throws ServerGone when it has ended or cannot be opened.
  T& get(const std::string& address) {
    T* known = current_.load(std::memory_order_acquire);  // pairs with the store in open
    try {
      if (known == nullptr) known = &open(address);
    } catch (const std::system_error& error) {
      throw ServerGone("the manager at " + address + " is gone: " + error.what());
    }
    if (known->ended().is_set()) throw ServerGone("the manager at " + address + " is gone");
    return *known;
  }
  // What is at the address now, which may be another one than before. Throws std::system_error,
  // ServerGone.
  T& open(const std::string& address) {
    const std::lock_guard hold(mutex_);
    PathInUse path(T::kKind, address);
    T* const known = current_.load(std::memory_order_relaxed);
    if (known != nullptr && known->identity() == path.identity()) return *known;
    all_.push_back(std::make_unique<T>(std::move(path)));
    current_.store(all_.back().get(), std::memory_order_release);
    return *all_.back();
  }

  // Around a fork.
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  // In a child that must open its own: what it has of its parent is left alone.
  void leave() {
    for (auto& each : all_) static_cast<void>(each.release());
    all_.clear();
    current_.store(nullptr, std::memory_order_relaxed);
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> all_;
  std::atomic<T*> current_{nullptr};
};

}  // namespace ipc::detail
