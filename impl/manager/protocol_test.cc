// SPDX-License-Identifier: MIT
// Requests and replies as bytes: what is made is parsed as it was, and what is no message is none;
// what strangers send to a server closes their connection and nothing else.
#include "impl/manager/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <random>

#include "impl/codec/encoding.h"
#include "impl/manager/authentication.h"
#include "impl/manager/over_backends_test.h"
#include "impl/queue/queue_core.h"

namespace ipc {
namespace {

using detail::append_error;
using detail::append_hello;
using detail::append_request;
using detail::Bytes;
using detail::Hello;
using detail::Request;

TEST(ManagerProtocol, ARequestIsParsedAsItWasMade) {
  Bytes message;
  append_request({5, 7, Deadline::now(), "append", {}}, Object::list({1, "x"}), message);
  const auto request = detail::parse_request(message);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->object, 5u);
  EXPECT_EQ(request->thread, 7u);
  EXPECT_EQ(request->operation, "append");
  EXPECT_TRUE(request->deadline.passed());
  EXPECT_EQ(decode(request->arguments), Object::list({1, "x"}));
  message.clear();
  append_request({0, 0, Deadline::never(), "", {}}, Object::list(), message);
  EXPECT_TRUE(detail::parse_request(message)->deadline.is_never());
  EXPECT_THROW(
      append_request({0, 0, Deadline::never(), std::string(256, 'x'), {}}, Object(), message),
      ValueError);
}

TEST(ManagerProtocol, WhatIsCutOffInItsHeadIsNoRequest) {
  Bytes message;
  append_request({5, 7, Deadline::never(), "append", {}}, Object::list(), message);
  for (std::size_t size = 0; size < message.size() - 1; ++size) {
    EXPECT_FALSE(detail::parse_request(std::span(message).first(size))) << size;
  }
  const std::int64_t wait = -2;
  std::memcpy(message.data() + 16, &wait, sizeof wait);
  EXPECT_FALSE(detail::parse_request(message)) << "nobody waits so long";
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  std::memcpy(message.data() + 16, &most, sizeof most);
  EXPECT_TRUE(detail::parse_request(message)->deadline.is_never());
}

TEST(ManagerProtocol, AHelloIsParsedAsItWasMade) {
  Bytes message;
  append_hello({Hello::Kind::heir, 9}, message);
  const auto hello = detail::parse_hello(message);
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->kind, Hello::Kind::heir);
  EXPECT_EQ(hello->session, 9u);
  message[0] = std::byte{3};
  EXPECT_FALSE(detail::parse_hello(message));
  message[0] = std::byte{0};
  message.push_back({});
  EXPECT_FALSE(detail::parse_hello(message));
}

template <class E>
void expect_to_return(const E& error) {
  Bytes reply;
  append_error(error, reply);
  try {
    detail::value_of(reply);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const E& thrown) {
    EXPECT_STREQ(thrown.what(), error.what());
  }
}

TEST(ManagerProtocol, ErrorsArriveAsTheSameType) {
  expect_to_return(KeyError("'k'"));
  expect_to_return(IndexError("i"));
  expect_to_return(ValueError("v"));
  expect_to_return(TypeError("t"));
  expect_to_return(AttributeError("a"));
  expect_to_return(RuntimeError("r"));
  expect_to_return(OverflowError("o"));
  expect_to_return(Empty());
  expect_to_return(Full());
  Bytes reply;
  append_error(std::logic_error("bad \xff text"), reply);
  EXPECT_THROW(detail::value_of(reply), RemoteError);
  reply[0] = std::byte{2};
  EXPECT_THROW(detail::value_of(reply), DecodeError);
  EXPECT_THROW(detail::value_of({}), DecodeError);
}

TEST(ManagerProtocol, AProxyInAProxyWithoutEndIsNone) {
  Bytes message;
  encode(Object(), message);
  for (int level = 0; level < 5000; ++level) {
    Bytes around;
    encode(Object(Handle("Proxy", message, {})), around);
    message = std::move(around);
  }
  EXPECT_THROW(decode(message), DecodeError);
}

TEST(ManagerProtocol, ErrorsAreCutWhereTheyAreLong) {
  Bytes reply;
  append_error(KeyError(std::string(std::size_t{1} << 20, 'k')), reply);
  EXPECT_LT(reply.size(), std::size_t{1} << 17);
  EXPECT_THROW(detail::value_of(reply), KeyError);
}

class ManagerStrangersProcesses : public OverBackends {
 protected:
  std::unique_ptr<Link> link() { return ManagerRegistry::get(GetParam()).connect(m.address()); }
  // One that has proved that it has the key, and is of a session.
  std::unique_ptr<Link> known() {
    auto made = link();
    EXPECT_TRUE(authenticate(*made, m.authkey(), detail::Role::client));
    Bytes hello;
    append_hello({}, hello);
    Buffer session;
    EXPECT_EQ(made->send(hello), Status::ok);
    EXPECT_EQ(made->receive(session), Status::ok);
    return made;
  }
  // What comes on the link next is its end.
  static bool is_closed(Link& link) {
    Buffer message;
    link.limit(kLongestMessage, std::chrono::seconds(static_cast<int>(kHang)));
    const Status status = link.receive(message);
    return status == Status::closed || status == Status::peer_died;
  }
  // In bytes, that it had at a time.
  std::size_t most_memory_of_the_server() const {
    std::ifstream status("/proc/" + std::to_string(m.pid().value()) + "/status");
    std::string line;
    while (std::getline(status, line) && !line.starts_with("VmHWM:")) {
    }
    return std::stoull(line.substr(6)) * 1024;
  }
  void expect_service() {
    EXPECT_EQ(before[0], Object(1)) << "an old connection";
    EXPECT_EQ(m.list(Object::list({2})).size(), 1u);
  }

  Manager m{options()};
  ListProxy before = m.list(Object::list({1}));
};

INSTANTIATE_TEST_SUITE_P(Backends, ManagerStrangersProcesses, testing::ValuesIn(servers()),
                         backend_name);

TEST_P(ManagerStrangersProcesses, AreTurnedAwayWithoutTheKey) {
  const auto stranger = link();
  Buffer challenge;
  ASSERT_EQ(stranger->receive(challenge), Status::ok);
  const std::vector<std::byte> block(32);
  stranger->send(block);
  stranger->send(block);
  EXPECT_TRUE(is_closed(*stranger));
  const auto echo = link();  // who answers with what the server itself would say
  ASSERT_EQ(echo->receive(challenge), Status::ok);
  echo->send(challenge.bytes());
  EXPECT_FALSE(authenticate(*echo, m.authkey() + "x", detail::Role::server));
  expect_service();
}

TEST_P(ManagerStrangersProcesses, AreNotWaitedForWhenTheySayNothing) {
  std::vector<std::unique_ptr<Link>> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(link());
  known();
  expect_service();
}

TEST_P(ManagerStrangersProcesses, GetNoMemoryForWhatTheyClaimToSend) {
  const auto stranger = link();
  Buffer challenge;
  ASSERT_EQ(stranger->receive(challenge), Status::ok);
  stranger->send(std::vector<std::byte>(33));
  EXPECT_TRUE(is_closed(*stranger)) << "one byte more than a digest";
  expect_service();
  if (GetParam() == "zmq_router") return;  // its file says that they need no key to fill memory
  constexpr std::size_t kMuch = 64 << 20;
  const std::size_t used = most_memory_of_the_server();
  const auto greedy = link();
  ASSERT_EQ(greedy->receive(challenge), Status::ok);
  greedy->send(std::vector<std::byte>(kMuch));  // as much of it as the server takes
  EXPECT_TRUE(is_closed(*greedy));
  EXPECT_LT(most_memory_of_the_server(), used + kMuch / 2);
  expect_service();
}

TEST_P(ManagerStrangersProcesses, AreClosedWhenTheySayWhatNoClientSays) {
  std::mt19937 random(1);
  for (const std::size_t size : {0u, 1u, 24u, 26u, 200u}) {
    const auto client = known();
    std::vector<std::byte> message(size);
    for (std::byte& each : message) each = static_cast<std::byte>(random());
    if (size > 24) message[23] = std::byte{0xff};  // a time to wait that is negative
    client->send(message);
    EXPECT_TRUE(is_closed(*client)) << size;
  }
  const auto client = link();
  ASSERT_TRUE(authenticate(*client, m.authkey(), detail::Role::client));
  client->send(std::vector<std::byte>(3));
  EXPECT_TRUE(is_closed(*client)) << "no hello";
  expect_service();
}

TEST_P(ManagerStrangersProcesses, GetAnErrorForArgumentsThatAreNone) {
  const auto client = known();
  for (const std::vector<std::byte>& arguments : {std::vector<std::byte>{},
                                                  {std::byte{0xc1}},
                                                  {std::byte{0xdd}, std::byte{0xff}},
                                                  {std::byte{1}}}) {
    Bytes message;
    append_request({detail::kServer, 0, Deadline::never(), "number_of_objects", {}}, Object::list(),
                   message);
    message.pop_back();
    message.insert(message.end(), arguments.begin(), arguments.end());
    ASSERT_EQ(client->send(message), Status::ok);
    Buffer reply;
    ASSERT_EQ(client->receive(reply), Status::ok);
    EXPECT_THROW(detail::value_of(reply.bytes()), RemoteError);
  }
  expect_service();
}

TEST_P(ManagerStrangersProcesses, CallNothingThatTheyDoNotHold) {
  const auto client = known();
  for (const std::uint64_t object : {std::uint64_t{1}, ~std::uint64_t{0}}) {
    Bytes message;
    append_request({object, 0, Deadline::never(), "length", {}}, Object::list(), message);
    ASSERT_EQ(client->send(message), Status::ok);
    Buffer reply;
    ASSERT_EQ(client->receive(reply), Status::ok);
    EXPECT_THROW(detail::value_of(reply.bytes()), RemoteError);
  }
  expect_service();
}

}  // namespace
}  // namespace ipc
