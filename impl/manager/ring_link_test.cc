// SPDX-License-Identifier: MIT
// A connection over rings whose other side is well-behaved, gone or mad. No case forks.
#include "impl/manager/ring_link.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "impl/os/socket.h"

namespace ipc {
namespace {

using detail::Role;

constexpr char kAdaptive = 'a';  // what the server's byte says of its way to wait
constexpr std::size_t kMost = 32;
constexpr std::chrono::seconds kNone{0};

std::vector<std::byte> bytes(std::size_t size) {
  std::vector<std::byte> made(size);
  for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<std::byte>(i % 251);
  return made;
}

// A server's side, and what one has who has connected.
class RingLinkServer : public testing::Test {
 protected:
  RingLinkServer() {
    link_.limit(kMost, kNone);
    EXPECT_EQ(link_.send(bytes(kMost)), Status::ok) << "it waits for nobody";
    EXPECT_EQ(receive_rings(pair_.ends[1], kAdaptive, ways_, Deadline::now()), Status::ok);
    side_.reset(new ring::Side{1, LifetimeToken(1, std::move(pair_.ends[1])).take(1),
                               ways_->to_server.state->cpus});
    sender_.emplace(ways_->to_server, *side_);
  }
  // A piece that says how long its message is, and has so much of it.
  void send_piece(std::uint64_t length, std::size_t content) {
    std::vector<std::byte> piece = bytes(sizeof length + content);
    std::memcpy(piece.data(), &length, sizeof length);
    ASSERT_EQ(sender_->send(piece, Deadline::now()), Status::ok);
  }
  void expect_corrupt() {
    Buffer message;
    EXPECT_EQ(link_.receive(message), Status::corrupt);
    EXPECT_LE(message.capacity(), kMost);
  }
  void go() {
    sender_.reset();
    side_.reset();
  }

  SocketPair pair_ = make_socket_pair(SOCK_STREAM);
  RingLink<WaitClass::adaptive> link_{std::move(pair_.ends[0]), Role::server};
  std::unique_ptr<RingWays> ways_;
  std::unique_ptr<ring::Side> side_;
  std::optional<ring::Sender<WaitClass::adaptive>> sender_;
};

TEST_F(RingLinkServer, ReceivesWhatIsWithinTheLimit) {
  send_piece(kMost, kMost);
  Buffer message;
  EXPECT_EQ(link_.receive(message), Status::ok);
  EXPECT_EQ(message.size(), kMost);
}

TEST_F(RingLinkServer, TakesNoMemoryForAMessageOverTheLimit) {
  send_piece(kMost + 1, 8);
  expect_corrupt();
  Buffer message;
  EXPECT_EQ(link_.receive(message), Status::corrupt) << "and it stays there";
  EXPECT_EQ(message.capacity(), 0u);
}

TEST_F(RingLinkServer, TakesNoMemoryForALengthThatNobodyHas) {
  link_.limit(kLongestMessage, kNone);
  send_piece(~std::uint64_t{0}, 8);
  expect_corrupt();
}

TEST_F(RingLinkServer, IsCorruptForAPieceWithoutALength) {
  ASSERT_EQ(sender_->send(bytes(7), Deadline::now()), Status::ok);
  expect_corrupt();
}

TEST_F(RingLinkServer, IsCorruptForMoreThanTheMessageHas) {
  send_piece(8, 9);
  expect_corrupt();
}

TEST_F(RingLinkServer, IsCorruptForMoreThanTheMessageHasInALaterPiece) {
  send_piece(8, 7);
  ASSERT_EQ(sender_->send(bytes(2), Deadline::now()), Status::ok);
  expect_corrupt();
}

TEST_F(RingLinkServer, IsCorruptForAPieceThatBringsNothing) {
  send_piece(8, 7);
  ASSERT_EQ(sender_->send({}, Deadline::now()), Status::ok);
  expect_corrupt();
}

TEST_F(RingLinkServer, IsCorruptForAMessageThatStreamsThroughTheRing) {
  ASSERT_EQ(sender_->send(bytes(ways_->to_server.largest_piece + 1), Deadline::now()), Status::ok);
  expect_corrupt();
}

TEST_F(RingLinkServer, IsCorruptForWordsThatNoSenderWrites) {
  constexpr std::uint64_t kHuge = kMaxFrame;
  for (const ring::Header& header : {ring::Header{kHuge, kHuge, true},
                                     {0, kHuge, true},
                                     {0, 0, false},
                                     {8, 16, true},
                                     {16, 8, true}}) {
    ways_->to_server.header(0).store(header.word());
    expect_corrupt();
  }
}

TEST_F(RingLinkServer, WaitsForNoMessageLongerThanItsLimitSays) {
  Buffer message;
  EXPECT_EQ(link_.receive(message), Status::system_error);
  EXPECT_EQ(errno, EAGAIN);
  send_piece(8, 7);
  EXPECT_EQ(link_.receive(message), Status::system_error) << "nor for the rest of one";
}

TEST_F(RingLinkServer, WaitsForNoRoomLongerThanItsLimitSays) {
  const std::vector<std::byte> message = bytes(RingWays::kCapacity / 4);
  Status status = Status::ok;
  for (int i = 0; i < 5 && status == Status::ok; ++i) status = link_.send(message);
  EXPECT_EQ(status, Status::system_error);
}

TEST_F(RingLinkServer, SeesTheEndAfterTheLastMessage) {
  send_piece(3, 3);
  go();
  Buffer message;
  EXPECT_EQ(link_.receive(message), Status::ok);
  EXPECT_EQ(link_.receive(message), Status::closed);
  EXPECT_EQ(link_.send(bytes(1)), Status::closed);
}

TEST_F(RingLinkServer, IsCorruptWhenTheEndComesInsideAMessage) {
  send_piece(8, 7);
  go();
  expect_corrupt();
}

TEST_F(RingLinkServer, ReturnsWhateverIsWritten) {
  std::mt19937_64 random(1);
  const auto one_of = [&random]() -> std::uint64_t {
    switch (random() % 4) {
      case 0:
        return 0;
      case 1:
        return random() % (2 * RingWays::kCapacity);
      case 2:
        return ring::Header{random() % 40, random() % 40, random() % 2 == 0}.word();
      default:
        return random();
    }
  };
  const auto fill = [&](std::byte* begin, std::size_t size) {
    for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
      const std::uint64_t word = one_of();
      std::memcpy(begin + at, &word, sizeof word);
    }
  };
  Buffer message;
  for (int round = 0; round < 200; ++round) {
    for (const ring::Way* way : {&ways_->to_server, &ways_->to_client}) {
      // Words of a Presence as well, and the list in it, which the kernel reads at the end.
      fill(way->ring.beside(), sizeof(ring::Way::State));
      fill(way->ring.address(), way->capacity);
    }
    link_.receive(message);
    link_.send(bytes(kMost));
  }
  EXPECT_LE(message.capacity(), kMost);
}

TEST(RingLinkSides, CarryMessagesOfAnySizeBothWays) {
  SocketPair pair = make_socket_pair(SOCK_STREAM);
  std::thread serving([end = std::move(pair.ends[0])]() mutable {
    RingLink<WaitClass::adaptive> link(std::move(end), Role::server);
    Buffer message;
    while (link.receive(message) == Status::ok) EXPECT_EQ(link.send(message.bytes()), Status::ok);
  });
  {
    RingLink<WaitClass::adaptive> link(std::move(pair.ends[1]), Role::client);
    Buffer answer;
    constexpr std::size_t kRing = RingWays::kCapacity;
    for (std::size_t size : {std::size_t{0}, std::size_t{1}, kRing / 4 - 8, kRing / 4, kRing / 2,
                             kRing - 8, kRing, 2 * kRing + 1, 50 * kRing + 3}) {
      // About the largest piece as well.
      for (std::size_t more = 0; more < 3; ++more) {
        const std::vector<std::byte> message = bytes(size + more * 68);
        ASSERT_EQ(link.send(message), Status::ok);
        ASSERT_EQ(link.receive(answer), Status::ok);
        ASSERT_TRUE(std::ranges::equal(answer.bytes(), message)) << size;
      }
    }
    // Only its length is looked at.
    EXPECT_EQ(link.send(std::span(answer.data(), kLongestMessage + 1)), Status::too_big);
  }
  serving.join();
}

// What comes to a client of a server that sends this.
class RingLinkClient : public testing::Test {
 protected:
  Status met_with(char byte, const std::vector<int>& descriptors) {
    SocketPair pair = make_socket_pair(SOCK_STREAM);
    RingLink<WaitClass::adaptive> link(std::move(pair.ends[0]), Role::client);
    link.limit(kMost, kNone);
    iovec part{&byte, sizeof byte};
    alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))] = {};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const std::size_t size = descriptors.size() * sizeof(int);
    if (size != 0) {
      header.msg_control = control;
      header.msg_controllen = CMSG_SPACE(size);
      cmsghdr* const rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(size);
      std::memcpy(CMSG_DATA(rights), descriptors.data(), size);
    }
    EXPECT_EQ(sendmsg(pair.ends[1].get(), &header, 0), 1);
    Buffer message;
    return link.receive(message);
  }

  const RingMemory ring{RingWays::kCapacity, sizeof(ring::Way::State)};
  const RingMemory larger{2 * RingWays::kCapacity, sizeof(ring::Way::State)};
  const int good = ring.descriptor().get();
};

TEST_F(RingLinkClient, TakesRings) {
  EXPECT_EQ(met_with(kAdaptive, {good, good}), Status::system_error) << "no message comes";
}

TEST_F(RingLinkClient, TakesNothingElse) {
  const UniqueFd other(memfd_create("other", MFD_CLOEXEC));
  ASSERT_TRUE(other);
  EXPECT_EQ(met_with('s', {good, good}), Status::corrupt) << "whose server wakes nobody";
  EXPECT_EQ(met_with(kAdaptive, {}), Status::corrupt);
  EXPECT_EQ(met_with(kAdaptive, {good}), Status::corrupt);
  EXPECT_EQ(met_with(kAdaptive, {good, other.get()}), Status::corrupt);
  EXPECT_EQ(met_with(kAdaptive, {STDIN_FILENO, good}), Status::corrupt);
  EXPECT_EQ(met_with(kAdaptive, {good, larger.descriptor().get()}), Status::corrupt);
  EXPECT_THROW(met_with(kAdaptive, {good, good, good}), std::system_error);
}

TEST_F(RingLinkClient, WaitsForNoServerLongerThanItsLimitSays) {
  SocketPair pair = make_socket_pair(SOCK_STREAM);
  RingLink<WaitClass::adaptive> link(std::move(pair.ends[0]), Role::client);
  link.limit(kMost, kNone);
  Buffer message;
  EXPECT_EQ(link.receive(message), Status::system_error);
  pair.ends[1].reset();
  EXPECT_EQ(link.receive(message), Status::closed);
}

}  // namespace
}  // namespace ipc
