// SPDX-License-Identifier: MIT
#include "impl/sync/semaphore_word.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>
#include <vector>

#include "impl/os/child.h"
#include "impl/os/mapping.h"

namespace ipc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(SemaphoreWord, CountsDownToZeroAndNoFurther) {
  Shared<SemaphoreWord> semaphore(2u);
  EXPECT_TRUE(semaphore->acquire(Deadline::now()));
  EXPECT_TRUE(semaphore->acquire(Deadline::now()));
  EXPECT_FALSE(semaphore->acquire(Deadline::now()));
  EXPECT_FALSE(semaphore->acquire(Deadline::after(milliseconds(10))));
  EXPECT_TRUE(semaphore->release());
  EXPECT_EQ(semaphore->value(), 1u);
}

TEST(SemaphoreWord, StopsAtItsLimit) {
  Shared<SemaphoreWord> semaphore(1u);
  EXPECT_TRUE(semaphore->release(2));
  EXPECT_FALSE(semaphore->release(2));
  EXPECT_EQ(semaphore->value(), 2u);
}

TEST(SemaphoreWord, KeepsCountOverManyThreads) {
  Shared<SemaphoreWord> semaphore(3u);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        ASSERT_TRUE(semaphore->acquire());
        semaphore->release();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(semaphore->value(), 3u);
}

TEST(SemaphoreWord, WakesWaitersInOtherProcesses) {
  Shared<SemaphoreWord> go(0u);
  Shared<SemaphoreWord> done(0u);
  std::vector<Child> children;
  for (int i = 0; i < 3; ++i) {
    children.push_back(fork_child([&] {
      if (!go->acquire()) return 1;
      done->release();
      return 0;
    }));
  }
  for (int i = 0; i < 3; ++i) go->release();
  for (auto& child : children) EXPECT_EQ(child.wait(Deadline::after(seconds(60))), 0);
  EXPECT_EQ(done->value(), 3u);
}

TEST(SemaphoreWord, LosesNothingToKilledProcesses) {
  Shared<SemaphoreWord> semaphore(0u);
  {
    Child waiter = fork_child([&] { return semaphore->acquire() ? 0 : 1; });
    EXPECT_FALSE(waiter.wait(Deadline::after(milliseconds(20))));
    waiter.signal(SIGKILL);
    EXPECT_EQ(waiter.wait(Deadline::after(seconds(60))), -SIGKILL);
  }
  Child survivor = fork_child([&] { return semaphore->acquire() ? 0 : 1; });
  semaphore->release();
  EXPECT_EQ(survivor.wait(Deadline::after(seconds(60))), 0);
}

}  // namespace
}  // namespace ipc
