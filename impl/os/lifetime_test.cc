// SPDX-License-Identifier: MIT
#include "impl/os/lifetime.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <optional>

#include "impl/os/child.h"

namespace ipc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Lifetime, OfASideEndsWhenItIsDropped) {
  for (const int side : {0, 1}) {
    Lifetime lifetime;
    const Lifetime::Hold hold = lifetime.take(side);
    EXPECT_FALSE(hold.is_alone());
    EXPECT_EQ(poll_until(hold.fd(), POLLIN, Deadline::after(milliseconds(5))), 0);
    lifetime.drop(1 - side);
    EXPECT_TRUE(hold.is_alone());
    EXPECT_TRUE(hold.is_alone());
    EXPECT_NE(poll_until(hold.fd(), 0, Deadline::now()) & POLLHUP, 0);
  }
}

TEST(Lifetime, OfASideEndsWithItsHold) {
  Lifetime lifetime;
  const Lifetime::Hold hold = lifetime.take(0);
  std::optional<Lifetime::Hold> other = lifetime.take(1);
  EXPECT_FALSE(hold.is_alone());
  other.reset();
  EXPECT_TRUE(hold.is_alone());
}

TEST(LifetimeProcesses, EndASideWithTheLastOfThem) {
  Lifetime lifetime;
  Child one = fork_child([] { return pause(); });
  Child other = fork_child([] { return pause(); });
  lifetime.drop(0);
  const Lifetime::Hold hold = lifetime.take(1);
  EXPECT_FALSE(hold.is_alone());
  one.signal(SIGTERM);
  EXPECT_EQ(one.wait(Deadline::after(seconds(10))), -SIGTERM);
  EXPECT_FALSE(hold.is_alone());
  other.signal(SIGKILL);
  EXPECT_EQ(other.wait(Deadline::after(seconds(10))), -SIGKILL);
  EXPECT_TRUE(hold.is_alone());
}

}  // namespace
}  // namespace ipc
