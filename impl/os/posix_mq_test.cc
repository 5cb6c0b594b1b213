// SPDX-License-Identifier: MIT
#include "impl/os/posix_mq.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstring>
#include <system_error>

#include "impl/os/child.h"
#include "impl/os/kernel_limit.h"

namespace ipc {
namespace {

using std::chrono::milliseconds;

class PosixMqUse : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = PosixMq::why_unavailable()) GTEST_SKIP() << *reason;
  }
};
using PosixMqProcesses = PosixMqUse;

std::span<const std::byte> bytes_of(const char* text) {
  return std::as_bytes(std::span(text, std::strlen(text)));
}
std::string text_of(const Buffer& message) {
  return {reinterpret_cast<const char*>(message.data()), message.size()};
}

TEST_F(PosixMqUse, HoldsWhatFitsItsCapacityAndTheLimits) {
  const std::size_t most = kernel_limit("/proc/sys/fs/mqueue/msg_max").value();
  EXPECT_EQ(PosixMq(2 * 64, 64).capacity_bytes(), 2 * 64u);
  EXPECT_EQ(PosixMq(most * 64, 64).capacity_bytes(), most * 64);
  EXPECT_EQ(PosixMq(1000 * most * 64, 64).capacity_bytes(), most * 64);
  EXPECT_EQ(PosixMq(1, 64).capacity_bytes(), 64u);
  EXPECT_GE(PosixMq(1, 0).capacity_bytes(), std::min<std::size_t>(8192, PosixMq::max_message()));
}

TEST_F(PosixMqUse, IsFullWhenItIs) {
  PosixMq queue(2 * 64, 64);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(queue.send(bytes_of("x"), Deadline::now()), Status::ok);
  }
  EXPECT_EQ(queue.send(bytes_of("x"), Deadline::now()), Status::timed_out);
  EXPECT_EQ(queue.send(bytes_of("x"), Deadline::after(milliseconds(5))), Status::timed_out);
}

TEST_F(PosixMqUse, RefusesWhatIsLongerThanWasSaid) {
  PosixMq queue(640, 64);
  const Buffer message(65);
  EXPECT_EQ(queue.send(message.bytes(), Deadline::never()), Status::too_big);
  EXPECT_EQ(queue.send(message.bytes(), Deadline::now()), Status::too_big);
  EXPECT_EQ(queue.ready(Deadline::now()), Status::timed_out);
}

TEST_F(PosixMqUse, KeepsItsEndBehindAllMessages) {
  PosixMq queue(640, 64);
  Buffer message;
  EXPECT_EQ(queue.send(bytes_of("first"), Deadline::never()), Status::ok);
  EXPECT_TRUE(queue.mark_end());
  EXPECT_EQ(queue.send(bytes_of("late"), Deadline::never()), Status::ok);
  for (const char* text : {"first", "late"}) {
    EXPECT_EQ(queue.receive(message, Deadline::never()), Status::ok);
    EXPECT_EQ(text_of(message), text);
  }
  for (const Deadline deadline : {Deadline::never(), Deadline::now(), Deadline::never()}) {
    EXPECT_EQ(queue.receive(message, deadline), Status::closed);
    EXPECT_EQ(queue.ready(deadline), Status::ok);
  }
}

TEST_F(PosixMqUse, SaysWhenThereIsNoRoomForTheEnd) {
  PosixMq queue(64, 64);
  EXPECT_EQ(queue.send(bytes_of("x"), Deadline::now()), Status::ok);
  EXPECT_FALSE(queue.mark_end());
  queue.release_senders();
  EXPECT_TRUE(queue.mark_end());
}

TEST_F(PosixMqProcesses, KeepToALowLimitOfTheUser) {
  Child child = fork_child([] {
    rlimit limit{};
    getrlimit(RLIMIT_MSGQUEUE, &limit);
    limit.rlim_cur = 4096;
    if (setrlimit(RLIMIT_MSGQUEUE, &limit) != 0) return 1;
    const std::size_t longest = PosixMq::max_message();
    if (longest >= 2048) return 2;
    PosixMq one(64 * 1024, longest);
    PosixMq two(64 * 1024, longest);  // as many as a pipe has
    if (two.capacity_bytes() != longest) return 3;
    try {
      PosixMq three(64 * 1024, longest);
      return 4;
    } catch (const std::system_error& error) {
      return std::strstr(error.what(), "RLIMIT_MSGQUEUE") != nullptr ? 0 : 5;
    }
  });
  EXPECT_EQ(child.wait(Deadline::never()), 0);
}

}  // namespace
}  // namespace ipc
