// SPDX-License-Identifier: MIT
// What only zmq_router can do wrong: a child takes its parent's ZeroMQ connection over, strangers
// reach the ROUTER without a link, and libzmq has no patience with a lack of descriptors.
#if __has_include(<zmq.hpp>)

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "impl/manager/authentication.h"
#include "impl/manager/errors.h"
#include "impl/manager/manager.h"
#include "impl/manager/protocol.h"
#include "impl/manager/unix_listener.h"
#include "impl/os/zmq_socket.h"
#include "impl/process/typed_api_test.h"

namespace ipc {
namespace {

using detail::Bytes;

class ManagerZmqRouterProcess : public testing::Test {
 protected:
  using Token = std::array<char, 16>;
  // Who knows what the server tells everybody who may open the socket file.
  struct Stranger {
    explicit Stranger(const std::string& address) : lifetime(connect_to_path(address)) {
      std::array<char, 256> said;
      const ssize_t got = read(lifetime.get(), said.data(), said.size());
      if (got <= ssize_t{sizeof token}) throw std::runtime_error("no announcement");
      std::copy_n(said.begin(), token.size(), token.begin());
      router = "ipc://@" + std::string(said.data() + token.size(), said.data() + got);
    }
    void connect_as(const Token& name) {
      socket = ZmqSocket::make(ZMQ_DEALER, std::make_shared<zmq::context_t>());
      socket->set(ZMQ_ROUTING_ID, name);
      socket->connect(router);
    }
    void send(std::size_t size, int flags = 0) {
      ZmqSocket::Message part(size);
      EXPECT_EQ(socket->send(part, flags), Status::ok);
    }
    // The server's challenge, when it takes us for who came by the file.
    bool is_answered(double seconds) {
      ZmqSocket::Message part;
      for (const Deadline limit = deadline_of(seconds); !limit.passed();) {
        if (socket->take(part)) return true;
        socket->wait(-1, limit);
      }
      return false;
    }
    bool is_turned_away() {
      return (poll_until(lifetime.get(), POLLRDHUP, deadline_of(kHang)) & POLLRDHUP) != 0;
    }

    UniqueFd lifetime;
    Token token;
    std::string router;
    std::unique_ptr<ZmqSocket> socket;
  };

  static std::unique_ptr<Link> link_to(const Manager& manager) {
    return ManagerRegistry::get("zmq_router").connect(manager.address());
  }
  static bool call(Link& link, const Bytes& request) {
    Buffer reply;
    return link.send(request) == Status::ok && link.receive(reply) == Status::ok;
  }
  static bool is_known(const Manager& manager, Link& link) {
    Bytes hello;
    detail::append_hello({}, hello);
    return authenticate(link, manager.authkey(), detail::Role::client) && call(link, hello);
  }
  static bool calls(Link& link) {
    Bytes request;
    detail::append_request({detail::kServer, 0, Deadline::never(), "number_of_objects", {}},
                           Object::list(), request);
    return call(link, request);
  }

  Manager m{{.backend = "zmq_router"}};
};

TEST_F(ManagerZmqRouterProcess, AChildKeepsAConnectionThatItsParentDoesNotClose) {
  const auto both = link_to(m);
  ASSERT_TRUE(is_known(m, *both));
  Process child{[&] {
    // As long as it would take the parent's socket to come back.
    for (const Deadline end = deadline_of(kBrief); !end.passed();) {
      require(calls(*both), "the server answers");
    }
    // Taken over once more.
    Process grandchild{[&] { require(calls(*both), "the server answers"); }};
    grandchild.start();
    throw Exit(end_of(grandchild).value_or(1));
  }};
  child.start();
  EXPECT_EQ(end_of(child), 0);
}

TEST_F(ManagerZmqRouterProcess, WhatComesUnderAnotherTokenGoesNowhere) {
  const auto before = m.list();
  Stranger stranger(m.address());
  Token other = stranger.token;
  other.back() = static_cast<char>(other.back() + 1);
  stranger.connect_as(other);
  for (int i = 0; i < 100; ++i) stranger.send(0);
  EXPECT_FALSE(stranger.is_answered(kBrief));
  stranger.connect_as(stranger.token);
  stranger.send(0);
  EXPECT_TRUE(stranger.is_answered(kHang));
  EXPECT_EQ(before.size(), 0u);
}

TEST_F(ManagerZmqRouterProcess, WhoDoesNotBeginAsAClientIsTurnedAway) {
  Stranger stranger(m.address());
  stranger.connect_as(stranger.token);
  stranger.send(1);
  EXPECT_TRUE(stranger.is_turned_away());
  EXPECT_FALSE(stranger.is_answered(kBrief));
  EXPECT_EQ(m.list().size(), 0u);
}

TEST_F(ManagerZmqRouterProcess, AnotherUserIsNotHeard) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  Stranger stranger(m.address());  // and tells the other one what it knows
  Process other{[&] {
    require(setuid(65534) == 0, "setuid");
    stranger.connect_as(stranger.token);
    stranger.send(0);
    require(!stranger.is_answered(kBrief), "nobody answers");
  }};
  other.start();
  EXPECT_EQ(end_of(other), 0);
  stranger.connect_as(stranger.token);
  stranger.send(0);
  EXPECT_TRUE(stranger.is_answered(kHang));
}

// Each connection takes a few: with one limit after the other, another of them is the first that
// is not there.
TEST_F(ManagerZmqRouterProcess, AServerWithoutDescriptorsTurnsAwayAndGoesOn) {
  for (const rlim_t few : {128u, 129u, 130u, 131u}) {
    SCOPED_TRACE(few);
    Manager bounded({.backend = "zmq_router", .start = false});
    bounded.start([few] {
      const rlimit limit{few, few};
      require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
    });
    const auto before = bounded.list();
    const auto is_served = [&](Link& link) {
      try {
        return is_known(bounded, link);
      } catch (const ServerGone&) {  // no challenge has come
        return false;
      }
    };
    std::vector<std::unique_ptr<Link>> all;
    do {
      all.push_back(link_to(bounded));
    } while (is_served(*all.back()) && all.size() < few);
    EXPECT_LT(all.size(), few);
    EXPECT_EQ(before.size(), 0u);
    all.clear();
    bool is_served_again = false;
    for (const Deadline hang = deadline_of(kHang); !is_served_again && !hang.passed();) {
      is_served_again = is_served(*link_to(bounded));
    }
    EXPECT_TRUE(is_served_again);
  }
}

}  // namespace
}  // namespace ipc

#endif
