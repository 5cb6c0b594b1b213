// SPDX-License-Identifier: MIT
// ipc::wait over connections of every backend and over descriptors. No case forks; those with
// processes are in pipe_test.cc.
#include "impl/pipe/wait.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "impl/os/stream.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/pipe.h"
#include "impl/pipe/shared_pipe.h"
#include "impl/process/typed_api_test.h"

namespace ipc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Wait : public testing::TestWithParam<std::string> {
 protected:
  std::pair<Connection, Connection> duplex() const { return Pipe({.backend = GetParam()}); }
};

INSTANTIATE_TEST_SUITE_P(Backends, Wait, testing::ValuesIn(usable_backends<PipeRegistry>()),
                         backend_name);

TEST_P(Wait, GivesAllThatAreReadyInTheGivenOrder) {
  auto [a, b] = duplex();
  auto [c, d] = duplex();
  auto [e, f] = duplex();
  f.send(1);
  b.send(2);
  EXPECT_THAT(wait({&a, &c, &e}), ElementsAre(0, 2));
  EXPECT_THAT(wait({&e, &c, &a}, 0), ElementsAre(0, 2));
  std::vector<Connection*> list = {&c, &e};
  EXPECT_THAT(wait(list, kHang), ElementsAre(1));
  std::vector<Connection> owned;
  owned.push_back(std::move(a));
  owned.push_back(std::move(c));
  EXPECT_THAT(wait(owned, kHang), ElementsAre(0));
  EXPECT_EQ(owned[0].recv<int>(), 2);  // nothing was consumed
  EXPECT_EQ(e.recv<int>(), 1);
}

TEST_P(Wait, GivesNothingWhenTheTimeIsOver) {
  auto [a, b] = duplex();
  EXPECT_THAT(wait({&a}, 0), IsEmpty());
  EXPECT_THAT(wait({&a}, -1), IsEmpty());
  Deadline due = Deadline::after(std::chrono::milliseconds(20));
  EXPECT_THAT(wait({&a, &b}, 0.02), IsEmpty());
  EXPECT_TRUE(due.passed());
  due = Deadline::after(std::chrono::milliseconds(10));
  EXPECT_THAT(wait({}, 0.01), IsEmpty());
  EXPECT_TRUE(due.passed());
}

TEST_P(Wait, EndsWhenAMessageComes) {
  auto [a, b] = duplex();
  std::thread sender([&end = b] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    end.send(1);
  });
  EXPECT_THAT(wait({&a}), ElementsAre(0));
  sender.join();
}

TEST_P(Wait, KnowsOfMessagesThatWereReadAhead) {
  auto [a, b] = duplex();
  b.send(1);
  b.send(2);
  EXPECT_EQ(a.recv<int>(), 1);
  EXPECT_THAT(wait({&a}), ElementsAre(0));
  EXPECT_EQ(a.recv<int>(), 2);
  EXPECT_THAT(wait({&a}, 0), IsEmpty());
}

TEST_P(Wait, TakesTheEndForReady) {
  auto [a, b] = duplex();
  b.close();
  EXPECT_THAT(wait({&a}), ElementsAre(0));
}

TEST_P(Wait, NeverTakesASenderForReadyWhileItHasAReceiver) {
  auto [receiver, sender] = Pipe({.duplex = false, .backend = GetParam()});
  EXPECT_THAT(wait({&sender}, 0.02), IsEmpty());
  receiver.close();
  if (PipeRegistry::get(GetParam()).traits.waitable == Waitable::descriptor) {
    EXPECT_THAT(wait({&sender}, kHang), ElementsAre(0));
  }
}

TEST_P(Wait, RefusesTheSameTwiceAndTheClosed) {
  auto [a, b] = duplex();
  EXPECT_THROW(wait({&a, &b, &a}, 0), ValueError);
  a.close();
  EXPECT_THROW(wait({&b, &a}, 0), HandleClosed);
}

TEST_P(Wait, MixesConnectionsWithDescriptors) {
  auto [a, b] = duplex();
  const PipeEnds raw = make_pipe(4096);
  EXPECT_THAT(wait({&a, raw.read.get()}, 0), IsEmpty());
  ASSERT_EQ(write(raw.write.get(), "x", 1), 1);
  EXPECT_THAT(wait({&a, raw.read.get()}), ElementsAre(1));
  b.send(1);
  EXPECT_THAT(wait({&a, raw.read.get()}), ElementsAre(0, 1));
}

// A pipe without descriptors, within one process.
class Mailboxes {
 public:
  explicit Mailboxes(const PipeOptions&) {}

  class End {
   public:
    End(Mailboxes& pipe, int side) : pipe_(pipe), side_(static_cast<std::size_t>(side)) {}
    Status send(std::span<const std::byte>) {
      ++pipe_.messages_.at(1 - side_);
      return Status::ok;
    }
    Status receive(Buffer&) {
      --pipe_.messages_.at(side_);
      return Status::ok;
    }
    Status send_until(std::span<const std::byte> message, Deadline) { return send(message); }
    Status receive_until(Buffer& message, Deadline) { return receive(message); }
    Status ready(Deadline) {
      return pipe_.messages_.at(side_) > 0 ? Status::ok : Status::timed_out;
    }

   private:
    Mailboxes& pipe_;
    std::size_t side_;
  };
  std::unique_ptr<End> open(int side) { return std::make_unique<End>(*this, side); }
  void drop(int) {}
  std::size_t capacity_bytes() const { return 0; }

 private:
  std::array<std::atomic<int>, 2> messages_{};
};

TEST(WaitInSlices, SeesMessagesOfAPipeWithoutADescriptor) {
  const auto pipe = std::make_shared<SharedPipe>(
      "mailboxes", std::make_unique<PipeAdapter<Mailboxes>>(PipeOptions{}));
  Connection a(pipe, 0, true, true);
  Connection b(pipe, 1, true, true);
  EXPECT_THROW(a.fileno(), Error);
  const Deadline due = Deadline::after(std::chrono::milliseconds(20));
  EXPECT_THAT(wait({&a, &b}, 0.02), IsEmpty());
  EXPECT_TRUE(due.passed());
  const PipeEnds raw = make_pipe(4096);
  std::thread sender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    b.send(1);
  });
  EXPECT_THAT(wait({&b, &a, raw.read.get()}), ElementsAre(1));
  sender.join();
  EXPECT_THROW(wait({&a, &a}), ValueError);
}

TEST(WaitForDescriptors, RefusesWhatIsNone) {
  PipeEnds raw = make_pipe(4096);
  const int fd = raw.read.get();
  EXPECT_THROW(wait({-1}, 0), ValueError);
  EXPECT_THROW(wait({fd, fd}, 0), ValueError);
  raw.read.reset();
  EXPECT_THROW(wait({fd}, 0), ValueError);
}

TEST(WaitForDescriptors, TakesAHangUpForReady) {
  PipeEnds raw = make_pipe(4096);
  raw.write.reset();
  EXPECT_THAT(wait({raw.read.get()}), ElementsAre(0));
}

TEST(WaitForNothing, IsRefusedWithoutATime) { EXPECT_THROW(wait({}), ValueError); }

}  // namespace
}  // namespace ipc
