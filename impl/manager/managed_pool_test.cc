// SPDX-License-Identifier: MIT
// A Pool in the server of a manager, over every backend.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "impl/manager/over_backends_test.h"

namespace ipc {
namespace {

Object square(const Object::List& given) {
  return given.at(0).as_integer() * given.at(0).as_integer();
}

class ManagerPoolProcesses : public OverBackends {
 protected:
  ManagerPoolProcesses() {
    m.register_task("square", square);
    m.register_task("pid", [](const Object::List&) -> Object { return getpid(); });
    m.register_task("parent", [](const Object::List&) -> Object { return getppid(); });
    m.register_task("sum", [](const Object::List& given) -> Object {
      std::int64_t sum = 0;
      for (const Object& each : given) sum += each.as_integer();
      return sum;
    });
    m.register_task("after", [](const Object::List& given) -> Object {
      if (given.at(0).is_handle()) return EventProxy(given[0].as_handle()).wait(kHang);
      return given[0];
    });
    m.register_task("fail", [](const Object::List& given) -> Object {
      throw std::runtime_error("no " + given.at(0).as_text());
    });
    m.register_task("die", [](const Object::List&) -> Object {
      raise(SIGKILL);
      return {};
    });
    m.register_task("append", [](const Object::List& given) -> Object {
      ListProxy(given.at(0).as_handle()).append(given.at(1));
      return {};
    });
    m.start();
  }

  Manager m{unstarted()};
};

INSTANTIATE_TEST_SUITE_P(Backends, ManagerPoolProcesses, testing::ValuesIn(servers()),
                         backend_name);

const Object kNumbers = list({1, 2, 3, 4, 5});
const Object kSquares = list({1, 4, 9, 16, 25});

TEST_P(ManagerPoolProcesses, HasWorkersThatAreChildrenOfTheServer) {
  const auto pool = m.pool(2);
  EXPECT_EQ(pool.apply("parent"), Object(*m.pid()));
  EXPECT_EQ(pool.apply("square", {7}), Object(49));
  EXPECT_EQ(pool.apply_async("sum", {1, 2, 3}).get(kHang), Object(6));
}

TEST_P(ManagerPoolProcesses, MapsAllItemsInTheirOrder) {
  const auto pool = m.pool(2);
  EXPECT_EQ(pool.map("square", kNumbers), kSquares);
  EXPECT_EQ(pool.map("square", Object::tuple({2}), 3), list({4}));
  EXPECT_EQ(pool.map_async("square", kNumbers, 2).get(kHang), kSquares);
  EXPECT_EQ(pool.map("square", list({})), list({}));
  const Object pairs = list({list({1, 2}), Object::tuple({3, 4})});
  EXPECT_EQ(pool.starmap("sum", pairs), list({3, 7}));
  EXPECT_EQ(pool.starmap_async("sum", pairs).get(kHang), list({3, 7}));
}

TEST_P(ManagerPoolProcesses, GivesResultsOneByOne) {
  const auto pool = m.pool(2);
  Object::List all;
  for (const Object& each : pool.imap("square", kNumbers)) all.push_back(each);
  EXPECT_EQ(Object::list(all), kSquares);
  std::multiset<std::int64_t> any;
  for (const Object& each : pool.imap_unordered("square", kNumbers)) any.insert(each.as_integer());
  EXPECT_EQ(any, (std::multiset<std::int64_t>{1, 4, 9, 16, 25}));
  const auto event = m.event();
  const auto quick_first = pool.imap_unordered("after", list({event, 0}));
  EXPECT_EQ(quick_first.next(kHang), Object(0));
  event.set();
  EXPECT_EQ(quick_first.next(kHang), Object(true));
  EXPECT_FALSE(quick_first.next());
}

TEST_P(ManagerPoolProcesses, SaysWhatATaskHasThrown) {
  const auto pool = m.pool(1);
  try {
    pool.apply("fail", {"luck"});
    FAIL() << "it gave something";
  } catch (const TaskError& error) {
    EXPECT_EQ(error.type(), "std::runtime_error");
    EXPECT_STREQ(error.what(), "std::runtime_error: no luck");
  }
  const auto result = pool.apply_async("fail", {"luck"});
  result.wait(kHang);
  EXPECT_TRUE(result.ready());
  EXPECT_FALSE(result.successful());
  EXPECT_THROW(result.get(), TaskError);
  EXPECT_THROW(pool.map("fail", list({"a"})), TaskError);
  const auto results = pool.imap("square", list({2, "x", 3}));
  EXPECT_EQ(results.next(), Object(4));
  EXPECT_THROW(results.next(), TaskError);
  EXPECT_EQ(results.next(), Object(9)) << "goes on behind it";
  EXPECT_THROW(pool.apply("die"), WorkerDied);
  EXPECT_EQ(pool.apply("square", {3}), Object(9)) << "another took its place";
}

TEST_P(ManagerPoolProcesses, RefusesWhatItDoesNotKnow) {
  EXPECT_THROW(m.pool(0), RemoteError);
  const auto pool = m.pool(1);
  EXPECT_THAT([&] { pool.apply("nonsense"); },
              testing::ThrowsMessage<ValueError>("no task 'nonsense' is registered"));
  EXPECT_THROW(pool.map("square", 5), TypeError);
  EXPECT_THROW(pool.starmap("sum", list({1})), TypeError);
  EXPECT_THROW(pool.map("square", kNumbers, 0), ValueError);
  EXPECT_THROW(m.register_task("late", square), StateError);
}

TEST_P(ManagerPoolProcesses, TellsWhenAResultIsNotThere) {
  const auto pool = m.pool(1);
  const auto event = m.event();
  const auto result = pool.apply_async("after", {event});
  EXPECT_THROW(result.get(0.01), TimeoutError);
  EXPECT_FALSE(result.ready());
  EXPECT_THROW(result.successful(), ValueError);
  const auto results = pool.imap("after", list({event}));
  EXPECT_THROW(results.next(0.01), TimeoutError);
  event.set();
  EXPECT_EQ(result.get(kHang), Object(true));
  EXPECT_TRUE(result.successful());
  EXPECT_EQ(results.next(kHang), Object(true));
}

TEST_P(ManagerPoolProcesses, EndsAsAPoolDoes) {
  const auto pool = m.pool(2);
  EXPECT_THROW(pool.join(), ValueError);
  const auto result = pool.apply_async("square", {5});
  pool.close();
  EXPECT_THROW(pool.apply("square", {1}), ValueError);
  pool.join();
  EXPECT_EQ(result.get(0), Object(25)) << "it was done before";
  const auto other = m.pool(1);
  const auto event = m.event();
  const auto never = other.apply_async("after", {event});
  other.terminate();
  other.join();
  EXPECT_THROW(never.get(kHang), PoolTerminated);
}

TEST_P(ManagerPoolProcesses, EndsWithItsLastProxy) {
  pid_t worker = 0;
  {
    const auto pool = m.pool(1);
    worker = static_cast<pid_t>(pool.apply("pid").as_integer());
    EXPECT_EQ(kill(worker, 0), 0);
  }
  const Deadline limit = Deadline::after(std::chrono::seconds(static_cast<int>(kHang)));
  while (kill(worker, 0) == 0 && !limit.passed()) std::this_thread::yield();
  EXPECT_NE(kill(worker, 0), 0);
}

TEST_P(ManagerPoolProcesses, IsUsedByAChildAndWithProxies) {
  const auto pool = m.pool(2);
  const auto l = m.list();
  Running child([&] {
    for (int i = 0; i < 10; ++i) pool.apply("append", {l, i});
  });
  EXPECT_EQ(end_of(*child), 0);
  EXPECT_EQ(l.get(SliceOf{}), list({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

}  // namespace
}  // namespace ipc
