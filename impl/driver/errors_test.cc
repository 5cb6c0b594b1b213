// SPDX-License-Identifier: MIT
#include "impl/driver/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

namespace ipc {
namespace {

TEST(StatusErrors, TellTheEndFromABrokenPipe) {
  EXPECT_THROW(throw_status(Status::closed, Direction::receive, "x"), EndOfFile);
  EXPECT_THROW(throw_status(Status::closed, Direction::send, "x"), BrokenPipe);
}

TEST(StatusErrors, HaveAClassForEachStatus) {
  for (const Direction direction : {Direction::send, Direction::receive}) {
    EXPECT_THROW(throw_status(Status::peer_died, direction, "x"), ConnectionReset);
    EXPECT_THROW(throw_status(Status::too_big, direction, "x"), MessageTooBig);
    EXPECT_THROW(throw_status(Status::corrupt, direction, "x"), CorruptMessage);
  }
}

TEST(StatusErrors, KeepTheSystemsErrorNumber) {
  errno = ENOBUFS;
  try {
    throw_status(Status::system_error, Direction::send, "boost_mq");
    FAIL() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOBUFS);
    EXPECT_THAT(error.what(), testing::HasSubstr("boost_mq: send"));
  }
}

TEST(UnusableBackends, AreRefusedWithTheReason) {
  Traits traits;
  require_usable("pipe", "pigeon", traits);
  traits.available = [] { return std::optional<std::string>("no pigeons here"); };
  try {
    require_usable("pipe", "pigeon", traits);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "pipe backend \"pigeon\" cannot be used here: no pigeons here");
  }
  traits.transports = false;
  EXPECT_THROW(require_usable("pipe", "pigeon", traits), ValueError);
}

}  // namespace
}  // namespace ipc
