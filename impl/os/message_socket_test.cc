// SPDX-License-Identifier: MIT
// What message_socket.h says, of the libraries that are there. No case forks.
#include "impl/os/message_socket.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <cstring>

#include "impl/os/unique_fd.h"
#if __has_include(<zmq.hpp>)
#include "impl/os/zmq_socket.h"
#endif
#if __has_include(<nng/nng.h>)
#include "impl/os/nng_socket.h"
#endif

namespace ipc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

template <class Socket>
class MessageSockets : public testing::Test {
 protected:
  static void send(Socket& out, std::uint32_t number) {
    typename Socket::Message message(sizeof number);
    std::memcpy(message.data(), &number, sizeof number);
    ASSERT_EQ(out.send(message), Status::ok);
  }
  // The next number; 0 when none comes.
  static std::uint32_t receive(Socket& in) {
    const Deadline limit = Deadline::after(seconds(60));
    typename Socket::Message message;
    while (!in.take(message)) {
      if (limit.passed()) return 0;
      in.wait(-1, limit);
    }
    std::uint32_t number = 0;
    if (message.size() == sizeof number) std::memcpy(&number, message.data(), sizeof number);
    return number;
  }

  const std::string address_ = Socket::unique_address();
};

using Libraries = testing::Types<
#if __has_include(<zmq.hpp>) && __has_include(<nng/nng.h>)
    ZmqSocket, NngSocket
#elif __has_include(<zmq.hpp>)
    ZmqSocket
#elif __has_include(<nng/nng.h>)
    NngSocket
#endif
    >;
TYPED_TEST_SUITE(MessageSockets, Libraries);

TYPED_TEST(MessageSockets, KeepWhatIsSentBeforeSomebodyListens) {
  const auto out = TypeParam::dial(Pattern::pair, this->address_);
  for (std::uint32_t i = 1; i <= 100; ++i) this->send(*out, i);
  const auto in = TypeParam::listen(Pattern::pair, this->address_);
  ASSERT_TRUE(in);
  for (std::uint32_t i = 1; i <= 100; ++i) ASSERT_EQ(this->receive(*in), i);
  EXPECT_FALSE(in->has_message());
}

TYPED_TEST(MessageSockets, LetOneListenAtATime) {
  const auto first = TypeParam::listen(Pattern::pair, this->address_);
  EXPECT_TRUE(first);
  EXPECT_FALSE(TypeParam::listen(Pattern::pair, this->address_));
}

TYPED_TEST(MessageSockets, TakeFromEveryoneWhoPushes) {
  const auto in = TypeParam::listen(Pattern::push_pull, this->address_);
  const auto one = TypeParam::dial(Pattern::push_pull, this->address_);
  const auto other = TypeParam::dial(Pattern::push_pull, this->address_);
  this->send(*one, 1);
  this->send(*other, 2);
  const std::uint32_t first = this->receive(*in);
  EXPECT_EQ(first + this->receive(*in), 3u);
}

TYPED_TEST(MessageSockets, WaitForTheEndAsWell) {
  const auto in = TypeParam::listen(Pattern::pair, this->address_);
  const UniqueFd end(eventfd(0, EFD_CLOEXEC));
  EXPECT_FALSE(in->wait(end.get(), Deadline::after(milliseconds(20))));
  ASSERT_EQ(eventfd_write(end.get(), 1), 0);
  EXPECT_TRUE(in->wait(end.get(), Deadline::after(seconds(60))));
}

TYPED_TEST(MessageSockets, LoseNothingToAWaitThatEndsWithoutAMessage) {
  const auto in = TypeParam::listen(Pattern::pair, this->address_);
  const auto out = TypeParam::dial(Pattern::pair, this->address_);
  for (std::uint32_t i = 1; i <= 20; ++i) {
    in->wait(-1, Deadline::after(milliseconds(1)));
    this->send(*out, i);
    ASSERT_EQ(this->receive(*in), i);
  }
}

}  // namespace
}  // namespace ipc
