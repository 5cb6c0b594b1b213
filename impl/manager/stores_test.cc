// SPDX-License-Identifier: MIT
// What every manager's backend holds that has the operations, a server of ours or a store of
// another make. Each case starts a manager.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "impl/manager/over_backends_test.h"
#include "impl/manager/sequence.h"
#include "impl/pipe/pipe.h"

namespace ipc {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class ManagerStoreProcesses : public OverBackends {
 protected:
  Manager m{options()};
};
class ManagerStoredListProcesses : public ManagerStoreProcesses {};

INSTANTIATE_TEST_SUITE_P(Backends, ManagerStoreProcesses,
                         testing::ValuesIn(managers_with({"dict.set", "dict.get"})), backend_name);
INSTANTIATE_TEST_SUITE_P(Backends, ManagerStoredListProcesses,
                         testing::ValuesIn(managers_with({"list.append", "list.get"})),
                         backend_name);

TEST_P(ManagerStoreProcesses, ADictIsSharedByProcesses) {
  const auto d = m.dict();
  const auto fill = [&](int from) {
    for (int i = from; i < from + 50; ++i) d.set(i, i * i);
  };
  Process a{[&] { fill(0); }};
  Process b{[&] { fill(50); }};
  a.start();
  b.start();
  fill(100);
  EXPECT_EQ(end_of(a), 0);
  EXPECT_EQ(end_of(b), 0);
  EXPECT_EQ(d.size(), 150u);
  for (int i = 0; i < 150; ++i) EXPECT_EQ(d.at(i), Object(i * i));
}

TEST_P(ManagerStoreProcesses, ADictIsItsThreadsToo) {
  const auto d = m.dict();
  std::vector<std::future<void>> all;
  for (int thread = 0; thread < 4; ++thread) {
    all.push_back(std::async(std::launch::async, [&d, thread] {
      for (int i = 0; i < 50; ++i) d.set(Object::tuple({thread, i}), i);
    }));
  }
  for (auto& each : all) each.get();
  EXPECT_EQ(d.size(), 200u);
}

TEST_P(ManagerStoreProcesses, ADictKeepsTheOrderOfInsertion) {
  const auto d = m.dict(Object::dict({{"z", 1}, {"a", 2}}));
  d.set("m", 3);
  d.set("z", 4);  // stays where it is
  d.del("a");
  d.set("a", 5);
  EXPECT_EQ(d.keys(), list({"z", "m", "a"}));
  EXPECT_EQ(d.items(),
            list({Object::tuple({"z", 4}), Object::tuple({"m", 3}), Object::tuple({"a", 5})}));
  EXPECT_EQ(d.popitem(), Object::tuple({"a", 5}));
}

TEST_P(ManagerStoreProcesses, EqualKeysAreOne) {
  const auto d = m.dict();
  d.set(1, "one");
  d.set(true, "true");
  d.set(1.0, "real");
  d.set(Object::tuple({1, 2}), "t");
  EXPECT_EQ(d.at(Object::tuple({true, 2.0})), Object("t"));
  EXPECT_EQ(d.size(), 2u);
  EXPECT_EQ(d.at(1), Object("real"));
  EXPECT_FALSE(d.contains("1"));
}

TEST_P(ManagerStoreProcesses, ValuesOfEveryKindAndSizeComeBack) {
  const auto d = m.dict();
  const Object nested = Object::dict(
      {{"none", Object()}, {"list", list({1, -2.5, "x"})}, {"bytes", Object::bytes("\0\r\n\xff")}});
  d.set("nested", nested);
  d.set("empty", "");
  const std::string large = long_text(3'000'000);
  d.set("large", large);
  EXPECT_EQ(d.at("nested"), nested);
  EXPECT_EQ(d.at("empty"), Object(""));
  EXPECT_TRUE(d.at("large").as_text() == large);
}

TEST_P(ManagerStoreProcesses, TwoDictsAreTwo) {
  const auto a = m.dict(Object::dict({{"k", 1}}));
  const auto b = m.dict();
  EXPECT_FALSE(b.contains("k"));
  b.set("k", 2);
  a.clear();
  EXPECT_EQ(b.at("k"), Object(2));
  EXPECT_NE(a, b);
}

TEST_P(ManagerStoreProcesses, WhatIsNotThereIsAnError) {
  EXPECT_THAT([&] { m.create("Unheard"); }, ThrowsMessage<RemoteError>(HasSubstr("Unheard")));
  const auto d = m.dict();
  EXPECT_THAT([&] { d.call("unheard"); }, ThrowsMessage<RemoteError>(HasSubstr("unheard")));
  EXPECT_EQ(d.size(), 0u) << "and others are served";
}

TEST_P(ManagerStoreProcesses, ItEndsWithItsShutdown) {
  const auto d = m.dict();
  d.set("k", 1);
  m.shutdown();
  EXPECT_THROW(d.at("k"), ServerGone);
  EXPECT_THROW(d.set("k", 2), ServerGone);
}

TEST_P(ManagerStoreProcesses, AnUnrelatedProcessUsesItsDict) {
  auto [told, tell] = Pipe();
  Running stranger([&, &in = told] {  // forked before there is an object
    Manager other({.backend = GetParam(), .address = in.recv().as_text(), .start = false});
    other.connect();
    in.recv<DictProxy>().set("from", "afar");
    const DictProxy own = other.dict(Object::dict({{"own", 1}}));
    in.send(own);
    in.recv();
  });
  const auto d = m.dict();
  tell.send(m.address());
  tell.send(d);
  EXPECT_EQ(tell.recv<DictProxy>().at("own"), Object(1));
  EXPECT_EQ(d.at("from"), Object("afar"));
  tell.send(Object());
  EXPECT_EQ(end_of(*stranger), 0);
}

TEST_P(ManagerStoredListProcesses, AListIsAppendedToAndRead) {
  const auto l = m.list(list({1}));
  l.append("two");
  l.extend(list({3.5, Object()}));
  EXPECT_EQ(l.size(), 4u);
  EXPECT_EQ(l.get(0), Object(1));
  EXPECT_EQ(l.get(-1), Object());
  l.set(1, "zwei");
  EXPECT_EQ(l.get(SliceOf{}), list({1, "zwei", 3.5, Object()}));
  EXPECT_EQ(l.get(SliceOf{{}, {}, -2}), list({Object(), "zwei"}));
  EXPECT_TRUE(l.contains(3.5));
  EXPECT_EQ(l.count(1.0), 1u);
  EXPECT_EQ(l.index("zwei"), 1u);
  EXPECT_EQ(l.pop(), Object());
  EXPECT_EQ(l.pop(0), Object(1));
  EXPECT_EQ(l.str(), "['zwei', 3.5]");
  EXPECT_THAT([&] { l.get(2); }, ThrowsMessage<IndexError>("list index out of range"));
  EXPECT_THAT([&] { l.set(-3, 0); },
              ThrowsMessage<IndexError>("list assignment index out of range"));
  EXPECT_THAT([&] { l.pop(5); }, ThrowsMessage<IndexError>("pop index out of range"));
  EXPECT_THAT([&] { m.list().pop(); }, ThrowsMessage<IndexError>("pop from empty list"));
  EXPECT_THAT([&] { l.index(9); }, ThrowsMessage<ValueError>("9 is not in list"));
}

TEST_P(ManagerStoredListProcesses, SlicesOfAListAreDeleted) {
  const detail::Items items{0, 1, 2, 3, 4, 5, 6};
  using Bounds = std::vector<std::optional<std::int64_t>>;
  const Bounds bounds{{}, -100, -7, -3, -1, 0, 1, 3, 6, 100};
  const auto object = [](const auto& bound) { return bound ? Object(*bound) : Object(); };
  for (const auto& start : bounds) {
    for (const auto& stop : bounds) {
      for (const auto& step : Bounds{{}, 2, 3, 100, -1, -2, -100}) {
        const auto l = m.list(Object::list(items));
        l.del({start, stop, step});
        detail::Items left = items;
        detail::delete_slice(left, {object(start), object(stop), object(step), items.size()});
        EXPECT_EQ(l.get(SliceOf{}), Object::list(left))
            << object(start) << ":" << object(stop) << ":" << object(step);
      }
    }
  }
  EXPECT_THAT(
      [&] {
        m.list().del(SliceOf{{}, {}, 0});
      },
      ThrowsMessage<ValueError>("slice step cannot be zero"));
}

TEST_P(ManagerStoredListProcesses, AppendsOfProcessesAreAllKept) {
  const auto l = m.list();
  const auto append = [&] {
    for (int i = 0; i < 100; ++i) l.append(i);
  };
  Process a{append};
  Process b{append};
  a.start();
  b.start();
  EXPECT_EQ(end_of(a), 0);
  EXPECT_EQ(end_of(b), 0);
  EXPECT_EQ(l.size(), 200u);
}

}  // namespace
}  // namespace ipc
