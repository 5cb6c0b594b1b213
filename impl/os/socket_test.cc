// SPDX-License-Identifier: MIT
#include "impl/os/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <climits>
#include <vector>

namespace ipc {
namespace {

TEST(SocketPairs, AreClosedOnExec) {
  const SocketPair pair = make_socket_pair(SOCK_STREAM);
  for (const UniqueFd& end : pair.ends) {
    EXPECT_EQ(fcntl(end.get(), F_GETFD), FD_CLOEXEC);
  }
}

TEST(SocketBuffers, AreGrantedAsAskedUpToALimit) {
  const SocketPair pair = make_socket_pair(SOCK_STREAM);
  const int fd = pair.ends[0].get();
  EXPECT_EQ(ask_socket_buffer(fd, SO_SNDBUF, 64 * 1024), 64u * 1024);
  EXPECT_EQ(ask_socket_buffer(fd, SO_SNDBUF, 64 * 1024 + 1), 64u * 1024 + 2);
  const std::size_t most = ask_socket_buffer(fd, SO_SNDBUF, SIZE_MAX);
  EXPECT_GT(most, 64u * 1024);
  EXPECT_EQ(ask_socket_buffer(fd, SO_SNDBUF, most), most);
}

TEST(SocketBuffers, HoldAPacketLessTheOverhead) {
  for (const int type : {SOCK_SEQPACKET, SOCK_DGRAM}) {
    const SocketPair pair = make_socket_pair(type);
    const int fd = pair.ends[0].get();
    const std::size_t granted = ask_socket_buffer(fd, SO_SNDBUF, 64 * 1024);
    const std::vector<char> packet(granted);
    const auto send_bytes = [&](std::size_t size) {
      return send(fd, packet.data(), size, MSG_DONTWAIT);
    };
    EXPECT_EQ(send_bytes(granted - kPacketOverhead + 1), -1);
    EXPECT_EQ(errno, EMSGSIZE);
    EXPECT_GT(send_bytes(granted - kPacketOverhead), 0);
  }
}

}  // namespace
}  // namespace ipc
