// SPDX-License-Identifier: MIT
#include "impl/sync/process_mutex.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>
#include <vector>

#include "impl/os/child.h"
#include "impl/os/mapping.h"
#include "impl/sync/semaphore_word.h"

namespace ipc {
namespace {

using Taken = RobustMutex::Taken;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Counter {
  RobustMutex mutex;
  long value = 0;
};

TEST(RobustMutex, ExcludesThreads) {
  Shared<Counter> counter;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        ASSERT_EQ(counter->mutex.lock(), Taken::yes);
        ++counter->value;
        counter->mutex.unlock();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter->value, 20'000);
}

TEST(RobustMutex, ExcludesProcesses) {
  Shared<Counter> counter;
  std::vector<Child> children;
  for (int c = 0; c < 3; ++c) {
    children.push_back(fork_child([&] {
      for (int i = 0; i < 5000; ++i) {
        if (counter->mutex.lock() != Taken::yes) return 1;
        ++counter->value;
        counter->mutex.unlock();
      }
      return 0;
    }));
  }
  for (auto& child : children) EXPECT_EQ(child.wait(Deadline::after(seconds(60))), 0);
  EXPECT_EQ(counter->value, 15'000);
}

TEST(RobustMutex, GivesUpAtTheDeadlineWhileAProcessHoldsIt) {
  Shared<Counter> counter;
  Shared<SemaphoreWord> held(0u);
  Child holder = fork_child([&] {
    if (counter->mutex.lock() != Taken::yes) return 1;
    held->release();
    for (;;) pause();
  });
  ASSERT_TRUE(held->acquire(Deadline::after(seconds(60))));
  EXPECT_EQ(counter->mutex.lock(Deadline::now()), Taken::timed_out);
  EXPECT_EQ(counter->mutex.lock(Deadline::after(milliseconds(10))), Taken::timed_out);
  holder.signal(SIGKILL);
  EXPECT_EQ(counter->mutex.lock(Deadline::after(seconds(60))), Taken::owner_died);
  counter->mutex.unlock();
  EXPECT_EQ(counter->mutex.lock(), Taken::yes) << "the death is told once";
  counter->mutex.unlock();
}

}  // namespace
}  // namespace ipc
