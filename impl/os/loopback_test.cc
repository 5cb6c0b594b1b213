// SPDX-License-Identifier: MIT
#include "impl/os/loopback.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace ipc {
namespace {

int option(const UniqueFd& tcp, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  EXPECT_EQ(getsockopt(tcp.get(), level, name, &value, &size), 0);
  return value;
}

TEST(LoopbackConnections, CarryBytesBothWaysAndAreClosedOnExec) {
  const LoopbackConnection made = connect_over_loopback([](int, int) {});
  for (const auto& [from, to] : {std::pair(made.active.get(), made.passive.get()),
                                 std::pair(made.passive.get(), made.active.get())}) {
    char byte = 0;
    EXPECT_EQ(write(from, "x", 1), 1);
    EXPECT_EQ(read(to, &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
    EXPECT_EQ(fcntl(from, F_GETFD), FD_CLOEXEC);
  }
}

TEST(LoopbackConnections, HaveTheOptionsOfTheSocketsThatWerePrepared) {
  const LoopbackConnection made = connect_over_loopback([](int listener, int active) {
    const int on = 1;
    ASSERT_EQ(setsockopt(listener, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), 0);
    set_no_delay(active);
  });
  EXPECT_EQ(option(made.passive, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(made.active, SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(option(made.active, IPPROTO_TCP, TCP_NODELAY), 1);
}

}  // namespace
}  // namespace ipc
