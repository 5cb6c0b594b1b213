// SPDX-License-Identifier: MIT
// Batches of calls, over every backend.
#include "impl/manager/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "impl/manager/over_backends_test.h"
#include "impl/queue/queue_core.h"

namespace ipc {
namespace {

class ManagerBatchProcesses : public OverBackends {
 protected:
  Manager m{options()};
  Batch batch;
};

INSTANTIATE_TEST_SUITE_P(Backends, ManagerBatchProcesses, testing::ValuesIn(servers()),
                         backend_name);

TEST_P(ManagerBatchProcesses, IsDoneInItsOrder) {
  const auto l = m.list();
  const auto d = m.dict();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(batch.call(l, "append", {i}), static_cast<std::size_t>(3 * i));
    batch.call(d, "set", {"last", i});
    batch.call(d, "get", {"last"});
  }
  EXPECT_EQ(batch.size(), 3000u);
  const BatchResults results = batch.run();
  ASSERT_EQ(results.size(), 3000u);
  results.check();
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(results.get(static_cast<std::size_t>(3 * i + 2)), Object(i));
    EXPECT_EQ(l[i], Object(i));
  }
  EXPECT_EQ(batch.size(), 0u);
  EXPECT_EQ(batch.run().size(), 0u) << "nothing is done again";
  EXPECT_EQ(l.size(), 1000u);
}

TEST_P(ManagerBatchProcesses, GoesOnWhereACallFails) {
  const auto l = m.list(list({1}));
  const auto d = m.dict();
  batch.call(l, "pop");
  batch.call(l, "pop");
  batch.call(d, "get", {"missing"});
  batch.call(d, "nonsense");
  batch.call(l, "append", {2});
  const BatchResults results = batch.run();
  EXPECT_EQ(results.get(0), Object(1));
  EXPECT_THAT([&] { results.get(1); }, testing::ThrowsMessage<IndexError>("pop from empty list"));
  EXPECT_THROW(results.get(2), KeyError);
  EXPECT_THROW(results.get(3), RemoteError);
  EXPECT_TRUE(results.get(4).is_none());
  EXPECT_THROW(results.get(5), IndexError);
  EXPECT_THROW(results.check(), IndexError);
  EXPECT_EQ(l[0], Object(2));
}

TEST_P(ManagerBatchProcesses, GivesProxiesThatAreHeld) {
  const auto outer = m.list();
  outer.append(m.list(list({7})));
  batch.call(outer, "pop");
  const ListProxy inner(batch.run().get(0).as_handle());
  EXPECT_EQ(inner[0], Object(7)) << "nobody else holds it";
}

TEST_P(ManagerBatchProcesses, HoldsWhatItCalls) {
  batch.call(m.list(list({7})), "pop");  // nobody else does
  EXPECT_EQ(batch.run().get(0), Object(7));
}

TEST_P(ManagerBatchProcesses, IsOfOneManager) {
  Manager other(options());
  batch.call(m.list(), "length");
  EXPECT_THROW(batch.call(other.list(), "length"), ValueError);
  EXPECT_EQ(batch.run().get(0), Object(0));
}

TEST_P(ManagerBatchProcesses, WaitsUntilItsDeadline) {
  const auto q = m.queue();
  batch.call(q, "get");
  batch.call(q, "put", {1});
  const BatchResults results = batch.run(Deadline::after(std::chrono::milliseconds(20)));
  EXPECT_THROW(results.get(0), Empty);
  EXPECT_EQ(q.get(), Object(1)) << "what comes behind it is done";
}

TEST_P(ManagerBatchProcesses, IsRefusedWhereItIsTooLong) {
  const auto d = m.dict();
  d["x"] = std::string(64 << 20, 'x');
  for (int i = 0; i < 5; ++i) batch.call(d, "get", {"x"});
  batch.call(d, "set", {"y", 1});
  EXPECT_THROW(batch.run(), RemoteError);
  EXPECT_FALSE(d.contains("y")) << "nothing is done behind what is too long";
}

}  // namespace
}  // namespace ipc
