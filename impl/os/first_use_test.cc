// SPDX-License-Identifier: MIT
#include "impl/os/first_use.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include "impl/os/child.h"

namespace ipc {
namespace {

TEST(FirstUse, MakesOne) {
  static constinit FirstUse<std::string> text;
  std::string& made = text.get([] { return std::string("made"); });
  EXPECT_EQ(made, "made");
  EXPECT_EQ(&text.get(), &made);
}

TEST(FirstUse, TriesAgainAfterAMakerThatThrew) {
  static constinit FirstUse<int> number;
  EXPECT_THROW(number.get([]() -> int { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(number.get([] { return 2; }), 2);
}

// With a static variable the child would wait for the thread, which it does not have.
TEST(FirstUseOfProcesses, IsAChildsOwnWhereAnotherThreadIsMakingIt) {
  static constinit FirstUse<int> number;
  std::promise<void> making;
  std::promise<void> forked;
  std::thread first([&] {
    number.get([&] {
      making.set_value();
      forked.get_future().wait();
      return 1;
    });
  });
  making.get_future().wait();
  Child child = fork_child([] { return number.get([] { return 2; }); });
  EXPECT_EQ(child.wait(Deadline::after(std::chrono::seconds(60))), 2);
  forked.set_value();
  first.join();
  EXPECT_EQ(number.get(), 1);
}

}  // namespace
}  // namespace ipc
