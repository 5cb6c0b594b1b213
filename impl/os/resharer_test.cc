// SPDX-License-Identifier: MIT
#include "impl/os/resharer.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "impl/os/child.h"
#include "impl/os/deadline.h"
#include "impl/os/socket.h"
#include "impl/os/stream.h"

namespace ipc {
namespace {

constexpr std::chrono::seconds kPatience{60};

bool is_at_end(const UniqueFd& socket) {
  char byte;
  return poll_until(socket.get(), POLLIN, Deadline::after(kPatience)) > 0 &&
         read(socket.get(), &byte, 1) == 0;
}

TEST(SharedDescriptors, AreFetchedOnce) {
  SocketPair pair = make_socket_pair(SOCK_STREAM);
  const auto ticket = share(descriptors_of(std::move(pair.ends[1])));
  ASSERT_EQ(ticket.size(), kTicketBytes);
  {
    const std::vector<UniqueFd> fetched = redeem(ticket);
    ASSERT_EQ(fetched.size(), 1u);
    ASSERT_EQ(write(fetched[0].get(), "x", 1), 1);
    char byte = 0;
    ASSERT_EQ(read(pair.ends[0].get(), &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
    EXPECT_THROW(redeem(ticket), Error);
  }
  EXPECT_TRUE(is_at_end(pair.ends[0])) << "somebody still holds the other end";
}

TEST(SharedDescriptors, MayBeManyOrNone) {
  EXPECT_TRUE(redeem(share({})).empty());
  const UniqueFd socket = make_socket(AF_UNIX, SOCK_STREAM);
  std::vector<UniqueFd> many;
  for (std::size_t i = 0; i < kMostDescriptors; ++i) many.push_back(duplicate(socket));
  EXPECT_EQ(redeem(share(std::move(many))).size(), kMostDescriptors);
  many.clear();
  for (std::size_t i = 0; i <= kMostDescriptors; ++i) many.push_back(duplicate(socket));
  EXPECT_THROW(share(std::move(many)), ValueError);
}

TEST(SharedDescriptors, AreNotFetchedByAWrongTicket) {
  std::vector<std::byte> ticket = share({});
  EXPECT_THROW(redeem(std::span(ticket).first(kTicketBytes - 1)), Error);
  std::vector<std::byte> other_key = ticket;
  other_key.back() ^= std::byte{1};
  EXPECT_THROW(redeem(other_key), Error);
  for (const std::size_t place : {0u, 1u, 5u}) {
    std::vector<std::byte> nobody = ticket;
    nobody[place] = std::byte{'z'};  // a file's name; no digit
    EXPECT_THROW(redeem(nobody), Error);
  }
  EXPECT_TRUE(redeem(ticket).empty()) << "the mistakes have used it up";
}

TEST(SharedDescriptors, AreSharedNoMoreWhenTheirTicketIsGivenUp) {
  SocketPair pair = make_socket_pair(SOCK_STREAM);
  const auto ticket = share(descriptors_of(std::move(pair.ends[1])));
  unshare(std::span(ticket).first(kTicketBytes - 1));
  unshare(ticket);
  unshare(ticket);
  EXPECT_TRUE(is_at_end(pair.ends[0]));
  EXPECT_THROW(redeem(ticket), Error);
}

TEST(SharedDescriptorsOfProcesses, ComeFromAChildAndFromAParent) {
  SocketPair carrier = make_socket_pair(SOCK_SEQPACKET);
  Child child = fork_child([&carrier] {
    PipeEnds pipe = make_pipe(4096);
    const auto ticket = share(descriptors_of(std::move(pipe.read)));
    if (write(carrier.ends[1].get(), ticket.data(), ticket.size()) < 0) return 1;
    std::vector<std::byte> other(kTicketBytes);
    if (read(carrier.ends[1].get(), other.data(), other.size()) < 0) return 2;
    const std::vector<UniqueFd> fetched = redeem(other);
    return write(pipe.write.get(), "abc", 3) == 3 && write(fetched.at(0).get(), "d", 1) == 1 ? 0
                                                                                             : 3;
  });
  std::vector<std::byte> ticket(kTicketBytes);
  ASSERT_EQ(read(carrier.ends[0].get(), ticket.data(), ticket.size()),
            static_cast<ssize_t>(kTicketBytes));
  const std::vector<UniqueFd> fetched = redeem(ticket);
  ASSERT_EQ(fetched.size(), 1u);
  PipeEnds answer = make_pipe(4096);
  const auto mine = share(descriptors_of(std::move(answer.write)));
  ASSERT_EQ(write(carrier.ends[0].get(), mine.data(), mine.size()),
            static_cast<ssize_t>(mine.size()));
  char bytes[4] = {};
  ASSERT_EQ(read_exactly(fetched[0].get(), reinterpret_cast<std::byte*>(bytes), 3), Status::ok);
  ASSERT_EQ(read(answer.read.get(), bytes + 3, 1), 1);
  EXPECT_EQ(std::string(bytes, 4), "abcd");
  EXPECT_EQ(child.wait(Deadline::after(kPatience)), 0);
  EXPECT_THROW(redeem(ticket), Error) << "its process has ended";
}

TEST(SharedDescriptorsOfProcesses, AreNotKeptOpenByAChild) {
  SocketPair pair = make_socket_pair(SOCK_STREAM);
  SocketPair stop = make_socket_pair(SOCK_STREAM);
  const auto ticket = share(descriptors_of(std::move(pair.ends[1])));
  Child child = fork_child([&] {
    stop.ends[1].reset();
    char byte;
    if (read(stop.ends[0].get(), &byte, 1) != 0) return 1;
    return redeem(share({})).empty() ? 0 : 2;  // it can share by itself
  });
  redeem(ticket).clear();
  EXPECT_TRUE(is_at_end(pair.ends[0]));
  stop.ends[1].reset();
  EXPECT_EQ(child.wait(Deadline::after(kPatience)), 0);
}

}  // namespace
}  // namespace ipc
