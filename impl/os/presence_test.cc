// SPDX-License-Identifier: MIT
#include "impl/os/presence.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "impl/os/child.h"
#include "impl/os/mapping.h"

namespace ipc {
namespace {

using namespace std::chrono_literals;

const auto kNeverReady = [] { return false; };

// A process that is present until it is killed.
Child fork_present(Presence& presence) {
  Child child = fork_child([&presence]() -> int {
    Presence::Stay stay;
    stay.enter(presence);
    for (;;) pause();
  });
  while (!presence.is_taken()) std::this_thread::sleep_for(1ms);
  return child;
}

TEST(Presences, LastAsLongAsTheStay) {
  const Shared<Presence> presence;
  EXPECT_FALSE(presence->is_taken());
  {
    Presence::Stay stay;
    stay.enter(*presence);
    EXPECT_TRUE(presence->is_taken());
  }
  EXPECT_FALSE(presence->is_taken());
}

TEST(Presences, OfOneProcessEndInAnyOrder) {
  std::array<Shared<Presence>, 3> presences;
  std::array<std::optional<Presence::Stay>, 3> stays;
  for (std::size_t i = 0; i < stays.size(); ++i) stays[i].emplace().enter(*presences[i]);
  stays[1].reset();
  EXPECT_TRUE(presences[0]->is_taken());
  EXPECT_FALSE(presences[1]->is_taken());
  EXPECT_TRUE(presences[2]->is_taken());
  stays[2].reset();
  stays[0].reset();
  EXPECT_FALSE(presences[0]->is_taken());
}

TEST(PresencesOfProcesses, EndWithTheProcessThatIsKilled) {
  const Shared<Presence> first;
  const Shared<Presence> second;
  Child child = fork_child([&]() -> int {
    Presence::Stay one;
    Presence::Stay two;
    one.enter(*first);
    two.enter(*second);
    for (;;) pause();
  });
  while (!second->is_taken()) std::this_thread::sleep_for(1ms);
  child.signal(SIGKILL);
  child.wait(Deadline::never());
  EXPECT_FALSE(first->is_taken());
  EXPECT_FALSE(second->is_taken());
}

TEST(PresencesOfProcesses, AreOfOneAtATime) {
  const Shared<Presence> presence;
  Child child = fork_present(*presence);
  Presence::Stay stay;
  stay.enter(*presence);  // in vain
  child.signal(SIGKILL);
  child.wait(Deadline::never());
  EXPECT_FALSE(presence->is_taken());
  stay.enter(*presence);
  EXPECT_TRUE(presence->is_taken());
}

TEST(PresencesOfProcesses, AreNotEndedByAChildThatHasACopy) {
  const Shared<Presence> presence;
  std::optional<Presence::Stay> stay;
  stay.emplace().enter(*presence);
  Child child = fork_child([&stay] {
    stay.reset();
    return 0;
  });
  EXPECT_EQ(child.wait(Deadline::never()), 0);
  EXPECT_TRUE(presence->is_taken());
}

TEST(PresencesOfProcesses, WakeTheSleeperWhenTheyEnd) {
  for (const bool killed : {true, false}) {
    const Shared<Presence> presence;
    Child child = fork_child([&]() -> int {
      Presence::Stay stay;
      stay.enter(*presence);
      while (!presence->has_sleeper()) std::this_thread::sleep_for(1ms);
      std::this_thread::sleep_for(20ms);
      if (killed) raise(SIGKILL);
      return 0;
    });
    while (!presence->is_taken()) std::this_thread::sleep_for(1ms);
    const Deadline patience = Deadline::after(60s);
    while (presence->is_taken()) presence->sleep(kNeverReady, patience, 10ms);
    EXPECT_FALSE(patience.passed()) << (killed ? "killed" : "left");
    child.wait(Deadline::never());
  }
}

TEST(Presences, WakeWhoSleepsOnThem) {
  const Shared<Presence> presence;
  Presence::Stay stay;
  stay.enter(*presence);
  std::atomic<bool> ready{false};
  std::thread waker([&] {
    while (!presence->has_sleeper()) std::this_thread::yield();
    ready = true;
    presence->wake_sleeper();
  });
  const Deadline patience = Deadline::after(60s);
  while (!ready) presence->sleep([&] { return ready.load(); }, patience, 10ms);
  waker.join();
  EXPECT_FALSE(patience.passed());
  EXPECT_FALSE(presence->has_sleeper());
}

TEST(Presences, LoseNoWakeUp) {
  constexpr int kRounds = 20'000;
  const Shared<Presence> presence;
  Presence::Stay stay;
  stay.enter(*presence);
  std::atomic<int> published{0};
  std::atomic<int> seen{0};
  std::thread waker([&] {
    for (int round = 1; round <= kRounds; ++round) {
      published = round;
      presence->wake_sleeper();
      while (seen != round) std::this_thread::yield();
    }
  });
  const Deadline patience = Deadline::after(60s);
  for (int round = 1; round <= kRounds && !patience.passed(); ++round) {
    while (published != round && !patience.passed()) {
      presence->sleep([&] { return published == round; }, patience, 10ms);
    }
    seen = round;
  }
  EXPECT_FALSE(patience.passed());
  seen = kRounds;
  waker.join();
}

TEST(Presences, LetNobodySleepForLongWhomNobodyWakes) {
  const Shared<Presence> presence;
  const Deadline patience = Deadline::after(60s);
  presence->sleep(kNeverReady, patience, 1ms);
  EXPECT_FALSE(patience.passed());
}

TEST(Presences, KeepDeadlines) {
  const Shared<Presence> presence;
  Presence::Stay stay;
  stay.enter(*presence);
  const Deadline deadline = Deadline::after(5ms);
  while (!deadline.passed()) presence->sleep(kNeverReady, deadline, 1s);
  presence->sleep(kNeverReady, Deadline::now(), 1s);
}

}  // namespace
}  // namespace ipc
