// SPDX-License-Identifier: MIT
#include "impl/manager/stream_link.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <system_error>

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

}  // namespace
}  // namespace ipc
