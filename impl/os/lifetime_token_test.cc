// SPDX-License-Identifier: MIT
#include "impl/os/lifetime_token.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "impl/os/child.h"
#include "impl/os/stream.h"

namespace ipc {
namespace {

using std::chrono::seconds;
using Hold = LifetimeToken::Hold;
using Watch = LifetimeToken::Watch;

class LifetimeTokens : public testing::Test {
 protected:
  // A process that holds side 1, and nothing of side 0, until it is killed.
  Child fork_holder() {
    return fork_child([this]() -> int {
      token_.drop(0);
      for (;;) pause();
    });
  }
  void write_byte() { ASSERT_EQ(write(pipe_.write.get(), "x", 1), 1); }
  void read_byte() {
    char byte;
    ASSERT_EQ(read(pipe_.read.get(), &byte, 1), 1);
  }
  Watch watch(const Hold& hold, std::uint32_t events = EPOLLIN) {
    return Watch(hold, pipe_.read.get(), events);
  }

  LifetimeToken token_;
  PipeEnds pipe_ = make_pipe(4096);  // a transport: its own end is never seen, both ends are here
};

TEST_F(LifetimeTokens, TellWhetherTheOtherSideIsHeld) {
  const Hold hold = token_.take(0);
  EXPECT_FALSE(hold.is_alone());
  { const Hold other = token_.take(1); }
  EXPECT_TRUE(hold.is_alone());
  EXPECT_TRUE(hold.is_alone()) << "again";
}

TEST_F(LifetimeTokens, CountAHoldThatWasNeverTaken) {
  const Hold hold = token_.take(1);
  EXPECT_FALSE(hold.is_alone());
  token_.drop(0);
  EXPECT_TRUE(hold.is_alone());
}

TEST_F(LifetimeTokens, CountEveryProcess) {
  Child first = fork_holder();
  Child second = fork_holder();
  token_.drop(1);
  const Hold hold = token_.take(0);
  for (Child* child : {&first, &second}) {
    EXPECT_FALSE(hold.is_alone());
    child->signal(SIGKILL);
    child->wait(Deadline::never());
  }
  EXPECT_TRUE(hold.is_alone());
}

TEST_F(LifetimeTokens, OfProcessesWakeWhoWatchesATransport) {
  Child child = fork_child([this] {
    token_.drop(0);
    usleep(20'000);
    return 0;
  });
  token_.drop(1);
  EXPECT_EQ(watch(token_.take(0)).wait(Deadline::after(seconds(60))), Status::closed);
}

TEST_F(LifetimeTokens, TellTheEndWhenTheTransportIsEmpty) {
  const Hold hold = token_.take(0);
  const Watch both = watch(hold);
  EXPECT_EQ(both.wait(Deadline::now()), Status::timed_out);
  write_byte();
  for (int again = 0; again < 2; ++again) EXPECT_EQ(both.wait(Deadline::never()), Status::ok);
  token_.drop(1);
  for (int again = 0; again < 2; ++again) EXPECT_EQ(both.wait(Deadline::never()), Status::ok);
  read_byte();
  for (int again = 0; again < 2; ++again) EXPECT_EQ(both.wait(Deadline::never()), Status::closed);
}

TEST_F(LifetimeTokens, TellTheEndAfterAnEventThatIsReportedOnce) {
  const Hold hold = token_.take(0);
  const Watch both = watch(hold, EPOLLIN | EPOLLET);
  write_byte();
  EXPECT_EQ(both.wait(Deadline::now()), Status::ok);
  EXPECT_EQ(both.wait(Deadline::now()), Status::timed_out);
  write_byte();
  token_.drop(1);
  EXPECT_EQ(both.wait(Deadline::now()), Status::ok);
  EXPECT_EQ(both.wait(Deadline::now()), Status::closed);
}

TEST_F(LifetimeTokens, HaveADescriptorForBoth) {
  const Hold hold = token_.take(0);
  const Watch both = watch(hold);
  const auto readable = [&] { return poll_until(both.fd(), POLLIN, Deadline::now()) > 0; };
  EXPECT_FALSE(readable());
  write_byte();
  EXPECT_TRUE(readable());
  read_byte();
  EXPECT_FALSE(readable());
  token_.drop(1);
  EXPECT_TRUE(readable());
}

}  // namespace
}  // namespace ipc
