// SPDX-License-Identifier: MIT
#include "impl/manager/stream_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "impl/os/socket.h"

namespace ipc {
namespace {

TEST(AcceptSocket, GivesNothingWhereTheNextMayCome) {
  const UniqueFd datagrams = make_socket(AF_UNIX, SOCK_DGRAM);
  EXPECT_FALSE(accept_socket(datagrams)) << "EOPNOTSUPP, which accept(2) has pass";
}

TEST(AcceptSocket, ThrowsWhereNobodyCanCome) {
  EXPECT_THROW(accept_socket(UniqueFd()), std::system_error);
  EXPECT_THROW(accept_socket(make_socket(AF_UNIX, SOCK_STREAM)), std::system_error)
      << "it does not listen";
}

TEST(StreamLink, ReceivesNothingLongerThanItsLimit) {
  SocketPair pair = make_socket_pair(SOCK_STREAM);
  StreamLink here(std::move(pair.ends[0]));
  StreamLink there(std::move(pair.ends[1]));
  here.limit(10, std::nullopt);
  Buffer message;
  ASSERT_EQ(there.send(std::vector<std::byte>(10)), Status::ok);
  EXPECT_EQ(here.receive(message), Status::ok);
  ASSERT_EQ(there.send(std::vector<std::byte>(11)), Status::ok);
  EXPECT_EQ(here.receive(message), Status::corrupt);
}

TEST(StreamLink, WaitsForNoMessageLongerThanItsLimitSays) {
  SocketPair pair = make_socket_pair(SOCK_STREAM);
  StreamLink here(std::move(pair.ends[0]));
  here.limit(10, std::chrono::seconds(1));
  Buffer message;
  EXPECT_EQ(here.receive(message), Status::system_error);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(StreamLink, WaitsForNoMessageThatComesByteByByteForLonger) {
  SocketPair pair = make_socket_pair(SOCK_STREAM);
  StreamLink here(std::move(pair.ends[0]));
  here.limit(10, std::chrono::seconds(1));
  std::thread slow([&out = pair.ends[1]] {
    const char bytes[] = {0, 0, 0, 10, 'e', 'n', 'd', 's', ' ', 's', 'o', 'm', 'e', '.'};
    for (const char each : bytes) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      if (send(out.get(), &each, 1, MSG_NOSIGNAL) != 1) return;
    }
  });
  Buffer message;
  EXPECT_NE(here.receive(message), Status::ok);
  slow.join();
}

}  // namespace
}  // namespace ipc
