// SPDX-License-Identifier: MIT
#include "impl/sync/semaphore.h"

#include <gtest/gtest.h>

#include <mutex>

#include "impl/os/child.h"
#include "impl/os/error.h"

namespace ipc {
namespace {

TEST(TypedSemaphoreOfProcesses, CountsOverProcesses) {
  Semaphore semaphore(2);
  EXPECT_TRUE(semaphore.acquire());
  Child child = fork_child([&] {
    if (!semaphore.acquire(true, 10.0) || semaphore.acquire(false)) return 1;
    semaphore.release();
    semaphore.release();
    semaphore.release();
    return 0;
  });
  EXPECT_EQ(child.wait(Deadline::after(std::chrono::seconds(60))), 0);
  EXPECT_EQ(semaphore.get_value(), 3u);
  EXPECT_EQ(Semaphore().get_value(), 1u);
  const std::lock_guard hold(semaphore);
  EXPECT_EQ(semaphore.get_value(), 2u);
}

TEST(TypedSemaphore, RefusesValuesThatItCannotHave) {
  EXPECT_THROW(Semaphore(-1), ValueError);
  EXPECT_THROW(Semaphore(std::int64_t{1} << 31), ValueError);
  Semaphore full((std::int64_t{1} << 31) - 1);
  EXPECT_THROW(full.release(), ValueError);
  EXPECT_FALSE(Semaphore(0).acquire(false));
  EXPECT_FALSE(Semaphore(0).acquire(true, 0.01));
}

TEST(BoundedSemaphore, IsNeverMoreThanAtFirst) {
  BoundedSemaphore semaphore(2);
  EXPECT_THROW(semaphore.release(), ValueError);
  EXPECT_TRUE(semaphore.acquire());
  semaphore.release();
  EXPECT_THROW(semaphore.release(), ValueError);
  EXPECT_EQ(semaphore.get_value(), 2u);
}

}  // namespace
}  // namespace ipc
