// SPDX-License-Identifier: MIT
#include "impl/sync/event_count.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>
#include <vector>

#include "impl/os/child.h"
#include "impl/os/mapping.h"

namespace ipc {
namespace {

using namespace std::chrono_literals;

// Tokens that are put and taken, and those who wait for one.
struct Tokens {
  void put() {
    count.fetch_add(1);
    changed.notify_one();
  }
  bool take(Deadline deadline) {
    int have = 0;
    const auto taken = [&] {
      have = count.load();
      while (have > 0 && !count.compare_exchange_weak(have, have - 1)) {
      }
      return have > 0;
    };
    return changed.wait(taken, deadline);
  }

  std::atomic<int> count{0};
  EventCount changed;
};

TEST(EventCounts, DoNotWaitForWhatIsTrue) {
  Tokens tokens;
  tokens.put();
  EXPECT_TRUE(tokens.take(Deadline::now()));
}

TEST(EventCounts, KeepDeadlines) {
  Tokens tokens;
  EXPECT_FALSE(tokens.take(Deadline::now()));
  EXPECT_FALSE(tokens.take(Deadline::after(5ms)));
}

TEST(EventCounts, WakeAsManyAsAreNotified) {
  constexpr int kEach = 5'000;
  Tokens tokens;
  std::vector<std::thread> threads;
  std::atomic<int> missing{0};
  for (int taker = 0; taker < 3; ++taker) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        if (!tokens.take(Deadline::after(60s))) ++missing;
      }
    });
  }
  for (int putter = 0; putter < 3; ++putter) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) tokens.put();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(missing, 0);
  EXPECT_EQ(tokens.count, 0);
}

TEST(EventCountsOfProcesses, GoOnWhenASleeperIsKilled) {
  const Shared<Tokens> tokens;
  for (int round = 0; round < 3; ++round) {
    Child sleeper = fork_child([&tokens] { return tokens->take(Deadline::never()) ? 0 : 1; });
    std::this_thread::sleep_for(20ms);
    sleeper.signal(SIGKILL);
    sleeper.wait(Deadline::never());
  }
  Child taker = fork_child([&tokens] {
    for (int i = 0; i < 100; ++i) {
      if (!tokens->take(Deadline::after(60s))) return 1;
    }
    return 0;
  });
  for (int i = 0; i < 100; ++i) tokens->put();
  EXPECT_EQ(taker.wait(Deadline::after(60s)), 0);
}

}  // namespace
}  // namespace ipc
