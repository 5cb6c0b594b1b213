// SPDX-License-Identifier: MIT
#include "impl/sync/event.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>
#include <vector>

#include "impl/os/child.h"

namespace ipc {
namespace {

int end_of(Child& child) {
  return child.wait(Deadline::after(std::chrono::seconds(120))).value_or(-99);
}

TEST(Event, IsSetAndClearedAsOftenAsOneLikes) {
  Event event;
  EXPECT_FALSE(event.is_set());
  EXPECT_FALSE(event.wait(0.0));
  EXPECT_FALSE(event.wait(0.01));
  for (int i = 0; i < 2; ++i) event.set();
  EXPECT_TRUE(event.is_set());
  EXPECT_TRUE(event.wait());
  EXPECT_TRUE(event.wait(0.0));
  for (int i = 0; i < 2; ++i) event.clear();
  EXPECT_FALSE(event.is_set());
}

TEST(EventOfProcesses, ReleasesAllThatWait) {
  Event event;
  std::vector<Child> children;
  for (int i = 0; i < 3; ++i) {
    children.push_back(fork_child([&] { return event.wait(60.0) ? 0 : 1; }));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  event.set();
  for (Child& child : children) EXPECT_EQ(end_of(child), 0);
}

TEST(Event, ReleasesThoseThatWaitedThoughItIsClearedAtOnce) {
  Event event;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { event.wait(60.0); });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const std::int64_t begin = monotonic_ns();
  event.set();
  event.clear();
  for (std::thread& thread : threads) thread.join();
  EXPECT_LT(monotonic_ns() - begin, 30'000'000'000);  // not by their timeouts
}

TEST(EventOfProcesses, IsSetAlthoughOneThatWaitedWasKilled) {
  Event event;
  Child killed = fork_child([&] { return event.wait() ? 0 : 1; });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  killed.signal(SIGKILL);
  EXPECT_EQ(end_of(killed), -SIGKILL);
  Child waiting = fork_child([&] { return event.wait(60.0) ? 0 : 1; });
  event.set();
  EXPECT_TRUE(event.is_set());
  EXPECT_EQ(end_of(waiting), 0);
}

TEST(Event, ShowsWhatWasWrittenBeforeItWasSet) {
  for (int round = 0; round < 200; ++round) {
    Event event;
    int written = 0;
    std::thread writer([&] {
      written = 42;
      event.set();
    });
    EXPECT_TRUE(event.wait(60.0));
    EXPECT_EQ(written, 42);
    writer.join();
  }
}

}  // namespace
}  // namespace ipc
