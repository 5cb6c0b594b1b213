// SPDX-License-Identifier: MIT
// What the tests of the typed API share.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "impl/driver/traits.h"
#include "impl/process/process.h"

namespace ipc {

inline constexpr double kHang = 120;   // seconds; longer than anything that works takes
inline constexpr double kBrief = 0.2;  // long enough to see that something does not happen

// The backends that can be tested here, by name. Asks them once: some try what they need.
template <class Registry>
const std::vector<std::string>& usable_backends() {
  static const std::vector<std::string> usable = [] {
    std::vector<std::string> names;
    for (const auto& [name, entry] : Registry::entries()) {
      if (entry.traits.transports && !entry.traits.available()) names.push_back(name);
    }
    return names;
  }();
  return usable;
}

// The size of a large object's content: what is wanted, or as much as the backend carries in a
// message with what msgpack puts around it.
inline std::size_t large_object(const Traits& traits, std::size_t wanted) {
  constexpr std::size_t kAround = 16;
  const std::size_t limit =
      traits.unsized_message != 0 ? traits.unsized_message : traits.max_message;
  return std::min(wanted, limit - kAround);
}

inline std::string backend_name(const testing::TestParamInfo<std::string>& info) {
  return info.param;
}

// In a child: what does not hold ends it with status 1.
inline void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("not so: " + what);
}

// The exit status; nothing when it did not end by itself, then it is killed.
inline std::optional<int> end_of(Process& process) {
  if (!process.join(kHang)) {
    process.kill();
    return std::nullopt;
  }
  return process.exitcode();
}

// A process whose function is running; killed when the test is left.
class Running {
 public:
  explicit Running(std::function<void()> function) : process_(std::move(function)) {
    process_.start();
  }
  ~Running() { process_.kill(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  Process& operator*() { return process_; }
  Process* operator->() { return &process_; }

 private:
  Process process_;
};

// In the parent: signals that interrupt whatever the child waits in. The child must have called
// survive_interruptions.
inline void interrupt(Process& process) {
  for (int i = 0; i < 20; ++i) {
    ::kill(process.pid().value(), SIGUSR1);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

inline void survive_interruptions() {
  struct sigaction action {};
  action.sa_handler = [](int) {};  // without SA_RESTART
  sigaction(SIGUSR1, &action, nullptr);
}

}  // namespace ipc
