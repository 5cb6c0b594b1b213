// SPDX-License-Identifier: MIT
// list, dict, Namespace, Value and Array of a manager: every operation, what it gives, and what it
// throws. Each case starts a server process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "impl/manager/over_backends_test.h"

namespace ipc {
namespace {

using testing::HasSubstr;
using testing::Property;
using testing::ThrowsMessage;

class ManagerContainersProcesses : public OverBackends {
 protected:
  Manager m{options()};
};
class ManagerDictProcesses : public ManagerContainersProcesses {};
class ManagerValueProcesses : public ManagerContainersProcesses {};

INSTANTIATE_TEST_SUITE_P(Backends, ManagerContainersProcesses, testing::ValuesIn(servers()),
                         backend_name);
INSTANTIATE_TEST_SUITE_P(Backends, ManagerDictProcesses,
                         testing::ValuesIn(managers_with({"dict.set"})), backend_name);
INSTANTIATE_TEST_SUITE_P(Backends, ManagerValueProcesses,
                         testing::ValuesIn(managers_with({"Value.set"})), backend_name);

Object plain(const ListProxy& items) { return items.get(SliceOf{}); }

TEST_P(ManagerContainersProcesses, AListGrowsAndShrinks) {
  const auto l = m.list({list({1})});
  l.append("two");
  l.extend(list({3, Object()}));
  l.extend(Object::tuple({5}));
  l += list({6.5});
  EXPECT_EQ(plain(l), list({1, "two", 3, Object(), 5, 6.5}));
  EXPECT_EQ(l.size(), 6u);
  EXPECT_EQ(l.pop(), Object(6.5));
  EXPECT_EQ(l.pop(0), Object(1));
  EXPECT_EQ(l.pop(-2), Object());
  l.insert(1, "new");
  l.insert(100, "last");
  l.insert(-100, "first");
  EXPECT_EQ(plain(l), list({"first", "two", "new", 3, 5, "last"}));
  l.remove("new");
  l.del(0);
  l.del(-1);
  EXPECT_EQ(plain(l), list({"two", 3, 5}));
  EXPECT_EQ(l.str(), "['two', 3, 5]");
  EXPECT_THAT([&] { m.list().pop(); }, ThrowsMessage<IndexError>("pop from empty list"));
  EXPECT_THAT([&] { l.pop(3); }, ThrowsMessage<IndexError>("pop index out of range"));
  EXPECT_THROW(l.pop(-4), IndexError);
  EXPECT_THROW(l.del(3), IndexError);
  EXPECT_THAT([&] { l.remove(9); }, ThrowsMessage<ValueError>("list.remove(x): x not in list"));
  EXPECT_THROW(l.extend(5), TypeError);
  EXPECT_EQ(l.size(), 3u) << "what failed has changed nothing";
}

TEST_P(ManagerContainersProcesses, AListIsReadAndWrittenByIndex) {
  const auto l = m.list(list({10, 20, 30}));
  EXPECT_EQ(l[0], Object(10));
  EXPECT_EQ(l[-1], Object(30));
  l[1] = "b";
  l[-1] = l[0];
  EXPECT_EQ(plain(l), list({10, "b", 10}));
  EXPECT_THAT([&] { l.get(3); }, ThrowsMessage<IndexError>("list index out of range"));
  EXPECT_THAT([&] { l.set(-4, 1); },
              ThrowsMessage<IndexError>("list assignment index out of range"));
  EXPECT_THROW(l.call("get", {"a"}), TypeError);
  EXPECT_TRUE(l.contains("b"));
  EXPECT_FALSE(l.contains("c"));
  EXPECT_EQ(l.count(10), 2u);
  EXPECT_EQ(l.index(10), 0u);
  EXPECT_EQ(l.index(10, 1), 2u);
  EXPECT_EQ(l.index(10, -1), 2u);
  EXPECT_THAT([&] { l.index(10, 1, 2); }, ThrowsMessage<ValueError>("10 is not in list"));
}

TEST_P(ManagerContainersProcesses, AListIsSlicedAsPythonSlices) {
  const auto l = m.list(list({0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(l.get(SliceOf{1, 3}), list({1, 2}));
  EXPECT_EQ(l.get(SliceOf{-2}), list({4, 5}));
  EXPECT_EQ(l.get(SliceOf{{}, {}, 2}), list({0, 2, 4}));
  EXPECT_EQ(l.get(SliceOf{{}, {}, -1}), list({5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(l.get(SliceOf{4, 1, -2}), list({4, 2}));
  EXPECT_EQ(l.get(SliceOf{-100, 100}), plain(l));
  EXPECT_EQ(l.get(SliceOf{100, 200}), list({}));
  EXPECT_EQ(l.get(SliceOf{3, 1}), list({}));
  EXPECT_EQ(l.get(SliceOf{{}, {}, std::numeric_limits<std::int64_t>::max()}), list({0}));
  EXPECT_EQ(l.get(SliceOf{{}, {}, std::numeric_limits<std::int64_t>::min()}), list({5}));
  EXPECT_THROW(l.get(SliceOf{{}, {}, 0}), ValueError);
  l.set(SliceOf{1, 3}, list({"a", "b", "c"}));
  EXPECT_EQ(plain(l), list({0, "a", "b", "c", 3, 4, 5}));
  l.set(SliceOf{5, 2}, list({"in"}));
  EXPECT_EQ(l[5], Object("in"));
  l.set(SliceOf{0, 4, 2}, list({"x", "y"}));
  EXPECT_EQ(plain(l), list({"x", "a", "y", "c", 3, "in", 4, 5}));
  EXPECT_THAT(
      [&] {
        l.set(SliceOf{0, 4, 2}, list({1}));
      },
      ThrowsMessage<ValueError>(
          "attempt to assign sequence of size 1 to extended slice of size 2"));
  l.del(SliceOf{{}, {}, 2});
  EXPECT_EQ(plain(l), list({"a", "c", "in", 5}));
  l.del(SliceOf{1});
  EXPECT_EQ(plain(l), list({"a"}));
}

TEST_P(ManagerContainersProcesses, AListIsAddedMultipliedReversedAndSorted) {
  const auto l = m.list(list({3, 1, 2}));
  EXPECT_EQ(l + list({4}), list({3, 1, 2, 4}));
  EXPECT_EQ(l * 2, list({3, 1, 2, 3, 1, 2}));
  EXPECT_EQ(2 * l, l * 2);
  EXPECT_EQ(l * -1, list({}));
  EXPECT_THROW(l + Object(5), TypeError);
  EXPECT_THROW(l + Object(l), TypeError) << "a proxy is no list";
  EXPECT_THROW(l * std::numeric_limits<std::int64_t>::max(), OverflowError);
  l.sort();
  EXPECT_EQ(plain(l), list({1, 2, 3}));
  l.sort(true);
  EXPECT_EQ(plain(l), list({3, 2, 1}));
  const Object reversed = l.reversed();
  EXPECT_EQ(reversed, list({1, 2, 3}));
  EXPECT_EQ(plain(l), list({3, 2, 1})) << "only the copy is the other way round";
  l.reverse();
  l *= 2;
  EXPECT_EQ(plain(l), list({1, 2, 3, 1, 2, 3}));
  l *= 0;
  EXPECT_EQ(l.size(), 0u);
  const auto mixed = m.list(list({2, "a", 1}));
  EXPECT_THAT([&] { mixed.sort(); },
              ThrowsMessage<TypeError>(HasSubstr("'<' not supported between instances of")));
  EXPECT_EQ(plain(mixed), list({2, "a", 1}));
  EXPECT_THROW(m.list().set(SliceOf{{}, {}, 2}, list({1})), ValueError);
  const auto pairs =
      m.list(list({Object::tuple({2, "b"}), Object::tuple({2, "a"}), Object::tuple({1})}));
  pairs.sort();
  EXPECT_EQ(pairs.str(), "[(1,), (2, 'a'), (2, 'b')]");
}

TEST_P(ManagerContainersProcesses, AListIsGoneThroughItemByItem) {
  const auto l = m.list(list({1, 2, 3}));
  std::vector<std::int64_t> seen;
  for (const Object& item : l) {
    seen.push_back(item.as_integer());
    if (seen.size() == 1) l.append(4);
  }
  EXPECT_THAT(seen, testing::ElementsAre(1, 2, 3, 4)) << "it sees what is appended meanwhile";
}

TEST_P(ManagerDictProcesses, ADictHasWhatPythonsHas) {
  const auto d = m.dict(Object::dict({{"a", 1}}));
  d["b"] = 2;
  d.set(Object::tuple({1, 2}), "t");
  EXPECT_EQ(d["a"], Object(1));
  EXPECT_EQ(d.get("b", 0), Object(2));
  EXPECT_EQ(d.get("z", 0), Object(0));
  EXPECT_EQ(d.get("z"), Object());
  EXPECT_EQ(d.at("a"), Object(1));
  EXPECT_TRUE(d.contains("a"));
  EXPECT_FALSE(d.contains("z"));
  EXPECT_EQ(d.size(), 3u);
  EXPECT_EQ(d.keys(), list({"a", "b", Object::tuple({1, 2})}));
  EXPECT_EQ(d.values(), list({1, 2, "t"}));
  EXPECT_EQ(d.items()[0], Object::tuple({"a", 1}));
  EXPECT_EQ(d.setdefault("a", 9), Object(1));
  EXPECT_EQ(d.setdefault("c", 9), Object(9));
  EXPECT_EQ(d.setdefault("n"), Object());
  EXPECT_EQ(d.pop("c"), Object(9));
  EXPECT_EQ(d.pop("c", "none"), Object("none"));
  EXPECT_EQ(d.popitem(), Object::tuple({"n", Object()}));
  d.update(Object::dict({{"a", 10}, {"x", 11}}));
  d.del("b");
  EXPECT_EQ(d.str(), "{'a': 10, (1, 2): 't', 'x': 11}");
  EXPECT_EQ(d.copy().size(), 3u);
  d.clear();
  EXPECT_EQ(d.size(), 0u);
}

TEST_P(ManagerDictProcesses, ADictThrowsWhatPythonsDoes) {
  const auto d = m.dict();
  EXPECT_THAT([&] { d.at("q"); }, ThrowsMessage<KeyError>("'q'"));
  EXPECT_THAT([&] { d["q"].get(); }, ThrowsMessage<KeyError>("'q'"));
  EXPECT_THROW(d.del(1), KeyError);
  EXPECT_THROW(d.pop("q"), KeyError);
  EXPECT_THROW(d.popitem(), KeyError);
  EXPECT_THROW(d.set(list({}), 1), TypeError);
  EXPECT_THROW(d.update(list({1})), TypeError);
}

TEST_P(ManagerContainersProcesses, ADictIsGoneThroughByKeyUntilItsSizeChanges) {
  const auto d = m.dict(Object::dict({{"a", 1}, {"b", 2}, {Object(), 3}}));
  Object::List seen;
  for (const Object& key : d) seen.push_back(key);
  EXPECT_EQ(Object::list(seen), list({"a", "b", Object()}));
  auto at = d.begin();
  d["a"] = 10;
  ++at;
  EXPECT_EQ(*at, Object("b"));
  d["new"] = 1;
  EXPECT_THAT([&] { ++at; },
              ThrowsMessage<RuntimeError>("dictionary changed size during iteration"));
}

TEST_P(ManagerContainersProcesses, ANamespaceHasAttributes) {
  const auto n = m.name_space(Object::dict({{"y", "a"}}));
  n["x"] = 1;
  n["_here"] = 2;
  EXPECT_EQ(n["x"], Object(1));
  EXPECT_EQ(n["_here"], Object(2));
  EXPECT_EQ(n.str(), "Namespace(x=1, y='a')");
  const NamespaceProxy other(n.handle());
  EXPECT_EQ(other.get("x"), Object(1));
  EXPECT_THROW(other.get("_here"), AttributeError);
  n.del("x");
  n.del("_here");
  EXPECT_THAT([&] { n.get("x"); },
              ThrowsMessage<AttributeError>("'Namespace' object has no attribute 'x'"));
  EXPECT_THROW(n.del("x"), AttributeError);
  EXPECT_THROW(n.del("_here"), AttributeError);
}

TEST_P(ManagerContainersProcesses, ANamespaceIsShownAsPythons) {
  const auto n = m.name_space(Object::dict({{"a", 1}, {"a1", 2}, {"_hidden", 3}}));
  EXPECT_EQ(n.str(), "Namespace(a1=2, a=1)") << "sorted are the texts, not the names";
}

TEST_P(ManagerContainersProcesses, ThreadsShareTheLocalNamesOfANamespace) {
  const auto n = m.name_space();
  n["_shared"] = 0;
  std::vector<std::future<void>> all;
  for (int thread = 0; thread < 4; ++thread) {
    all.push_back(std::async(std::launch::async, [&n, own = "_" + std::to_string(thread)] {
      for (int i = 0; i < 1000; ++i) {
        n[own] = i;
        n["_shared"] = n[own];
        n.del(own);
      }
    }));
  }
  for (auto& each : all) each.get();
  EXPECT_EQ(n["_shared"], Object(999));
}

TEST_P(ManagerValueProcesses, AValueIsAnything) {
  const auto v = m.value("i", 7);
  EXPECT_EQ(v.get(), Object(7));
  EXPECT_EQ(v.str(), "Value('i', 7)");
  v.set("no integer");
  EXPECT_EQ(v.get(), Object("no integer"));
}

TEST_P(ManagerContainersProcesses, AnArrayMindsItsType) {
  const auto a = m.array("i", list({1, 2, 3}));
  a[0] = 10;
  a[-1] = true;
  EXPECT_EQ(a.size(), 3u);
  EXPECT_EQ(a.str(), "array('i', [10, 2, 1])");
  EXPECT_EQ(a.get(SliceOf{1}), list({2, 1}));
  a.set(SliceOf{0, 2}, list({7, 8, 9}));
  EXPECT_EQ(a.get(SliceOf{}), list({7, 8, 9, 1}));
  EXPECT_THROW(a.set(0, "x"), TypeError);
  EXPECT_THROW(a.set(0, 1.5), TypeError);
  EXPECT_THROW(a.set(0, std::int64_t{1} << 40), OverflowError);
  EXPECT_THAT([&] { a.get(5); }, ThrowsMessage<IndexError>("array index out of range"));
  EXPECT_THROW(a.set(5, 1), IndexError);
  EXPECT_THROW(a.call("append", {1}), RemoteError);
  EXPECT_EQ(a.get(SliceOf{}), list({7, 8, 9, 1})) << "what failed has changed nothing";
  EXPECT_EQ(m.array("f", list({0.1})).get(0), Object(0.1f));
  EXPECT_EQ(m.array("d", list({1}))[0], Object(1.0));
  EXPECT_EQ(m.array("u", list({"\u00e4"}))[0], Object("\u00e4"));
  const auto most = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(m.array("Q", list({most}))[0], Object(most));
  EXPECT_THAT([&] { m.array("b", list({300})); },
              ThrowsMessage<RemoteError>(HasSubstr("OverflowError")));
  EXPECT_THAT([&] { m.array("i", 3); }, ThrowsMessage<RemoteError>(HasSubstr("TypeError")));
  EXPECT_THROW(m.array("i", list({1.5})), RemoteError);
  EXPECT_THROW(m.array("Z", list({1})), RemoteError);
}

TEST_P(ManagerContainersProcesses, ValuesAreCopiedAndProxiesAreReferences) {
  const auto d = m.dict();
  d["x"] = list({});
  Object copy = d["x"];
  copy.as_list().push_back(1);
  EXPECT_EQ(d["x"], list({})) << "the copy was changed";
  const auto inner = m.list();
  d["l"] = inner;
  inner.append(1);
  ListProxy{d["l"]}.append(2);
  EXPECT_EQ(plain(inner), list({1, 2}));
  EXPECT_EQ(ListProxy(d["l"]), inner);
  EXPECT_FALSE(m.list() == inner);
  d["deep"] = list({Object::tuple({inner})});
  EXPECT_EQ(ListProxy(d["deep"].get()[0][0].as_handle()), inner);
  EXPECT_THROW(DictProxy{d["l"]}, TypeError);
  const auto n = m.name_space();
  n["l"] = inner;
  EXPECT_EQ(ListProxy(n["l"]), inner);
}

TEST_P(ManagerContainersProcesses, AContainerHoldsItself) {
  const auto l = m.list();
  l.append(l);
  EXPECT_EQ(ListProxy(l[0]), l);
  ListProxy(ListProxy(l[0])[0]).append(1);
  EXPECT_EQ(l.size(), 2u);
  EXPECT_THAT(l.str(), HasSubstr("Proxy"));
}

TEST_P(ManagerContainersProcesses, AnObjectIsThereAsLongAsSomebodyHoldsIt) {
  EXPECT_EQ(m.number_of_objects(), 0u);
  const auto outer = m.list();
  {
    const auto inner = m.dict();
    EXPECT_EQ(m.number_of_objects(), 2u);
    outer.append(inner);
    const Proxy copy = inner;
  }
  EXPECT_EQ(m.number_of_objects(), 2u) << "the list holds it";
  {
    const Object read = outer[0];
    outer.del(0);
    EXPECT_EQ(m.number_of_objects(), 2u) << "what was read of it does";
    DictProxy(read.as_handle())["x"] = 1;
  }
  EXPECT_EQ(m.number_of_objects(), 1u);
  outer.append(m.list());
  { const DictProxy popped = m.dict(); }
  const ListProxy taken(outer.pop().as_handle());
  EXPECT_EQ(taken.size(), 0u) << "a reply's references are counted before it is sent";
  EXPECT_EQ(m.number_of_objects(), 2u);
  const auto d = m.dict(Object::dict({{1, 1}}));
  for (const Object& key : d) EXPECT_EQ(key, Object(1));
  EXPECT_EQ(m.number_of_objects(), 3u) << "the iterator has gone";
}

TEST_P(ManagerContainersProcesses, PrintsAsItsObjectDoes) {
  std::ostringstream out;
  const auto d = m.dict(Object::dict({{"a", list({1, "b"})}}));
  out << d << ' ' << d["a"];
  EXPECT_EQ(out.str(), "{'a': [1, 'b']} [1, 'b']");
}

}  // namespace
}  // namespace ipc
