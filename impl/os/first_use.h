// SPDX-License-Identifier: MIT
// What is made when it is first used, and never destroyed: threads may use it until the end. A
// static variable of a function is no such thing where there are forks: a child that is forked
// while another thread makes it waits for that thread, which the child does not have.
#pragma once

#include <atomic>
#include <memory>
#include <type_traits>

namespace ipc {

// For variables of static storage. Any thread may call get, with what makes a T. When two threads
// are first at the same time, one of two objects is thrown away. A child has its parent's, if that
// was there, or makes its own.
template <class T>
class FirstUse {
 public:
  constexpr FirstUse() = default;
  FirstUse(const FirstUse&) = delete;
  FirstUse& operator=(const FirstUse&) = delete;

  T& get() {
    return get([] { return std::remove_const_t<T>(); });
  }
  template <class Make>
  T& get(Make make) {
    T* there = object_.load(std::memory_order_acquire);  // pairs with the exchange
    if (there != nullptr) return *there;
    std::unique_ptr<T> fresh(new T(make()));  // which no make_unique can, where T does not move
    // release: whoever sees the pointer sees the object.
    if (object_.compare_exchange_strong(there, fresh.get(), std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
      return *fresh.release();
    }
    return *there;
  }

 private:
  std::atomic<T*> object_{nullptr};
};

}  // namespace ipc
