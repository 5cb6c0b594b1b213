// SPDX-License-Identifier: MIT
// Acts when a descriptor hangs up, while the threads that should know are asleep in a system call
// that only sees its own object. A thread of its own sleeps until then; it takes no signals.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "impl/os/unique_fd.h"

namespace ipc {

// Threads do not survive fork: what is to work in a child as well keeps it in a PerProcess. Any
// thread may call; destruction ends the thread.
class HangUpWatch {
 public:
  HangUpWatch() = default;
  HangUpWatch(const HangUpWatch&) = delete;
  HangUpWatch& operator=(const HangUpWatch&) = delete;
  ~HangUpWatch();

  // The first call starts the thread, others do nothing. Once `fd` has hung up the thread calls
  // `act`, and again every millisecond until that returns true. Throws std::system_error.
  // REQUIRES: `fd` stays open, and what `act` uses stays there, until destruction.
  template <class Act>
  void start(int fd, const Act& act) {
    if (running_.load(std::memory_order_acquire)) return;  // pairs with run: the thread is there
    run(fd, act);
  }

 private:
  void run(int fd, std::function<bool()> act);

  std::mutex starting_;
  std::atomic<bool> running_{false};
  UniqueFd stop_;  // an eventfd: readable when the thread must end
  std::thread thread_;
};

}  // namespace ipc
