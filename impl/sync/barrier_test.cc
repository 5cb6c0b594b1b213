// SPDX-License-Identifier: MIT
#include "impl/sync/barrier.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <thread>
#include <vector>

#include "impl/os/child.h"

namespace ipc {
namespace {

constexpr double kHang = 60;  // seconds that nothing sound takes

int end_of(Child& child) {
  return child.wait(Deadline::after(std::chrono::seconds(120))).value_or(-99);
}

// 0: through, 1: it was broken.
int wait_at(Barrier& barrier, Timeout timeout = kHang) {
  try {
    barrier.wait(timeout);
    return 0;
  } catch (const BrokenBarrier&) {
    return 1;
  }
}

Child one_at(Barrier& barrier, Timeout timeout = kHang) {
  const std::uint32_t before = barrier.n_waiting();
  Child child = fork_child([&barrier, timeout] { return wait_at(barrier, timeout); });
  const Deadline limit = Deadline::after(std::chrono::seconds(60));
  while (barrier.n_waiting() == before && !limit.passed()) std::this_thread::yield();
  return child;
}

TEST(BarrierOfProcesses, LetsAllGoOnWhenAllHaveComeRoundAfterRound) {
  constexpr std::size_t kParties = 4;
  constexpr int kRounds = 200;
  Shared<std::array<std::atomic<int>, kParties>> places;  // how often each was given
  Shared<std::atomic<int>> actions{0};
  Shared<std::atomic<int>> came{0};
  Barrier barrier(kParties, [&] { actions->fetch_add(1); });
  std::vector<Child> children;
  for (std::size_t i = 0; i < kParties; ++i) {
    children.push_back(fork_child([&] {
      for (int round = 0; round < kRounds; ++round) {
        came->fetch_add(1);
        places->at(barrier.wait(kHang)).fetch_add(1);
        // Nobody goes on before all have come, and the action was run.
        if (came->load() < static_cast<int>(kParties) * (round + 1)) return 1;
        if (actions->load() <= round) return 2;
      }
      return 0;
    }));
  }
  for (Child& child : children) EXPECT_EQ(end_of(child), 0);
  EXPECT_EQ(actions->load(), kRounds);
  for (auto& place : *places) EXPECT_EQ(place.load(), kRounds);
  EXPECT_EQ(barrier.n_waiting(), 0u);
  EXPECT_FALSE(barrier.broken());
}

TEST(Barrier, OfOnePartyIsOpen) {
  Barrier barrier(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(barrier.wait(0.0), 0u);
  EXPECT_EQ(barrier.parties(), 1u);
}

TEST(BarrierOfProcesses, IsBrokenForAllByATimeout) {
  Barrier barrier(3);
  Child patient = one_at(barrier);
  EXPECT_EQ(wait_at(barrier, 0.01), 1);
  EXPECT_EQ(end_of(patient), 1);
  EXPECT_TRUE(barrier.broken());
  EXPECT_EQ(wait_at(barrier), 1);  // at once
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  EXPECT_EQ(wait_at(barrier, 0.0), 1);
}

TEST(Barrier, HasATimeoutOfItsOwn) {
  Barrier barrier(2, nullptr, 0.01);
  EXPECT_THROW(barrier.wait(), BrokenBarrier);
}

TEST(BarrierOfProcesses, IsBrokenByAbortAndMendedByReset) {
  Barrier barrier(3);
  Child waiting = one_at(barrier);
  barrier.abort();
  EXPECT_EQ(end_of(waiting), 1);
  EXPECT_TRUE(barrier.broken());
  barrier.reset();
  std::vector<Child> children;
  for (int i = 0; i < 3; ++i) children.push_back(fork_child([&] { return wait_at(barrier); }));
  for (Child& child : children) EXPECT_EQ(end_of(child), 0);
}

TEST(BarrierOfProcesses, ResetSendsThoseAwayThatWait) {
  Barrier barrier(2);
  Child waiting = one_at(barrier);
  EXPECT_EQ(barrier.n_waiting(), 1u);
  barrier.reset();
  EXPECT_EQ(end_of(waiting), 1);
  EXPECT_FALSE(barrier.broken());
}

TEST(BarrierOfProcesses, IsBrokenByAKilledProcess) {
  for (const bool waits : {true, false}) {
    Barrier barrier(3);
    Child killed = one_at(barrier);
    std::vector<Child> waiting;
    if (waits) waiting.push_back(one_at(barrier));
    killed.signal(SIGKILL);
    EXPECT_EQ(end_of(killed), -SIGKILL);
    if (!waits) {
      EXPECT_EQ(wait_at(barrier), 1);
    } else {
      EXPECT_EQ(end_of(waiting[0]), 1);
    }
    EXPECT_TRUE(barrier.broken());
  }
}

TEST(Barrier, UsesItsOwnTimeoutForThoseWhoNameNone) {
  Barrier barrier(2, nullptr, 0.01);
  EXPECT_THROW(barrier.wait(std::nullopt), BrokenBarrier);
}

TEST(BarrierOfProcesses, IsBrokenForOthersByAnActionThatThrows) {
  Barrier barrier(2, [] { throw ValueError("no"); });
  Child waiting = one_at(barrier);
  EXPECT_THROW(barrier.wait(kHang), ValueError);
  EXPECT_EQ(end_of(waiting), 1);
  EXPECT_TRUE(barrier.broken());
}

TEST(Barrier, RefusesFewerThanOneParty) {
  EXPECT_THROW(Barrier(0), ValueError);
  EXPECT_THROW(Barrier(-1), ValueError);
  EXPECT_THROW(Barrier((1 << 20) + 1), ValueError);
}

TEST(BarrierOfThreads, IsOneAsWell) {
  Barrier barrier(3);
  int before = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        barrier.wait(kHang);
        EXPECT_EQ(before, round);
        barrier.wait(kHang);
      }
    });
  }
  for (int round = 0; round < 100; ++round) {
    before = round;
    barrier.wait(kHang);
    barrier.wait(kHang);
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace ipc
