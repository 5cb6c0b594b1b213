// SPDX-License-Identifier: MIT
// Connections in messages: whoever gets one has the end, though no fork has passed it on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "impl/os/socket.h"
#include "impl/pipe/backend.h"
#include "impl/pipe/pipe.h"
#include "impl/process/pool.h"
#include "impl/process/typed_api_test.h"
#include "impl/queue/queue.h"

namespace ipc {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<std::string> backends_that(bool send) {
  std::vector<std::string> names;
  for (const std::string& name : usable_backends<PipeRegistry>()) {
    if (PipeRegistry::get(name).traits.sendable == send) names.push_back(name);
  }
  return names;
}

// What a process does that gets one end: it answers until the end of file.
void answer(Connection end) {
  try {
    for (;;) end.send(Object::tuple({end.recv(), "answered"}));
  } catch (const EndOfFile&) {
  }
}

class SentConnection : public testing::TestWithParam<std::string> {};

// Without a fork, as in a message that comes back.
TEST_P(SentConnection, IsTheSameEnd) {
  auto [a, b] = Pipe({.backend = GetParam()});
  auto [here, there] = Pipe({.backend = "unix_stream"});
  here.send(Object::list({a, "a"}));
  a.close();
  Object message = there.recv();
  EXPECT_EQ(repr(message), "[<Connection object>, 'a']");
  Connection again = message[0].as_handle();
  message = Object();
  EXPECT_TRUE(again.readable());
  EXPECT_TRUE(again.writable());
  again.send(1);
  EXPECT_EQ(b.recv(), 1);
  const std::string large(200'000, 'x');
  b.send("back");
  EXPECT_EQ(again.recv<std::string>(), "back");
  again.close();
  EXPECT_THROW(b.recv(), EndOfFile);
  EXPECT_THROW(b.send(large), BrokenPipe);
}

TEST_P(SentConnection, KeepsTheDirectionsOfAOneWayPipe) {
  auto [receiver, sender] = Pipe({.duplex = false, .backend = GetParam()});
  auto [here, there] = Pipe({.backend = "unix_stream"});
  here.send(receiver);
  here.send(sender);
  receiver.close();
  sender.close();
  auto in = there.recv<Connection>();
  auto out = there.recv<Connection>();
  EXPECT_TRUE(in.readable() && !in.writable());
  EXPECT_TRUE(out.writable() && !out.readable());
  out.send("through");
  out.close();
  EXPECT_EQ(in.recv(), "through");
  EXPECT_THROW(in.recv(), EndOfFile);
}

TEST_P(SentConnection, IsUsedByAProcessThatWasThereBefore) {
  auto [here, there] = Pipe({.backend = "unix_stream"});
  Running child([&there = there] {
    auto end = there.recv<Connection>();
    there.close();
    answer(std::move(end));
  });
  auto [a, b] = Pipe({.backend = GetParam()});
  here.send(b);
  b.close();
  for (const std::string& item : {std::string("short"), std::string(100'000, 'y')}) {
    a.send(item);
    EXPECT_EQ(a.recv()[0], item);
  }
  a.close();
  EXPECT_EQ(end_of(*child), 0);
}

TEST_P(SentConnection, EndsWhenTheProcessThatGotItIsKilled) {
  auto [here, there] = Pipe({.backend = "unix_stream"});
  Running child([&there = there] { answer(there.recv<Connection>()); });
  auto [a, b] = Pipe({.backend = GetParam()});
  here.send(b);
  b.close();
  a.send(1);
  EXPECT_EQ(a.recv()[0], 1);
  child->kill();
  EXPECT_EQ(end_of(*child), -SIGKILL);
  ASSERT_TRUE(a.poll(kHang));
  EXPECT_THROW(a.recv(), EndOfFile);
}

INSTANTIATE_TEST_SUITE_P(OfProcesses, SentConnection, testing::ValuesIn(backends_that(true)),
                         backend_name);

class InheritedConnection : public testing::TestWithParam<std::string> {};

TEST_P(InheritedConnection, IsRefusedWithTheBackendsThatCan) {
  auto [a, b] = Pipe({.backend = GetParam()});
  EXPECT_THAT([&a = a] { a.handle(); },
              ThrowsMessage<InheritanceError>(testing::AllOf(
                  HasSubstr(GetParam() + " should only be shared between processes through "
                                         "inheritance"),
                  HasSubstr("shm_ring"), HasSubstr("unix_stream"))));
}

INSTANTIATE_TEST_SUITE_P(OfProcesses, InheritedConnection, testing::ValuesIn(backends_that(false)),
                         backend_name);

TEST(SentConnectionsOfProcesses, AreTheDefaultOnes) {
  EXPECT_TRUE(PipeRegistry::get(PipeSpec().backend).traits.sendable);
  EXPECT_TRUE(PipeRegistry::get("os_pipe").traits.sendable);
}

TEST(SentConnectionsOfProcesses, GoInAnObjectThatIsATasksArgument) {
  Pool pool(1);
  auto [a, b] = Pipe();
  const auto done = pool.apply_async([](Object items) { answer(items[1].as_handle()); },
                                     Object::tuple({"an end", b}));
  b.close();
  a.send("asked");
  ASSERT_TRUE(a.poll(kHang));
  EXPECT_EQ(a.recv(), Object::tuple({"asked", "answered"}));
  a.close();
  EXPECT_NO_THROW(done.get(kHang));
}

TEST(SentConnectionsOfProcesses, GoThroughAQueue) {
  Queue<> queue;
  Running child([&queue] { answer(queue.get()[1].as_handle()); });
  auto [a, b] = Pipe();
  queue.put(Object::tuple({"an end", b}));
  b.close();
  a.send("asked");
  EXPECT_EQ(a.recv(), Object::tuple({"asked", "answered"}));
  a.close();
  EXPECT_EQ(end_of(*child), 0);
}

TEST(SentConnectionsOfProcesses, AreArgumentsAndResultsOfTasks) {
  Pool pool(1);
  auto [a, b] = Pipe();
  const auto task = pool.apply_async(answer, b);
  b.close();
  a.send("asked");
  EXPECT_EQ(a.recv(), Object::tuple({"asked", "answered"}));
  a.close();
  task.get(kHang);

  const auto keep_one_give_one = [] {
    auto [kept, given] = Pipe();
    kept.send("from the worker");
    return given.handle();
  };
  Connection given = pool.apply(keep_one_give_one);
  EXPECT_EQ(given.recv(), "from the worker");
  EXPECT_THROW(given.recv(), EndOfFile);

  const auto closes = [](Connection end) {
    end.close();
    std::this_thread::sleep_for(std::chrono::seconds(60));
  };
  auto [c, d] = Pipe();
  pool.apply_async(closes, d);
  d.close();
  ASSERT_TRUE(c.poll(kHang)) << "the task's message still holds the end";
  EXPECT_THROW(c.recv(), EndOfFile);
}

TEST(SentConnectionsOfProcesses, GoOnlyOnceAndBeforeTheirUse) {
  auto [a, b] = Pipe();
  std::vector<std::byte> message;
  encode(Object(a), message);
  a.send(1);
  EXPECT_THROW(a.handle(), StateError);
  decode<Connection>(message);
  EXPECT_THAT([&] { decode<Object>(message); },
              ThrowsMessage<DecodeError>(HasSubstr("were fetched before")));
  b.close();
  EXPECT_THROW(b.handle(), HandleClosed);
}

TEST(SentConnectionsOfProcesses, AreNotHeldByAMessageThatCannotGo) {
  auto [here, there] = Pipe();
  there.close();
  Queue<> full(1);
  full.put(1);
  auto [a, b] = Pipe();
  EXPECT_THROW(here.send(Object::list({b})), BrokenPipe);
  EXPECT_THROW(full.put(b, false), Full);
  b.close();
  EXPECT_THROW(a.recv(), EndOfFile);
}

TEST(SentConnectionsOfProcesses, AreMadeOfNoOtherHandle) {
  const auto handle = [](const std::string& backend, int side, bool duplex, std::size_t count) {
    std::vector<std::byte> detail;
    encode(std::tuple(backend, side, duplex, std::size_t{65536}), detail);
    std::vector<UniqueFd> sockets;
    for (std::size_t i = 0; i < count; ++i) sockets.push_back(make_socket(AF_UNIX, SOCK_STREAM));
    return Handle("Connection", std::move(detail), std::move(sockets));
  };
  EXPECT_NO_THROW(Connection(handle("unix_stream", 0, true, 1)));
  EXPECT_THROW(Connection(Handle("Proxy", {}, {})), TypeError);
  EXPECT_THROW(Connection{Handle()}, TypeError);
  EXPECT_THROW(Connection(Handle("Connection", {}, {})), DecodeError);
  EXPECT_THROW(Connection(handle("unix_stream", 2, true, 1)), DecodeError);
  EXPECT_THROW(Connection(handle("nosuch", 0, true, 1)), ValueError);
  EXPECT_THROW(Connection(handle("null", 0, true, 1)), ValueError);
  EXPECT_THROW(Connection(handle("boost_mq", 0, true, 1)), InheritanceError);
  EXPECT_THROW(Connection(handle("unix_stream", 0, true, 0)), Error);
  EXPECT_THROW(Connection(handle("os_pipe", 0, true, 1)), Error) << "one for each way";
  EXPECT_THROW(Connection(handle("shm_ring", 0, false, 2)), Error) << "a socket is no memory";
}

TEST(SentConnectionsOfProcesses, AreGoneWithTheirSender) {
  auto [here, there] = Pipe();
  Process child([&there = there] {
    auto [a, b] = Pipe();
    there.send(a);
    there.send("next");
  });
  child.start();
  there.close();
  ASSERT_EQ(end_of(child), 0);
  EXPECT_THAT([&here = here] { here.recv(); }, ThrowsMessage<DecodeError>(HasSubstr("has ended")));
  EXPECT_EQ(here.recv(), "next") << "the pipe is out of step";
}

}  // namespace
}  // namespace ipc
