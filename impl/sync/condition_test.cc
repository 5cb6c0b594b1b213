// SPDX-License-Identifier: MIT
#include "impl/sync/condition.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <mutex>
#include <thread>
#include <vector>

#include "impl/os/child.h"
#include "impl/os/error.h"

namespace ipc {
namespace {

constexpr double kHang = 60;  // seconds that nothing sound takes

int end_of(Child& child) {
  return child.wait(Deadline::after(std::chrono::seconds(120))).value_or(-99);
}

// Processes that wait, and what came of it.
class Crowd {
 public:
  explicit Crowd(int size, double timeout = kHang) {
    for (int i = 0; i < size; ++i) {
      children_.push_back(fork_child([this, i, timeout] {
        std::lock_guard hold(condition);
        waiting->fetch_add(1);
        if (!condition.wait(timeout)) return 1;
        order->at(static_cast<std::size_t>(woken->fetch_add(1))) = i;
        return 0;
      }));
      while (waiting->load() != i + 1) std::this_thread::yield();
    }
    std::lock_guard hold(condition);  // they have given it up, so they wait
  }
  Child& operator[](std::size_t i) { return children_[i]; }
  void notify(std::uint32_t n) {
    std::lock_guard hold(condition);
    condition.notify(n);
  }
  void expect_woken(int count) {
    const Deadline limit = Deadline::after(std::chrono::seconds(60));
    while (woken->load() < count && !limit.passed()) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(woken->load(), count);
  }

  Condition condition;
  Shared<std::atomic<int>> waiting{0};
  Shared<std::atomic<int>> woken{0};
  Shared<std::array<int, 16>> order;

 private:
  std::vector<Child> children_;
};

TEST(ConditionOfProcesses, WakesAsManyAsItIsToldTheFirstToComeFirst) {
  Crowd crowd(4);
  crowd.notify(0);
  crowd.expect_woken(0);
  crowd.notify(1);
  crowd.expect_woken(1);
  EXPECT_EQ(crowd.order->at(0), 0);
  crowd.notify(2);
  crowd.expect_woken(3);
  crowd.notify(7);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(end_of(crowd[i]), 0);
  EXPECT_EQ(crowd.order->at(3), 3);
}

TEST(Condition, StoresNoNotification) {
  Condition condition;
  std::lock_guard hold(condition);
  condition.notify();
  condition.notify_all();
  EXPECT_FALSE(condition.wait(0.01));
  EXPECT_FALSE(condition.wait(0.0));
}

TEST(ConditionOfProcesses, SpendsNoNotificationOnAKilledProcess) {
  Crowd crowd(3);
  crowd[0].signal(SIGKILL);
  EXPECT_EQ(end_of(crowd[0]), -SIGKILL);
  crowd.notify(1);
  crowd.expect_woken(1);
  crowd.notify(1);
  EXPECT_EQ(end_of(crowd[1]), 0);
  EXPECT_EQ(end_of(crowd[2]), 0);
}

TEST(ConditionOfProcesses, SpendsNoNotificationOnOneWhoseTimeIsOver) {
  Crowd crowd(1, 0.01);
  EXPECT_EQ(end_of(crowd[0]), 1);
  Child waiting = fork_child([&] {
    std::lock_guard hold(crowd.condition);
    crowd.waiting->fetch_add(1);
    return crowd.condition.wait(kHang) ? 0 : 1;
  });
  while (crowd.waiting->load() != 2) std::this_thread::yield();
  crowd.notify(1);
  EXPECT_EQ(end_of(waiting), 0);
}

TEST(Condition, GivesUpAndRestoresAllLevelsOfItsLock) {
  RLock lock;
  Condition condition(lock);
  std::thread other;
  {
    std::lock_guard outer(lock);
    std::lock_guard inner(lock);
    other = std::thread([&] {
      std::lock_guard hold(lock);
      condition.notify();
    });
    EXPECT_TRUE(condition.wait(kHang));
    EXPECT_TRUE(lock.is_mine());
  }
  other.join();
  EXPECT_FALSE(lock.is_mine());
  std::thread([&] { EXPECT_TRUE(lock.acquire(false)), lock.release(); }).join();
}

TEST(Condition, WorksOnALockThatIsNotRecursive) {
  Lock lock;
  Condition condition(lock);
  std::lock_guard hold(lock);
  std::thread other([&] {
    std::lock_guard also(condition);
    condition.notify_all();
  });
  EXPECT_TRUE(condition.wait(kHang));
  other.join();
}

TEST(Condition, IsForWhoHoldsItsLock) {
  Condition condition;
  EXPECT_THROW(condition.wait(0.0), StateError);
  EXPECT_THROW(condition.notify(), StateError);
  EXPECT_THROW(condition.notify_all(), StateError);
  EXPECT_THROW(condition.release(), StateError);
}

TEST(Condition, WaitsForAPredicateNoLongerThanTold) {
  Condition condition;
  std::lock_guard hold(condition);
  EXPECT_TRUE(condition.wait_for([] { return true; }, 0.0));
  const std::int64_t begin = monotonic_ns();
  int asked = 0;
  EXPECT_FALSE(condition.wait_for([&] { return ++asked > 100; }, 0.02));
  EXPECT_GE(monotonic_ns() - begin, 20'000'000);
  EXPECT_GE(asked, 2);

  int value = 0;
  std::thread other([&] {
    for (int i = 0; i < 5; ++i) {
      std::lock_guard also(condition);
      ++value;
      condition.notify();
    }
  });
  EXPECT_TRUE(condition.wait_for([&] { return value == 5; }, kHang));
  other.join();
}

// What the textbooks build of it: a bounded buffer of one number.
TEST(ConditionOfProcesses, PassesNumbersBetweenProcesses) {
  constexpr int kNumbers = 3000;
  Condition condition;
  const Shared<int> box{0};
  Child producer = fork_child([&] {
    for (int i = 1; i <= kNumbers; ++i) {
      std::lock_guard hold(condition);
      if (!condition.wait_for([&] { return *box == 0; }, kHang)) return 1;
      *box = i;
      condition.notify();
    }
    return 0;
  });
  for (int i = 1; i <= kNumbers; ++i) {
    std::lock_guard hold(condition);
    ASSERT_TRUE(condition.wait_for([&] { return *box != 0; }, kHang));
    ASSERT_EQ(*box, i);
    *box = 0;
    condition.notify();
  }
  EXPECT_EQ(end_of(producer), 0);
}

}  // namespace
}  // namespace ipc
