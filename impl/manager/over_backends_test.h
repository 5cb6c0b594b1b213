// SPDX-License-Identifier: MIT
// What the tests of managers share: each case has a manager of its own, over every backend.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "impl/manager/backend.h"
#include "impl/manager/manager.h"
#include "impl/pipe/pipe.h"
#include "impl/process/typed_api_test.h"

namespace ipc {

// The backends that can be tested here and do all of that.
inline std::vector<std::string> managers_with(std::initializer_list<std::string_view> operations) {
  std::vector<std::string> names;
  for (const std::string& name : usable_backends<ManagerRegistry>()) {
    const ManagerEntry& entry = ManagerRegistry::get(name);
    if (std::ranges::all_of(operations, [&](const auto& each) { return entry.has(each); })) {
      names.push_back(name);
    }
  }
  return names;
}
// Those with a server of ours, which has all objects.
inline std::vector<std::string> servers() {
  std::vector<std::string> names = managers_with({});
  std::erase_if(names, [](const std::string& name) {
    return !ManagerRegistry::get(name).operations.empty();
  });
  return names;
}

class OverBackends : public testing::TestWithParam<std::string> {
 protected:
  ManagerOptions options() const { return {.backend = GetParam()}; }
  ManagerOptions unstarted() const { return {.backend = GetParam(), .start = false}; }
  // Of who has address and key only.
  ManagerOptions elsewhere(const std::string& address, const std::string& key) const {
    return {.backend = GetParam(), .address = address, .authkey = key, .start = false};
  }
};

inline Object list(std::initializer_list<Object> items) { return Object::list(items); }

// No two pages of it are alike.
inline std::string long_text(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i + i / 4096) % 26);
  return text;
}

template <class F>
auto in_thread(F f) {
  return std::async(std::launch::async, std::move(f));
}
template <class Future>
bool is_over(const Future& future, double seconds) {
  return future.wait_for(std::chrono::duration<double>(seconds)) == std::future_status::ready;
}

// A process that has said that it is where the function leaves it, and what that gives, if
// anything. It is killed at the end.
class There {
 public:
  template <class F>
  explicit There(F function)
      : running_([this, function] {
          if constexpr (std::is_void_v<decltype(function())>) {
            function();
            stay(Object());
          } else {
            stay(function());
          }
        }) {
    told_ = ends_.first.recv();
  }
  const Object& told() const { return told_; }
  void kill() {
    running_->kill();
    ASSERT_TRUE(running_->join(kHang));
  }

 private:
  void stay(const Object& told) {
    ends_.second.send(told);
    for (;;) pause();
  }

  std::pair<Connection, Connection> ends_ = Pipe(false);
  Running running_;
  Object told_;
};

}  // namespace ipc
