// SPDX-License-Identifier: MIT
#include "impl/os/timeout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace ipc {
namespace {

TEST(Timeout, OfNothingIsForEver) {
  EXPECT_TRUE(deadline_of(std::nullopt).is_never());
  EXPECT_TRUE(deadline_of(std::numeric_limits<double>::infinity()).is_never());
  EXPECT_TRUE(deadline_of(1e300).is_never());
}

TEST(Timeout, OfZeroOrLessIsNow) {
  EXPECT_TRUE(deadline_of(0).passed());
  EXPECT_TRUE(deadline_of(-1e300).passed());
  EXPECT_TRUE(deadline_of(false, std::nullopt).passed());
  EXPECT_TRUE(deadline_of(false, 1e6).passed());
}

TEST(Timeout, IsInSeconds) {
  const std::int64_t before = monotonic_ns();
  const std::int64_t end = deadline_of(true, 2.5).ns();
  EXPECT_GE(end, before + 2'500'000'000);
  EXPECT_LE(end, monotonic_ns() + 2'500'000'000);
  EXPECT_FALSE(deadline_of(1e8).passed());
  EXPECT_GT(deadline_of(1e-12).ns(), before);  // a wait, however short
}

TEST(Timeout, IsANumber) { EXPECT_THROW(deadline_of(std::nan("")), ValueError); }

}  // namespace
}  // namespace ipc
