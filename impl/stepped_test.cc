// SPDX-License-Identifier: MIT
// The rings made here, one machine instruction at a time: a process is held (ptrace) after each
// instruction of a call, and meanwhile the other side uses the ring; or it is killed there; or two
// processes, of a queue four, take turns by the instruction in an order drawn by chance. What this
// cannot show is what needs two CPUs: stores that are seen late or in another order. Those are
// ThreadSanitizer's.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "impl/driver/payload.h"
#include "impl/os/mapping.h"
#include "impl/os/stepping_test.h"
#include "impl/pipe/backend.h"
#include "impl/queue/backend.h"

namespace ipc {
namespace {

using End = std::unique_ptr<AnyEndpoint>;

constexpr std::size_t kBytes = 64;
constexpr std::chrono::seconds kPatience{30};

// One way through a backend of either family.
class Way {
 public:
  explicit Way(const std::string& backend) {
    if (const auto pipe = PipeRegistry::entries().find(backend);
        pipe != PipeRegistry::entries().end()) {
      pipe_ = pipe->second.make({.duplex = false, .capacity_bytes = 4096});
    } else {
      queue_ = QueueRegistry::entries().at(backend).make(
          {.max_items = 16, .capacity_bytes = 4096, .message_bytes = kBytes});
    }
  }
  bool is_pipe() const { return pipe_ != nullptr; }
  End sender() { return open(1); }
  End receiver() { return open(0); }

 private:
  End open(int side) {
    if (!is_pipe()) return queue_->open();
    pipe_->drop(1 - side);
    return pipe_->open(side);
  }

  std::unique_ptr<AnyPipe> pipe_;
  std::unique_ptr<AnyQueue> queue_;
};

void fill_numbered(Buffer& message, std::uint64_t number, std::uint32_t producer = 0) {
  message.resize(kBytes);
  fill_payload(message.bytes(), make_tag(producer, number));
}
void send(AnyEndpoint& out, std::uint64_t number) {
  Buffer message;
  fill_numbered(message, number);
  if (out.send(message.bytes()) != Status::ok) throw std::runtime_error("send");
}
std::uint64_t tag_of(const Buffer& message) {
  std::uint64_t tag = 0;
  if (message.size() != kBytes || !check_payload(message.bytes(), tag)) {
    throw std::runtime_error("a torn message");
  }
  return tag;
}
// The number of a whole message.
std::uint64_t number_of(const Buffer& message) { return sequence_of(tag_of(message)); }

class SteppedRing : public Stepping, public testing::WithParamInterface<std::string> {};
class SteppedSendsOfProcesses : public Stepping {};

TEST_P(SteppedRing, SendIsSeenAsAWholeAtEveryInstruction) {
  Way way(GetParam());
  Stepped process([&way] {
    const End out = way.sender();
    send(*out, 0);
    mark();
    for (std::uint64_t i = 1; i <= 3; ++i) send(*out, i);
    mark();
  });
  const End in = way.receiver();
  std::uint64_t next = 0;
  Buffer message;
  const auto look = [&] {
    while (in->ready(Deadline::now()) == Status::ok) {
      const Status status = in->receive_until(message, Deadline::now());
      if (status == Status::timed_out) break;
      ASSERT_EQ(status, Status::ok);
      ASSERT_EQ(number_of(message), next++);
    }
  };
  look();
  ASSERT_EQ(next, 1u);
  while (process.step()) {
    look();
    if (HasFatalFailure()) return;
  }
  look();
  EXPECT_EQ(next, 4u);
}

TEST_P(SteppedRing, ReceiveTakesAWholeMessageAtEveryInstruction) {
  Way way(GetParam());
  constexpr std::uint64_t kMessages = 3;
  Stepped process([&way] {
    const End in = way.receiver();
    Buffer message;
    std::uint64_t next = 0;
    const auto receive = [&] {
      if (in->receive(message) != Status::ok || number_of(message) != next++) _exit(1);
    };
    mark();
    receive();
    mark();
    for (std::uint64_t i = 0; i < kMessages; ++i) receive();
    mark();
  });
  const End out = way.sender();
  Buffer message;
  std::uint64_t next = 0;
  const auto put = [&] {
    fill_numbered(message, next);
    const Status status = out->send_until(message.bytes(), Deadline::now());
    if (status == Status::ok) ++next;
    ASSERT_TRUE(status == Status::ok || status == Status::timed_out);
  };
  for (std::uint64_t i = 0; i <= kMessages; ++i) put();
  process.to_mark();
  while (process.step()) {
    put();
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(next, kMessages + 1);
}

// So far apart are the instructions at which one is killed; which ones is drawn by chance, so that
// repeated tests (tools/torture) come to all of them.
constexpr int kStride = 31;

// How the killed one sends.
using Sends = Status (*)(AnyEndpoint& out, std::span<const std::byte> message);

void expect_kill_is_survived(const std::string& backend, Sends sends) {
  int instruction = static_cast<int>(std::random_device{}() % kStride);
  for (bool over = false; !over; instruction += kStride) {
    SCOPED_TRACE(instruction);
    Way way(backend);
    Stepped process([&way, sends] {
      const End out = way.sender();
      send(*out, 0);
      Buffer message;
      fill_numbered(message, 1);
      mark();
      if (sends(*out, message.bytes()) != Status::ok) _exit(1);
      mark();
    });
    const End in = way.receiver();
    for (int i = 0; i < instruction && !over; ++i) over = !process.step();
    process.kill();
    Buffer message;
    ASSERT_EQ(in->receive_until(message, Deadline::after(kPatience)), Status::ok);
    ASSERT_EQ(number_of(message), 0u);
    const End other = way.is_pipe() ? nullptr : way.sender();
    if (other) send(*other, 2);
    Status status = in->receive_until(message, Deadline::after(kPatience));
    if (status == Status::ok && number_of(message) == 1) {
      status = in->receive_until(message, Deadline::after(kPatience));
    }
    if (status == Status::ok && message.size() == 0) {  // the second of a batch
      status = in->receive_until(message, Deadline::after(kPatience));
    }
    if (way.is_pipe()) {
      ASSERT_EQ(status, Status::closed);
    } else {
      ASSERT_EQ(status, Status::ok);
      ASSERT_EQ(number_of(message), 2u);
    }
  }
}

TEST_P(SteppedRing, KilledInASendIsSurvived) {
  expect_kill_is_survived(GetParam(), [](AnyEndpoint& out, std::span<const std::byte> message) {
    return out.send(message);
  });
}

TEST_F(SteppedSendsOfProcesses, KilledInABatchIsSurvived) {
  expect_kill_is_survived("shm_ring", [](AnyEndpoint& out, std::span<const std::byte> message) {
    const std::span<const std::byte> both[] = {message, message.first(0)};
    std::size_t sent = 0;
    return out.send_batch(both, sent, Deadline::never());
  });
}

TEST_F(SteppedSendsOfProcesses, KilledWhileBuildingInPlaceIsSurvived) {
  expect_kill_is_survived("shm_ring", [](AnyEndpoint& out, std::span<const std::byte> message) {
    std::span<std::byte> room;
    const Status status = out.reserve(message.size(), room, Deadline::never());
    if (status == Status::ok) std::memcpy(room.data(), message.data(), message.size());
    out.commit();
    return status;
  });
}

TEST_P(SteppedRing, KilledInAReceiveIsSurvived) {
  int instruction = static_cast<int>(std::random_device{}() % kStride);
  for (bool over = false; !over; instruction += kStride) {
    SCOPED_TRACE(instruction);
    Way way(GetParam());
    Stepped process([&way] {
      const End in = way.receiver();
      Buffer message;
      mark();
      if (in->receive(message) != Status::ok) _exit(1);
      mark();
      if (in->receive(message) != Status::ok) _exit(1);
      mark();
    });
    const End out = way.sender();
    for (std::uint64_t i = 0; i < 3; ++i) send(*out, i);
    process.to_mark();
    for (int i = 0; i < instruction && !over; ++i) over = !process.step();
    process.kill();
    Buffer message;
    fill_numbered(message, 3);
    const Status status = out->send_until(message.bytes(), Deadline::after(kPatience));
    if (way.is_pipe()) {
      ASSERT_EQ(status, Status::closed);
      continue;
    }
    ASSERT_EQ(status, Status::ok);
    const End in = way.receiver();
    ASSERT_EQ(in->receive_until(message, Deadline::after(kPatience)), Status::ok);
    std::uint64_t next = number_of(message);  // the second may be lost with who was taking it
    ASSERT_TRUE(next == 1 || next == 2);
    while (next != 3) {
      ASSERT_EQ(in->receive_until(message, Deadline::after(kPatience)), Status::ok);
      ASSERT_EQ(number_of(message), ++next);
    }
  }
}

// How often each message of each sender came.
constexpr std::uint64_t kOfEach = 4;
struct Arrived {
  std::atomic<std::uint32_t> times[2][kOfEach];
  std::atomic<std::uint32_t> all;
};

void send_numbered(AnyEndpoint& out, std::uint32_t producer) {
  Buffer message;
  for (std::uint64_t i = 0; i < kOfEach;) {
    fill_numbered(message, i, producer);
    const Status status = out.send_until(message.bytes(), Deadline::now());
    if (status != Status::ok && status != Status::timed_out) _exit(1);
    i += status == Status::ok ? 1 : 0;
  }
}

// Until the receivers together have so many; those of one sender in their order.
void receive_numbered(AnyEndpoint& in, Arrived& arrived, std::uint32_t wanted) {
  Buffer message;
  std::uint64_t next[2] = {};
  while (arrived.all.load() < wanted) {
    const Status status = in.receive_until(message, Deadline::now());
    if (status == Status::timed_out) continue;
    if (status != Status::ok) _exit(1);
    const std::uint64_t tag = tag_of(message);
    const std::uint32_t producer = producer_of(tag);
    if (producer > 1 || sequence_of(tag) < next[producer]) _exit(1);
    next[producer] = sequence_of(tag) + 1;
    if (arrived.times[producer][sequence_of(tag)].fetch_add(1) != 0) _exit(1);
    arrived.all.fetch_add(1);
  }
}

// Of a queue two send and two receive.
TEST_P(SteppedRing, AnyOrderOfInstructionsKeepsTheMessages) {
  constexpr int kSchedules = 2;
  constexpr int kTurnsAtMost = 200'000;  // forty times what they need
  const auto seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int schedule = 0; schedule < kSchedules; ++schedule) {
    Way way(GetParam());
    const std::uint32_t each_side = way.is_pipe() ? 1 : 2;
    const auto wanted = static_cast<std::uint32_t>(each_side * kOfEach);
    const Shared<Arrived> arrived;
    std::vector<std::unique_ptr<Stepped>> running;
    std::vector<std::unique_ptr<Stepped>> ended;  // a pipe's sender that is gone would end it
    for (std::uint32_t i = 0; i < each_side; ++i) {
      running.push_back(std::make_unique<Stepped>([&way, i] {
        const End out = way.sender();
        mark();
        send_numbered(*out, i);
        mark();
      }));
      running.push_back(std::make_unique<Stepped>([&, wanted] {
        const End in = way.receiver();
        mark();
        receive_numbered(*in, *arrived, wanted);
        mark();
      }));
    }
    for (int turns = 0; !running.empty(); ++turns) {
      ASSERT_LT(turns, kTurnsAtMost) << arrived->all.load() << " of " << wanted << " messages came";
      const std::size_t turn = random() % running.size();
      bool goes = true;
      for (auto burst = 1 + random() % 60; goes && burst != 0; --burst) {
        goes = running[turn]->step();
      }
      if (!goes) {
        ended.push_back(std::move(running[turn]));
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(turn));
      }
    }
    EXPECT_EQ(arrived->all.load(), wanted);
  }
}

INSTANTIATE_TEST_SUITE_P(Processes, SteppedRing,
                         testing::Values("shm_ring", "shm_ring_spin", "shm_ring_block",
                                         "shm_robust", "shm_feeder", "shm_lockfree",
                                         "shm_lockfree_spin"),
                         [](const auto& one) { return "processes_" + one.param; });

}  // namespace
}  // namespace ipc
