// SPDX-License-Identifier: MIT
// What is said of managers and can be decided by trying it (tools/claims.toml), over every backend.
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "impl/manager/over_backends_test.h"
#include "impl/queue/queue.h"

namespace ipc {
namespace {

class ManagerFactsOfProcesses : public OverBackends {
 protected:
  ManagerFactsOfProcesses() {
    m.register_task("square", [](const Object::List& given) -> Object {
      return given.at(0).as_integer() * given[0].as_integer();
    });
    m.start();
  }

  Manager m{unstarted()};
};

INSTANTIATE_TEST_SUITE_P(Backends, ManagerFactsOfProcesses, testing::ValuesIn(servers()),
                         backend_name);

void run_in_children(int count, const std::function<void()>& body) {
  std::deque<Running> children;
  for (int i = 0; i < count; ++i) children.emplace_back(body);
  for (auto& child : children) EXPECT_EQ(end_of(*child), 0);
}

TEST_P(ManagerFactsOfProcesses, ItHasFifteenTypesThatAChildCalls) {
  const auto l = m.list(list({1, 2}));
  const auto d = m.dict(Object::dict({{"a", 1}}));
  const auto n = m.name_space();
  const auto locks = std::pair(m.lock(), m.rlock());
  const auto semaphores = std::pair(m.semaphore(), m.bounded_semaphore());
  const auto condition = m.condition();
  const auto event = m.event();
  const auto barrier = m.barrier(1);
  const auto queues = std::pair(m.queue(1), m.joinable_queue(1));
  const auto v = m.value("i", 7);
  const auto a = m.array("i", list({7, 8}));
  const auto pool = m.pool(1);
  Queue<std::vector<Object>> seen;
  run_in_children(1, [&] {
    n["a"] = 1;
    queues.first.put(1);
    queues.second.put(2);
    seen.put({l.pop(), d["a"], n["a"], locks.first.acquire(), locks.second.acquire(),
              semaphores.first.acquire(), semaphores.second.acquire(), condition.acquire(),
              event.is_set(), static_cast<std::int64_t>(barrier.wait()), queues.first.get(),
              queues.second.get(), v.get(), a[1], pool.apply("square", {3})});
  });
  const std::vector<Object> wanted{2, 1, 1, true, true, true, true, true, false, 0, 1, 2, 7, 8, 9};
  EXPECT_EQ(seen.get(true, kHang), wanted);
}

TEST_P(ManagerFactsOfProcesses, AppendsOfTenOfThemAreAllKept) {
  const auto l = m.list();
  run_in_children(10, [&] {
    for (int i = 0; i < 100; ++i) l.append(1);
  });
  EXPECT_EQ(l.size(), 1000u);
}

TEST_P(ManagerFactsOfProcesses, SubtractingFromAnElementIsTwoCalls) {
  const auto l = m.list(list({10}));
  const auto subtract = [&] { l[0] = l[0].get().as_integer() - 1; };
  const std::int64_t before = l[0].get().as_integer();
  run_in_children(1, subtract);
  EXPECT_EQ(l[0], Object(9));
  l[0] = before - 1;  // as `subtract` does when the other comes between its calls
  EXPECT_EQ(l[0], Object(9));
}

TEST_P(ManagerFactsOfProcesses, UnderALockNoSubtractionIsLost) {
  const auto l = m.list(list({1000}));
  const auto lock = m.lock();
  run_in_children(2, [&] {
    for (int i = 0; i < 250; ++i) {
      const std::lock_guard hold(lock);
      l[0] = l[0].get().as_integer() - 1;
    }
  });
  EXPECT_EQ(l[0], Object(500));
}

TEST_P(ManagerFactsOfProcesses, AQueueHasWhatWasPut) {
  const auto q = m.queue();
  for (int i = 0; i < 200; ++i) {
    q.put(i);
    EXPECT_FALSE(q.empty());
    EXPECT_EQ(q.qsize(), 1u);
    EXPECT_EQ(q.get_nowait(), Object(i));
  }
}

TEST_P(ManagerFactsOfProcesses, AQueuesItemsComeInTheOrderOfTheirPuts) {
  const auto q = m.queue();
  for (int i = 0; i < 20; ++i) {
    run_in_children(1, [&, i] { q.put(i); });
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(q.get(), Object(i));
}

}  // namespace
}  // namespace ipc
