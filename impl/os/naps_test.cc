// SPDX-License-Identifier: MIT
#include "impl/os/naps.h"

#include <gtest/gtest.h>

namespace ipc {
namespace {

using std::chrono::milliseconds;

TEST(Naps, LookOnceWhenTheDeadlineHasPassed) {
  for (const Deadline deadline : {Deadline::now(), Deadline::at(1)}) {
    int looks = 0;
    EXPECT_EQ(nap_until(deadline, [&] { return ++looks, Status::timed_out; }), Status::timed_out);
    EXPECT_EQ(looks, 1);
  }
}

TEST(Naps, LookForTheLastTimeAfterTheDeadline) {
  const Deadline deadline = Deadline::after(milliseconds(20));
  std::int64_t last = 0;
  int looks = 0;
  const Status status = nap_until(deadline, [&] {
    last = monotonic_ns();
    return ++looks, Status::timed_out;
  });
  EXPECT_EQ(status, Status::timed_out);
  EXPECT_GE(last, deadline.ns());
  EXPECT_GE(looks, 2);
  EXPECT_LT(looks, 40);
}

TEST(Naps, EndWithWhatIsSeen) {
  int looks = 0;
  const auto look = [&] { return ++looks < 4 ? Status::timed_out : Status::closed; };
  EXPECT_EQ(nap_until(Deadline::never(), look), Status::closed);
  EXPECT_EQ(looks, 4);
}

}  // namespace
}  // namespace ipc
