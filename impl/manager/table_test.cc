// SPDX-License-Identifier: MIT
// What is particular to dicts in tables (table.h): what they keep, where they are, and what becomes
// of them when processes end. Each case starts a process that keeps the files. Longer than most:
// one case for each promise.
#include "impl/manager/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <random>
#include <thread>

#include "impl/manager/batch.h"
#include "impl/manager/over_backends_test.h"
#include "impl/os/mapping.h"
#include "impl/os/type_name.h"
#include "impl/pipe/pipe.h"

namespace ipc {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<std::string> tables() {
  std::vector<std::string> all;
  for (const std::string& name : usable_backends<ManagerRegistry>()) {
    if (ManagerRegistry::get(name).operations == detail::table_operations()) all.push_back(name);
  }
  return all;
}

class ManagerTableProcesses : public OverBackends {
 protected:
  Manager m{options()};
};

INSTANTIATE_TEST_SUITE_P(Backends, ManagerTableProcesses, testing::ValuesIn(tables()),
                         backend_name);

bool is_there(const std::string& path) { return std::filesystem::exists(path); }

// What the operation gives or throws, as text.
std::string outcome(const Proxy& proxy, std::string_view operation, Object::List arguments) {
  try {
    return repr(proxy.call(operation, std::move(arguments)));
  } catch (const std::exception& error) {
    return type_name(typeid(error)) + ": " + error.what();
  }
}

TEST_P(ManagerTableProcesses, AnswersAsTheDictOfAServerDoes) {
  Manager server{{.backend = "unix_socket"}};
  const Object start = Object::dict({{"a", 1}, {Object::tuple({1, "x"}), list({Object()})}});
  const DictProxy here = m.dict(start);
  const DictProxy there = server.dict(start);
  const Object unhashable = Object::tuple({1, Object::tuple({list({})})});
  const std::vector<std::pair<std::string, Object::List>> calls{
      {"str", {}},
      {"length", {}},
      {"get", {"a"}},
      {"get", {"q"}},
      {"get", {unhashable}},
      {"get", {}},
      {"get", {1, 2}},
      {"get_or", {"q"}},
      {"get_or", {"q", 5}},
      {"get_or", {"a", 5}},
      {"contains", {"a"}},
      {"contains", {2.5}},
      {"contains", {list({})}},
      {"set", {"b", "two"}},
      {"set", {"a", list({1, Object::dict({{1, 2}})})}},
      {"set", {list({}), 1}},
      {"set", {1}},
      {"items", {}},
      {"keys", {}},
      {"values", {}},
      {"copy", {}},
      {"setdefault", {"a", 9}},
      {"setdefault", {"c", 9}},
      {"setdefault", {"d"}},
      {"setdefault", {Object::dict({}), 1}},
      {"pop", {"c"}},
      {"pop", {"c"}},
      {"pop", {"c", 7}},
      {"pop", {list({}), 7}},
      {"pop", {}},
      {"delete", {"q"}},
      {"delete", {"d"}},
      {"delete", {unhashable}},
      {"popitem", {}},
      {"update", {Object::dict({{"z", 1}, {"a", 2}, {"y", 3}})}},
      {"update", {list({1})}},
      {"update", {Object::dict({{5, Object::bytes("\xff")}})}},
      {"popitem", {}},
      {"str", {}},
      {"nonsense", {}},
      {"get_slice", {1, 2, 3}},
      {"clear", {}},
      {"length", {}},
      {"popitem", {}},
      {"clear", {}},
      {"keys", {}},
      {"set", {Object(), Object()}},
      {"str", {}}};
  for (const auto& [operation, arguments] : calls) {
    EXPECT_EQ(outcome(here, operation, arguments), outcome(there, operation, arguments))
        << operation << repr(Object::list(arguments));
  }
  Batch one;
  Batch other;
  for (const auto& [operation, arguments] : calls) {
    one.call(here, operation, arguments);
    other.call(there, operation, arguments);
  }
  const BatchResults got = one.run();
  const BatchResults wanted = other.run();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto text = [i](const BatchResults& results) {
      try {
        return repr(results.get(i));
      } catch (const std::exception& error) {
        return type_name(typeid(error)) + ": " + error.what();
      }
    };
    EXPECT_EQ(text(got), text(wanted)) << calls[i].first;
  }
}

TEST_P(ManagerTableProcesses, RefusesWhatAServerRefuses) {
  EXPECT_THAT([&] { m.list(); }, ThrowsMessage<RemoteError>("no type 'list' is registered"));
  EXPECT_THAT([&] { m.dict(list({})); },
              ThrowsMessage<RemoteError>("TypeError: expected dict, got list"));
  EXPECT_THAT([&] { m.number_of_objects(); },
              ThrowsMessage<RemoteError>("no operation 'number_of_objects' of the server"));
}

TEST_P(ManagerTableProcesses, KeepsTheOrderOfInsertion) {
  const DictProxy d = m.dict();
  Object::List wanted;
  for (int i = 0; i < 1000; ++i) {
    d[i * 7919 % 1000] = i;
    wanted.emplace_back(i * 7919 % 1000);
  }
  for (int i = 0; i < 1000; i += 3) d[i] = list({i, "another"});
  EXPECT_EQ(d.keys(), Object::list(wanted)) << "another value keeps the place";
  d.del(wanted[500]);
  d[wanted[500]] = "new";
  std::rotate(wanted.begin() + 500, wanted.begin() + 501, wanted.end());
  EXPECT_EQ(d.keys(), Object::list(wanted)) << "what is new comes behind the others";
  EXPECT_EQ(d.popitem(), Object::tuple({wanted.back(), "new"}));
  wanted.pop_back();
  d.del(wanted.front());
  wanted.erase(wanted.begin());
  EXPECT_EQ(d.keys(), Object::list(wanted));
  EXPECT_EQ(d.size(), 998u);
}

TEST_P(ManagerTableProcesses, DictsDoNotSeeEachOther) {
  const DictProxy a = m.dict(Object::dict({{"x", 1}}));
  const DictProxy b = m.dict(Object::dict({{"x", 2}, {"y", 3}}));
  const DictProxy c = m.dict();
  a.set("z", 1);
  EXPECT_EQ(b.popitem(), Object::tuple({"y", 3}));
  EXPECT_EQ(b.popitem(), Object::tuple({"x", 2}));
  EXPECT_THROW(b.popitem(), KeyError);
  EXPECT_THROW(c.popitem(), KeyError);
  b.set("x", 5);
  a.clear();
  EXPECT_EQ(a.keys(), list({}));
  EXPECT_EQ(b.items(), list({Object::tuple({"x", 5})}));
  EXPECT_EQ(c.size(), 0u);
}

TEST_P(ManagerTableProcesses, EqualKeysAreOneKeptAsTheNumber) {
  const DictProxy d = m.dict();
  d[true] = "a";
  d[1.0] = "b";
  EXPECT_EQ(d[1], Object("b"));
  d[Object::tuple({0.0, Object::tuple({false, "s"})})] = "t";
  EXPECT_EQ(d[Object::tuple({-0.0, Object::tuple({0, "s"})})], Object("t"));
  d[0x1p63] = "large";
  EXPECT_EQ(d[std::uint64_t{1} << 63], Object("large"));
  EXPECT_EQ(d.str(), "{1: 'b', (0, (0, 's')): 't', 9223372036854775808: 'large'}");
  d.clear();
  for (const Object& key :
       {Object("1"), Object::bytes("1"), Object(1.5), Object(1), Object(), Object::tuple({1}),
        Object(-1), Object(1e300), Object(std::numeric_limits<double>::infinity())}) {
    d[key] = 1;
  }
  EXPECT_EQ(d.size(), 9u) << "these are others";
  d[std::nan("1")] = 1;
  d[-std::nan("2")] = 2;
  EXPECT_EQ(d.size(), 10u) << "all NaNs are one";
}

TEST_P(ManagerTableProcesses, KeysHaveALimitWhereTheLibraryHasOne) {
  const DictProxy d = m.dict();
  const std::string longest(499, 'x');  // with three bytes before it
  d[longest] = 1;
  EXPECT_EQ(d[longest], Object(1));
  if (GetParam() != "lmdb") GTEST_SKIP() << "no limit";
  EXPECT_THAT([&] { d[longest + "x"] = 1; }, ThrowsMessage<ValueError>(HasSubstr("at most 502")));
  EXPECT_THROW(d.contains(longest + "x"), ValueError);
  EXPECT_EQ(d.size(), 1u);
}

TEST_P(ManagerTableProcesses, ProxiesAndConnectionsAreRefused) {
  const DictProxy d = m.dict(Object::dict({{"x", 1}}));
  auto [here, there] = Pipe();
  const auto is_refused = [&](std::string_view operation, Object::List arguments) {
    EXPECT_THAT([&] { d.call(operation, arguments); },
                ThrowsMessage<ValueError>(HasSubstr("no proxies and connections")))
        << operation;
  };
  is_refused("set", {"x", d});
  is_refused("set", {"x", list({Object::tuple({here})})});
  is_refused("set", {d, 1});
  is_refused("set", {Object::tuple({1, d}), 1});
  is_refused("setdefault", {"y", d});
  is_refused("update", {Object::dict({{"y", 1}, {"z", d}})});
  EXPECT_THROW(m.dict(Object::dict({{"y", d}})), RemoteError);
  EXPECT_EQ(d.str(), "{'x': 1}") << "nothing has changed";
}

TEST_P(ManagerTableProcesses, IsItsUsersAloneAndGoneAfterItsShutdown) {
  const std::string path = m.address();
  m.dict()["x"] = 1;
  struct stat about {};
  ASSERT_EQ(stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, S_ISDIR(about.st_mode) ? 0700u : 0600u);
  if (S_ISDIR(about.st_mode)) {
    for (const auto& each : std::filesystem::directory_iterator(path)) {
      EXPECT_EQ(each.status().permissions(), std::filesystem::perms(0600)) << each.path();
    }
  }
  m.shutdown();
  EXPECT_FALSE(is_there(path));
}

TEST_P(ManagerTableProcesses, TheEndIsSeenAtTheNextCallByAll) {
  const DictProxy d = m.dict();
  auto [here, there] = Pipe();
  const auto call_after_the_end = [&d, &end = there](bool has_called) {
    if (has_called) d["x"] = 1;
    end.send("is ready");
    end.recv();
    Batch batch;
    batch.call(d, "get", {"x"});
    try {
      d.size();
    } catch (const ServerGone&) {
      EXPECT_THROW(batch.run(), ServerGone);
      throw Exit(testing::Test::HasFailure() ? 8 : 7);
    }
  };
  Running user([&] { call_after_the_end(true); });
  Running other([&] { call_after_the_end(false); });
  for (int i = 0; i < 2; ++i) EXPECT_EQ(here.recv(), "is ready");
  m.shutdown();
  EXPECT_THROW(d.size(), ServerGone);
  EXPECT_THROW(d["x"] = 1, ServerGone);
  for (int i = 0; i < 2; ++i) here.send(Object());
  EXPECT_EQ(end_of(*user), 7);
  EXPECT_EQ(end_of(*other), 7);
  Manager late(elsewhere(m.address(), ""));
  EXPECT_THROW(late.connect(), std::system_error);
}

TEST_P(ManagerTableProcesses, NobodyNeedsTheServerForACall) {
  const std::string path = m.address();
  const DictProxy d = m.dict();
  kill(m.pid().value(), SIGKILL);
  d["x"] = 1;
  Process child{[&] { d["y"] = d["x"]; }};
  child.start();
  EXPECT_EQ(end_of(child), 0);
  EXPECT_EQ(m.dict(d.copy()).size(), 2u);
  m.shutdown();
  EXPECT_THROW(d.size(), ServerGone);
  EXPECT_FALSE(is_there(path));
}

TEST_P(ManagerTableProcesses, AServerThatDoesNotListenIsSeenToEnd) {
  const std::string path = m.address();
  const DictProxy d = m.dict();
  kill(m.pid().value(), SIGSTOP);
  m.shutdown(0.01);
  EXPECT_THROW(d.size(), ServerGone);
  EXPECT_FALSE(is_there(path));
}

TEST_P(ManagerTableProcesses, WhatKilledOnesLeftIsRemovedAtAStartUnlessSomebodyUsesIt) {
  auto [here, there] = Pipe();
  Running creator([&, &end = there] {
    Manager own(options());
    end.send(own.dict(Object::dict({{"x", 1}})));
    end.send(list({own.address(), own.pid().value()}));
    for (;;) pause();
  });
  auto d = std::make_unique<DictProxy>(here.recv<DictProxy>());
  const Object told = here.recv();
  const std::string path = told[0].as_text();
  EXPECT_EQ((*d)["x"], Object(1));
  const auto server = static_cast<pid_t>(told[1].as_integer());
  kill(server, SIGKILL);
  creator->kill();
  creator->join();
  {
    const Manager next(options());
    EXPECT_TRUE(is_there(path)) << "it is used here";
    (*d)["x"] = 2;
  }
  d.reset();
  EXPECT_TRUE(is_there(path));
  const Manager last(options());
  EXPECT_FALSE(is_there(path));
  m.dict()["x"] = "the others are left alone";
}

TEST_P(ManagerTableProcesses, NothingIsLeftOfACreatorThatIsKilled) {
  auto [here, there] = Pipe();
  Running creator([&, &end = there] {
    Manager own(options());
    own.dict();
    end.send(own.address());
    for (;;) pause();
  });
  const std::string path = here.recv().as_text();
  EXPECT_TRUE(is_there(path));
  creator->kill();
  for (const Deadline hang = deadline_of(kHang); is_there(path) && !hang.passed();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(is_there(path)) << "its server has seen it";
}

TEST_P(ManagerTableProcesses, ItsPathCanBeChosenAndUsedAgain) {
  const std::string path = "/dev/shm/ipcbench-test-" + std::to_string(getpid());
  Manager first({.backend = GetParam(), .address = path});
  EXPECT_EQ(first.address(), path);
  const DictProxy old = first.dict(Object::dict({{"x", 1}}));
  EXPECT_THROW(Manager({.backend = GetParam(), .address = path}), std::system_error);
  EXPECT_EQ(old["x"], Object(1)) << "it was left alone";
  first.shutdown();
  Manager next({.backend = GetParam(), .address = path});
  EXPECT_EQ(next.dict().size(), 0u);
  EXPECT_THROW(old.size(), RemoteError) << "what the first one had has gone";
  EXPECT_THROW(Manager({.backend = GetParam(), .address = std::string("\0x", 2)}), ValueError);
}

TEST_P(ManagerTableProcesses, ByAnotherPathItIsTheSame) {
  const DictProxy d = m.dict();
  std::string path = m.address();
  path.insert(path.rfind('/'), "/");
  {
    Manager other(elsewhere(path, ""));
    other.connect();
    other.dict()["x"] = 1;
    d["x"] = 1;
  }
  // Who finds no lock of another process in the files makes them anew, whoever is at work there.
  std::atomic<bool> is_over = false;
  std::thread busy([&] {
    for (int i = 0; !is_over; ++i) d.update(Object::dict({{"y", i}, {"z", i}}));
  });
  for (int who = 0; who < 10; ++who) {
    Process child{[&, who] {
      for (int i = 0; i < 20; ++i) d[who * 20 + i] = i;
    }};
    child.start();
    EXPECT_EQ(end_of(child), 0);
  }
  is_over = true;
  busy.join();
  EXPECT_EQ(d.size(), 203u);
}

TEST_P(ManagerTableProcesses, WhatIsNoneIsNotTakenForOneAndLeftAlone) {
  const std::string path = "/dev/shm/ipcbench-test-" + std::to_string(getpid());
  std::filesystem::create_directory(path);
  Manager to_directory(elsewhere(path, ""));
  EXPECT_THROW(to_directory.connect(), std::system_error);
  EXPECT_TRUE(std::filesystem::is_empty(path));
  std::filesystem::remove(path);
  std::filesystem::copy_file("/proc/self/status", path);
  const auto size = std::filesystem::file_size(path);
  Manager to_file(elsewhere(path, ""));
  EXPECT_THROW(to_file.connect(), std::system_error);
  EXPECT_EQ(std::filesystem::file_size(path), size);
  std::filesystem::remove(path);
}

TEST_P(ManagerTableProcesses, ChildrenForkedWhileThreadsCallLoseNothing) {
  constexpr int kEach = 200;
  const DictProxy d = m.dict();
  d["count"] = 0;
  std::atomic<bool> is_over = false;
  const auto put = [&d](int who) {
    for (int i = 0; i < kEach; ++i) {
      d.set(who * kEach + i, i);
      require(d.at(who * kEach + i) == Object(i), "what was set is there");
    }
  };
  std::thread busy([&] {
    while (!is_over) d.set("count", d.get("count").as_integer() + 1);
  });
  std::vector<std::unique_ptr<Running>> children;
  for (int who = 0; who < 4; ++who) {
    children.push_back(std::make_unique<Running>([&, who] {
      put(who);
      Process grandchild{[&] { put(4 + who); }};
      grandchild.start();
      require(end_of(grandchild) == 0, "its child has done its part");
    }));
  }
  put(8);
  for (auto& each : children) EXPECT_EQ(end_of(**each), 0);
  is_over = true;
  busy.join();
  EXPECT_EQ(d.size(), 9u * kEach + 1);
  for (int i = 0; i < 9 * kEach; ++i) EXPECT_EQ(d[i], Object(i % kEach));
}

TEST_P(ManagerTableProcesses, KilledInsideOfACallHangsNobodyAndHalfAChangeIsNeverSeen) {
  const DictProxy d = m.dict();
  const auto all_of = [](int value) {
    Object::Dict all;
    for (int i = 0; i < 200; ++i) all.set(i, value);
    return Object::dict(all);
  };
  std::mt19937 random{std::random_device{}()};
  bool is_broken = false;
  for (int round = 0; round < 20 && !is_broken; ++round) {
    auto [here, there] = Pipe();
    Running child([&, &end = there] {
      d.update(all_of(0));
      end.send("begins");
      for (int value = 1;; ++value) d.update(all_of(value));
    });
    ASSERT_TRUE(here.poll(kHang));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    child->kill();
    child->join();
    try {
      const Object all = d.values();
      ASSERT_EQ(all.size(), 200u);
      EXPECT_THAT(all.as_list(), testing::Each(all[0]));
      d["x"] = 1;
      d.del("x");
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("half changed"));
      is_broken = true;
    }
  }
  if (!is_broken) return;  // it is chance whether a kill comes inside of a change
  EXPECT_EQ(GetParam(), "boost_map");
  EXPECT_THROW(d.size(), Error);
  EXPECT_THROW(m.dict(), Error);
  m.shutdown();
  EXPECT_THROW(d.size(), ServerGone);
}

TEST_P(ManagerTableProcesses, AFullOneSaysSoAndLosesNothing) {
  const DictProxy d = m.dict();
  Process child{[&] {
    signal(SIGXFSZ, SIG_IGN);
    constexpr rlim_t kMost = 16 << 20;
    const rlimit most{kMost, kMost};  // for what has no limit of its own here
    require(setrlimit(RLIMIT_FSIZE, &most) == 0, "the limit is set");
    const std::string large(1 << 20, 'x');
    int count = 0;
    try {
      for (; count < 64; ++count) d.set(count, large);
    } catch (const Error& error) {
      require(std::string(error.what()).starts_with("no room for it"), error.what());
    }
    require(count > 8 && count < 64, "there was room for " + std::to_string(count));
    require(static_cast<int>(d.size()) == count, "all are counted");
    for (int i = 0; i < count; ++i) require(d.at(i) == Object(large), "each is there");
    try {
      d.update(Object::dict({{0, "changed"}, {"more", std::string(4 << 20, 'x')}}));
      require(false, "there is room");
    } catch (const Error&) {
    }
    try {
      m.dict(Object::dict({{1, std::string(4 << 20, 'x')}}));
      require(false, "there is room");
    } catch (const RemoteError& error) {
      require(std::string(error.what()).find("no room for it") != std::string::npos, error.what());
    }
    d.del(1);
    d.del(2);
    d.set("small", "fits again");
    require(d.at("small") == Object("fits again"), "it is there");
    require(static_cast<int>(d.size()) == count - 1, "all are counted");
  }};
  child.start();
  EXPECT_EQ(end_of(child), 0);
  EXPECT_EQ(d["small"], Object("fits again"));
  d.clear();
  d.set("large", std::string(std::min<std::size_t>(
                                 ManagerRegistry::get(GetParam()).traits.max_message, 8 << 20),
                             'y'));
  EXPECT_EQ(d.size(), 1u);
}

TEST_P(ManagerTableProcesses, TheLongestValueCanBeReplaced) {
  const DictProxy d = m.dict();
  const std::size_t most =
      std::min<std::size_t>(ManagerRegistry::get(GetParam()).traits.max_message, 16 << 20);
  for (const std::size_t less : {3u, 2u, 1u}) {  // none fits into the place of the one before
    d["x"] = std::string(most - 16 * less, 'x');
    EXPECT_EQ(d["x"].get().size(), most - 16 * less);
  }
  d["x"] = "short";
  d["y"] = std::string(most - 16, 'y');
}

}  // namespace
}  // namespace ipc
