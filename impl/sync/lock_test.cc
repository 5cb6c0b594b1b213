// SPDX-License-Identifier: MIT
#include "impl/sync/lock.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <mutex>
#include <thread>
#include <vector>

#include "impl/os/child.h"
#include "impl/os/error.h"

namespace ipc {
namespace {

constexpr double kHang = 60;  // seconds that nothing sound takes
constexpr double kBrief = 0.02;

int end_of(Child& child) {
  return child.wait(Deadline::after(std::chrono::seconds(120))).value_or(-99);
}

template <class L>
class Locks : public testing::Test {};
using Both = testing::Types<Lock, RLock>;
class Names {
 public:
  template <class L>
  static std::string GetName(int) {
    return std::is_same_v<L, Lock> ? "Lock" : "RLock";
  }
};
TYPED_TEST_SUITE(Locks, Both, Names);
template <class L>
class LocksOfProcesses : public Locks<L> {};
TYPED_TEST_SUITE(LocksOfProcesses, Both, Names);

// Each adds to a number that only the lock protects.
template <class L>
void add_under(L& lock, std::int64_t& number, int times) {
  for (int i = 0; i < times; ++i) {
    std::lock_guard hold(lock);
    const std::int64_t before = number;
    if (i % 64 == 0) std::this_thread::yield();
    number = before + 1;
  }
}

TYPED_TEST(Locks, KeepOtherThreadsOut) {
  TypeParam lock;
  std::int64_t number = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { add_under(lock, number, 2000); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(number, 8000);
}

TYPED_TEST(LocksOfProcesses, KeepOtherProcessesOut) {
  TypeParam lock;
  const Shared<std::int64_t> number{0};
  std::vector<Child> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(fork_child([&] {
      add_under(lock, *number, 2000);
      return 0;
    }));
  }
  for (Child& child : children) EXPECT_EQ(end_of(child), 0);
  EXPECT_EQ(*number, 8000);
}

TYPED_TEST(Locks, AreWaitedForAsLongAsIsSaid) {
  TypeParam lock;
  ASSERT_TRUE(lock.acquire());
  std::thread other([&] {
    EXPECT_FALSE(lock.acquire(false));
    EXPECT_FALSE(lock.acquire(true, 0.0));
    EXPECT_FALSE(lock.acquire(true, -1.0));
    const std::int64_t begin = monotonic_ns();
    EXPECT_FALSE(lock.acquire(true, kBrief));
    EXPECT_GE(monotonic_ns() - begin, 20'000'000);
  });
  other.join();
  std::thread waiting([&] { EXPECT_TRUE(lock.acquire(true, kHang)), lock.release(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  lock.release();
  waiting.join();
}

TYPED_TEST(LocksOfProcesses, OfProcessesThatEndedAreTakenByOthers) {
  for (const bool killed : {false, true}) {
    TypeParam lock;
    Child holder = fork_child([&] {
      static_cast<void>(lock.acquire());
      if (killed) raise(SIGKILL);
      return 0;
    });
    EXPECT_EQ(end_of(holder), killed ? -SIGKILL : 0);
    EXPECT_TRUE(lock.acquire(false));
    lock.release();
  }
}

TYPED_TEST(LocksOfProcesses, OfOneThatIsKilledAreTakenByThoseWhoWait) {
  TypeParam lock;
  const Shared<std::atomic<int>> held{0};
  Child holder = fork_child([&] {
    static_cast<void>(lock.acquire());
    held->store(1);
    for (;;) pause();
    return 0;
  });
  while (held->load() == 0) std::this_thread::yield();
  std::vector<Child> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.push_back(fork_child([&] {
      if (!lock.acquire(true, kHang)) return 1;
      lock.release();
      return 0;
    }));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  holder.signal(SIGKILL);
  for (Child& child : waiting) EXPECT_EQ(end_of(child), 0);
}

TYPED_TEST(LocksOfProcesses, LoseNoWakeUpToAKilledWaiter) {
  TypeParam lock;
  ASSERT_TRUE(lock.acquire());
  Child killed = fork_child([&] { return lock.acquire(true, kHang) ? 0 : 1; });
  Child waiting = fork_child([&] { return lock.acquire(true, kHang) ? 0 : 1; });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  killed.signal(SIGKILL);
  lock.release();
  EXPECT_EQ(end_of(waiting), 0);
}

TEST(LockOfProcesses, IsReleasedByAnybodyAndOnlyWhenHeld) {
  Lock lock;
  EXPECT_THROW(lock.release(), ValueError);
  ASSERT_TRUE(lock.acquire());
  EXPECT_FALSE(lock.acquire(false));  // not recursive
  Child other = fork_child([&] {
    lock.release();
    return 0;
  });
  EXPECT_EQ(end_of(other), 0);
  EXPECT_THROW(lock.release(), ValueError);
  EXPECT_TRUE(lock.acquire(false));
}

TEST(LockOfProcesses, IsNotReleasedForOneThatHasEnded) {
  Lock lock;
  Child holder = fork_child([&] { return lock.acquire() ? 0 : 1; });
  EXPECT_EQ(end_of(holder), 0);
  EXPECT_THROW(lock.release(), ValueError);  // nobody's
  EXPECT_TRUE(lock.acquire(false));
}

TEST(RLockOfProcesses, IsFreeAfterAsManyReleases) {
  RLock lock;
  EXPECT_THROW(lock.release(), StateError);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(lock.acquire(false));
  for (int i = 0; i < 3; ++i) {
    std::thread([&] {
      EXPECT_FALSE(lock.acquire(false));
      EXPECT_THROW(lock.release(), StateError);
    }).join();
    Child child = fork_child([&] {  // of the owner, but not the owner
      if (lock.acquire(false)) return 1;
      try {
        lock.release();
      } catch (const StateError&) {
        return 0;
      }
      return 2;
    });
    EXPECT_EQ(end_of(child), 0);
    lock.release();
  }
  std::thread([&] { EXPECT_TRUE(lock.acquire(false)), lock.release(); }).join();
}

}  // namespace
}  // namespace ipc
