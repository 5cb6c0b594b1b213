// SPDX-License-Identifier: MIT
#include "impl/os/sysv_mq.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "impl/driver/leftovers_test.h"
#include "impl/driver/peers_test.h"
#include "impl/os/child.h"

namespace ipc {
namespace {

using namespace std::chrono_literals;

class SysvMqUse : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = SysvMq::why_unavailable()) GTEST_SKIP() << *reason;
  }
};
using SysvMqProcesses = SysvMqUse;

std::span<const std::byte> bytes_of(const char* text) {
  return std::as_bytes(std::span(text, std::strlen(text)));
}

TEST_F(SysvMqUse, HoldsTheLongestMessageAtLeast) {
  EXPECT_EQ(SysvMq(1, 0).capacity_bytes(), SysvMq::max_message());
  EXPECT_GE(SysvMq(1 << 20, 0).capacity_bytes(), SysvMq::max_message());
}

TEST_F(SysvMqUse, IsFullWhenItIs) {
  SysvMq queue(1, 0);
  const Buffer half(queue.capacity_bytes() / 2);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(queue.send(half.bytes(), Deadline::now()), Status::ok);
  EXPECT_EQ(queue.send(bytes_of("x"), Deadline::now()), Status::timed_out);
  EXPECT_EQ(queue.send(bytes_of("x"), Deadline::after(5ms)), Status::timed_out);
}

TEST_F(SysvMqUse, KeepsItsEndBehindAllMessages) {
  SysvMq queue(1, 0);
  Buffer message;
  EXPECT_EQ(queue.send(bytes_of("last"), Deadline::never()), Status::ok);
  EXPECT_TRUE(queue.mark_end());
  EXPECT_EQ(queue.receive(message, Deadline::never()), Status::ok);
  for (const Deadline deadline : {Deadline::never(), Deadline::now(), Deadline::never()}) {
    EXPECT_EQ(queue.receive(message, deadline), Status::closed);
    EXPECT_EQ(queue.ready(deadline), Status::ok);
  }
}

TEST_F(SysvMqUse, ReleasesSendersForGood) {
  SysvMq queue(1, 0);
  const Buffer half(queue.capacity_bytes() / 2);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(queue.send(half.bytes(), Deadline::now()), Status::ok);
  for (const bool timed : {false, true}) {
    Status status = Status::ok;
    std::thread sender([&] {
      status = queue.send(half.bytes(), timed ? Deadline::after(patience) : Deadline::never());
    });
    if (!timed) std::this_thread::sleep_for(10ms);
    queue.release_senders();
    sender.join();
    EXPECT_EQ(status, Status::closed);
  }
}

// What is wrong, found in a process that may die.
void expect_good(const std::function<void()>& body) {
  if (const Verdict wrong = watched(Peers::processes, kCheckLimit, body)) ADD_FAILURE() << *wrong;
}

TEST_F(SysvMqProcesses, LeaveNothingWhenTheLastDestroysIt) {
  expect_good([] {
    const KernelObjects objects;
    for (const bool first_leaves_it : {true, false}) {
      auto queue = std::make_unique<SysvMq>(1, 0);
      Peer child(Peers::processes, [&] {
        if (first_leaves_it) return;
        Buffer message;
        expect_status(queue->receive(message, Deadline::never()), Status::ok, "receive");
        queue.reset();
      });
      if (first_leaves_it) child.finish();
      expect_status(queue->send(bytes_of("x"), Deadline::never()), Status::ok, "send");
      queue.reset();
      if (!first_leaves_it) child.finish();
    }
    objects.expect_nothing_new();
  });
}

TEST_F(SysvMqProcesses, RemoveWhatTheKilledHaveLeft) {
  expect_good([] {
    const KernelObjects objects;
    Signal made;
    Peer victim(Peers::processes, [&] {
      const SysvMq left(1, 0);
      made.raise();
      wait_for_the_kill();
    });
    made.wait();
    victim.kill();
    { const SysvMq next(1, 0); }
    objects.expect_nothing_new();
  });
  expect_good([] {
    const KernelObjects objects;
    Peer(Peers::processes, [] {
      const SysvMq left(1, 0);
      _exit(0);
    }).finish();
    SysvHolders::remove_orphans();
    objects.expect_nothing_new();
  });
}

TEST_F(SysvMqProcesses, RemoveNothingThatSomebodyHas) {
  expect_good([] {
    auto queue = std::make_unique<SysvMq>(1, 0);
    Signal go_on;
    Peer child(Peers::processes, [&] {
      go_on.wait();
      expect_status(queue->send(bytes_of("x"), Deadline::now()), Status::ok, "send");
      Buffer message;
      expect_status(queue->receive(message, Deadline::now()), Status::ok, "receive");
    });
    queue.reset();
    SysvHolders::remove_orphans();
    go_on.raise();
    child.finish();
    SysvHolders::remove_orphans();  // the child has left it
  });
}

}  // namespace
}  // namespace ipc
