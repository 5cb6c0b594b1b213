// SPDX-License-Identifier: MIT
// Pipes between processes, over every backend: end of file exactly when, and the programs that a
// Python user writes. Every case forks.
#include "impl/pipe/pipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "impl/pipe/backend.h"
#include "impl/process/typed_api_test.h"

namespace ipc {
namespace {

class PipeProcesses : public testing::TestWithParam<std::string> {
 protected:
  std::pair<Connection, Connection> duplex() const { return Pipe({.backend = GetParam()}); }
  std::pair<Connection, Connection> one_way() const {
    return Pipe({.duplex = false, .backend = GetParam()});
  }
  const Traits& traits() const { return PipeRegistry::get(GetParam()).traits; }
};

INSTANTIATE_TEST_SUITE_P(Backends, PipeProcesses,
                         testing::ValuesIn(usable_backends<PipeRegistry>()), backend_name);

// What recv gives until the end of file.
std::vector<Object> all_of(Connection& connection) {
  std::vector<Object> objects;
  try {
    for (;;) objects.push_back(connection.recv());
  } catch (const EndOfFile&) {
    return objects;
  }
}

std::vector<Object> numbers(std::size_t count) {
  std::vector<Object> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = i;
  return result;
}

TEST_P(PipeProcesses, PassAMessageFromChildToChild) {
  auto [a, b] = duplex();
  auto [log, out] = one_way();
  Running consumer([&, &mine = a, &printed = out] { printed.send(mine.recv()); });
  Running producer([&mine = b] { mine.send("amy"); });
  EXPECT_EQ(log.recv(), "amy");
  EXPECT_TRUE(consumer->join(kHang));
  EXPECT_TRUE(consumer->join(kHang));
  EXPECT_EQ(end_of(*producer), 0);
}

TEST_P(PipeProcesses, AnswerEachOtherAndHangIfNobodyClosesTheEnds) {
  auto [a, b] = duplex();
  auto [log, out] = one_way();
  Running child([&mine = b, &printed = out] {
    mine.send(Object::list({42, Object(), "hello"}));
    for (;;) printed.send(mine.recv());
  });
  EXPECT_EQ(repr(a.recv()), "[42, None, 'hello']");
  a.send("666");
  EXPECT_EQ(log.recv(), "666");
  EXPECT_FALSE(child->join(kBrief));
  child->terminate();
  EXPECT_EQ(end_of(*child), -SIGTERM);
}

TEST_P(PipeProcesses, AnswerEachOtherAndEndIfEachClosesTheOthersEnd) {
  auto [a, b] = duplex();
  Running child([&mine = b, &other = a] {
    other.close();
    mine.send(Object::list({42, Object(), "hello"}));
    require(all_of(mine) == std::vector<Object>{"666"}, "one answer, then the end");
  });
  EXPECT_EQ(repr(a.recv()), "[42, None, 'hello']");
  a.send("666");
  a.close();
  b.close();
  EXPECT_EQ(end_of(*child), 0);
}

TEST_P(PipeProcesses, ReadUntilTheEndOfFile) {
  for (const bool parent_closes_its_receiver : {true, false}) {
    auto [sender, receiver] = duplex();
    Running child([&mine = receiver, &other = sender] {
      other.close();
      require(all_of(mine) == numbers(10), "0 to 9, then the end");
      mine.close();
    });
    if (parent_closes_its_receiver) receiver.close();
    for (int i = 0; i < 10; ++i) sender.send(i);
    sender.close();
    EXPECT_EQ(end_of(*child), 0);
  }
}

TEST_P(PipeProcesses, NeverReadTheEndOfFileWhileTheyHoldTheSenderThemselves) {
  auto [receiver, sender] = one_way();
  auto [log, out] = one_way();
  Running child([&mine = receiver, &printed = out] {
    for (int i = 0; i < 10; ++i) require(mine.recv() == Object(i), "the next number");
    printed.send("all ten");
    mine.recv();
  });
  for (int i = 0; i < 10; ++i) sender.send(i);
  sender.close();
  EXPECT_EQ(log.recv(), "all ten");
  EXPECT_FALSE(child->join(kBrief));
}

TEST_P(PipeProcesses, SeeTheEndOnlyWhenAllHoldersOfTheSenderAreGone) {
  auto [receiver, sender] = one_way();
  Running child([&mine = sender] {
    mine.send(1);
    mine.close();
    pause();  // lives on, without a hold
  });
  EXPECT_EQ(receiver.recv<int>(), 1);
  EXPECT_FALSE(receiver.poll(kBrief));  // this process has a copy
  sender.close();
  EXPECT_TRUE(receiver.poll(kHang));
  EXPECT_THROW(receiver.recv(), EndOfFile);
  EXPECT_THROW(receiver.recv(), EndOfFile);
}

TEST_P(PipeProcesses, SeeTheEndWhenTheOtherSideIsKilled) {
  auto [receiver, sender] = one_way();
  Running child([&mine = sender] {
    mine.send("last words");
    pause();
  });
  sender.close();
  EXPECT_EQ(receiver.recv(), "last words");
  EXPECT_FALSE(receiver.poll());
  child->kill();
  EXPECT_THROW(receiver.recv(), EndOfFile);
}

TEST_P(PipeProcesses, CannotSendWhenEveryReceiverIsGone) {
  auto [receiver, sender] = one_way();
  Running child([&mine = receiver] { mine.close(); });
  EXPECT_EQ(end_of(*child), 0);
  sender.send(1);  // this process still has a receiver
  receiver.close();
  EXPECT_THROW(sender.send(2), BrokenPipe);
}

TEST_P(PipeProcesses, UseTheEndsInAllFourRoles) {
  for (const bool parent_has_first : {true, false}) {
    for (const bool parent_sends : {true, false}) {
      auto [first, second] = duplex();
      Connection& mine = parent_has_first ? first : second;
      Connection& its = parent_has_first ? second : first;
      Running child(
          [&] { parent_sends ? require(its.recv() == "role", "the message") : its.send("role"); });
      if (parent_sends) {
        mine.send("role");
      } else {
        EXPECT_EQ(mine.recv(), "role");
      }
      EXPECT_EQ(end_of(*child), 0);
    }
  }
}

TEST_P(PipeProcesses, ReceiveNothingAtTheEndThatSent) {
  auto [a, b] = duplex();
  a.send("for b");
  Running child([&mine = a] { require(!mine.poll(kBrief), "nothing comes"); });
  EXPECT_EQ(end_of(*child), 0);
  EXPECT_EQ(b.recv(), "for b");
}

TEST_P(PipeProcesses, ExchangeListsAndText) {
  auto [a, b] = duplex();
  Running child([&mine = b] {
    mine.send(Object::list({1, 2}));
    mine.send(Object::list({"x", Object()}));
    require(mine.recv() == "范冰冰", "the name");
  });
  EXPECT_EQ(repr(a.recv()), "[1, 2]");
  EXPECT_EQ(repr(a.recv()), "['x', None]");
  a.send("范冰冰");
  EXPECT_EQ(end_of(*child), 0);
}

TEST_P(PipeProcesses, StreamBothWaysAtOnce) {
  constexpr int kMessages = 20000;
  auto [a, b] = duplex();
  const auto exchange = [](Connection& end) {
    std::thread sender([&] {
      for (int i = 0; i < kMessages; ++i) end.send(i);
    });
    int wrong = 0;
    for (int i = 0; i < kMessages; ++i) wrong += end.recv<int>() != i;
    sender.join();
    return wrong;
  };
  Running child([&mine = b, &exchange] { require(exchange(mine) == 0, "all in order"); });
  EXPECT_EQ(exchange(a), 0);
  EXPECT_EQ(end_of(*child), 0);
}

TEST_P(PipeProcesses, ReturnALargeObject) {
  auto [a, b] = duplex();
  Running child([&mine = b] { mine.send(mine.recv()); });
  const Object large =
      Object::bytes(std::vector<std::byte>(large_object(traits(), 16 << 20), std::byte{7}));
  a.send(large);
  EXPECT_TRUE(a.recv() == large);
  EXPECT_EQ(end_of(*child), 0);
}

TEST_P(PipeProcesses, GoOnWithAnEndThatAnotherProcessHasUsed) {
  if (!traits().passes_on) GTEST_SKIP() << "the first process that uses a side is the only one";
  auto [receiver, sender] = one_way();
  for (int i = 0; i < 4; ++i) sender.send(i);
  sender.close();
  EXPECT_EQ(receiver.recv<int>(), 0);
  Running child([&mine = receiver] {
    require(all_of(mine) == std::vector<Object>{1, 2, 3}, "the rest, then the end");
  });
  EXPECT_EQ(end_of(*child), 0);
}

TEST_P(PipeProcesses, LetGoOfAnEndThatWasGivenToAChild) {
  auto [receiver, sender] = one_way();
  auto given = std::make_shared<Connection>(std::move(sender));
  Process child{[given = std::move(given)] { given->send("mine alone"); }};
  child.start();
  EXPECT_EQ(receiver.recv(), "mine alone");
  EXPECT_THROW(receiver.recv(), EndOfFile);
  EXPECT_EQ(end_of(child), 0);
}

TEST_P(PipeProcesses, AreWaitedForTogetherUntilEachHasEnded) {
  constexpr int kChildren = 3;
  constexpr int kMessages = 50;
  std::vector<Connection> receivers;
  std::vector<Process> children;
  for (int i = 0; i < kChildren; ++i) {
    auto [receiver, sender] = one_way();
    auto given = std::make_shared<Connection>(std::move(sender));
    children.emplace_back([given = std::move(given), i] {
      for (int k = 0; k < kMessages; ++k) given->send(i);
    });
    children.back().start();
    receivers.push_back(std::move(receiver));
  }
  std::vector<int> received(kChildren);
  while (!receivers.empty()) {
    const std::vector<std::size_t> ready = wait(receivers, kHang);
    ASSERT_FALSE(ready.empty());
    for (auto place = ready.rbegin(); place != ready.rend(); ++place) {
      try {
        ++received.at(receivers[*place].recv<std::size_t>());
      } catch (const EndOfFile&) {
        receivers.erase(receivers.begin() + static_cast<std::ptrdiff_t>(*place));
      }
    }
  }
  EXPECT_THAT(received, testing::Each(kMessages));
  for (Process& child : children) EXPECT_EQ(end_of(child), 0);
}

TEST_P(PipeProcesses, AreWaitedForBesideTheirMessages) {
  auto [a, b] = duplex();
  Running child([&mine = b, &other = a] {
    other.close();
    mine.send("done");
    mine.recv();
  });
  EXPECT_THAT(wait({&a, &*child}), testing::ElementsAre(0));
  EXPECT_EQ(a.recv(), "done");
  EXPECT_THAT(wait({&a, &*child}, kBrief), testing::IsEmpty());
  child->kill();
  EXPECT_THAT(wait({&a, &*child}), testing::ElementsAre(1));  // b is still open here
  b.close();
  EXPECT_THAT(wait({&a, &*child}), testing::ElementsAre(0, 1));
}

TEST_P(PipeProcesses, WaitOnAfterSignals) {
  auto [a, b] = duplex();
  Running child([&mine = b] {
    survive_interruptions();
    mine.send("ready");
    require(mine.recv() == 1, "recv");
    mine.send("ready");
    require(mine.poll(kHang), "poll");
    mine.send(mine.recv());
    require(wait({&mine}, kHang).size() == 1, "wait");
  });
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(a.recv(), i < 3 ? Object("ready") : Object(2));
    interrupt(*child);
    a.send(i);
  }
  EXPECT_EQ(end_of(*child), 0);
}

}  // namespace
}  // namespace ipc
