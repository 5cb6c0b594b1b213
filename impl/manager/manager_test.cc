// SPDX-License-Identifier: MIT
// A manager's life, who may reach it, proxies on their way between processes, and what the others
// see when one of them is killed. Each case starts a server process. Longer than most: one case for
// each promise.
#include "impl/manager/manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "impl/manager/over_backends_test.h"
#include "impl/pipe/pipe.h"
#include "impl/process/pool.h"
#include "impl/queue/queue.h"

namespace ipc {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class ManagerProcesses : public OverBackends {};

INSTANTIATE_TEST_SUITE_P(Backends, ManagerProcesses, testing::ValuesIn(servers()), backend_name);

// One that only this test has, of the kind that the backend has.
std::string chosen_address(const std::string& backend) {
  const auto host = ManagerRegistry::get(backend).make("");
  const bool is_path = host->address().starts_with('/');
  host->remove();
  return is_path ? "/tmp/ipcbench-test-" + std::to_string(getpid()) : "127.0.0.1:0";
}

// A process that has ended and is nobody's any more, or is only still to be reaped.
bool has_ended(pid_t pid) {
  for (const Deadline hang = deadline_of(kHang); !hang.passed();) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string all;
    std::getline(file, all);
    const std::size_t name_ends = all.rfind(')');
    if (name_ends == std::string::npos || all[name_ends + 2] == 'Z') return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

TEST_P(ManagerProcesses, AManagerHasAServerProcessUntilItsShutdown) {
  Manager m(options());
  const pid_t server = m.pid().value();
  EXPECT_NE(server, getpid());
  EXPECT_FALSE(m.address().empty());
  EXPECT_EQ(m.authkey(), authkey());
  const auto d = m.dict();
  EXPECT_THROW(m.start(), ProcessError);
  m.shutdown();
  EXPECT_TRUE(has_ended(server));
  m.shutdown();
  EXPECT_THROW(d.size(), ServerGone);
  EXPECT_THROW(m.dict(), StateError);
  EXPECT_THROW(m.start(), ProcessError);
}

TEST_P(ManagerProcesses, AManagerThatIsNotStartedHasNothing) {
  Manager m(unstarted());
  EXPECT_THROW(m.dict(), StateError);
  EXPECT_THROW(m.shutdown(), StateError);
  EXPECT_THROW(m.address(), StateError);
  EXPECT_FALSE(m.pid());
}

TEST_P(ManagerProcesses, TheInitializerRunsFirstInTheServer) {
  static int initialized = 0;
  class Reader : public Referent {
    Object call(std::string_view, Arguments&, Caller&) override { return initialized; }
  };
  Manager m(unstarted());
  m.register_type("Reader", [](Arguments&) { return std::make_shared<Reader>(); });
  m.start([] { initialized = 7; });
  EXPECT_EQ(m.create("Reader").call("read"), Object(7));
  EXPECT_EQ(initialized, 0) << "not here";
  Manager failing(unstarted());
  EXPECT_THROW(failing.start([] { throw Exit(3); }), ProcessError);
}

TEST_P(ManagerProcesses, AProxyKeepsTheServerAndTheLastOneEndsIt) {
  std::optional<Manager> m(options());
  const pid_t server = m->pid().value();
  std::optional<DictProxy> d = m->dict();
  Object held = *d;
  m.reset();
  (*d)["x"] = 1;
  d.reset();
  {
    const DictProxy again(held.as_handle());
    EXPECT_EQ(again["x"], Object(1));
  }
  EXPECT_EQ(kill(server, 0), 0);
  held = Object();
  EXPECT_TRUE(has_ended(server));
}

TEST_P(ManagerProcesses, TheServerEndsWithItsCreatorAndNotWithTheThread) {
  auto [here, there] = Pipe(false);
  Running creator([&, &out = there] {
    std::optional<Manager> m;
    std::thread([&] { m.emplace(options()); }).join();
    m->dict();
    out.send(m->pid().value());
    for (;;) pause();
  });
  const auto server = here.recv<pid_t>();
  kill(server, SIGINT);
  EXPECT_FALSE(creator->join(kBrief));
  EXPECT_EQ(kill(server, 0), 0);
  creator->kill();
  EXPECT_TRUE(has_ended(server));
}

TEST_P(ManagerProcesses, AServerThatDoesNotListenIsKilled) {
  Manager m(options());
  const pid_t server = m.pid().value();
  kill(server, SIGSTOP);
  m.shutdown(0.01);
  EXPECT_TRUE(has_ended(server));
}

TEST_P(ManagerProcesses, AnUnrelatedProcessConnectsWithAddressAndKey) {
  auto [told, tell] = Pipe();
  Running stranger([&, &in = told] {
    const Object what = in.recv();
    set_authkey("another");
    Manager m(elsewhere(what[0].as_text(), what[1].as_text()));
    m.connect();
    in.recv<ListProxy>().append("from afar");
    const ListProxy own = m.list(list({1, 2}));
    in.send(own);
    in.recv();
  });
  Manager m({.backend = GetParam(), .authkey = "a key of its own"});
  const auto l = m.list();
  tell.send(list({m.address(), m.authkey()}));
  tell.send(l);
  const auto theirs = tell.recv<ListProxy>();
  EXPECT_EQ(theirs.size(), 2u);
  EXPECT_EQ(l[0], Object("from afar"));
  tell.send(Object());
  EXPECT_EQ(end_of(*stranger), 0);
  EXPECT_EQ(theirs.size(), 2u) << "its creator has ended, we hold it";
  EXPECT_EQ(m.number_of_objects(), 2u);
}

TEST_P(ManagerProcesses, WhoHasAnotherKeyIsTurnedAway) {
  Manager m({.backend = GetParam(), .authkey = "right"});
  Process other{[&] {
    Manager wrong(elsewhere(m.address(), "wrong"));
    try {
      wrong.connect();
    } catch (const AuthenticationError&) {
      throw Exit(7);
    }
  }};
  other.start();
  EXPECT_EQ(end_of(other), 7);
  EXPECT_EQ(m.dict().size(), 0u) << "others are served";
}

TEST_P(ManagerProcesses, ConnectFindsNobodyWhereThereIsNone) {
  Manager m(options());
  const std::string address = m.address();
  m.shutdown();
  Manager late(elsewhere(address, "key"));
  EXPECT_THROW(late.connect(), std::system_error);
  EXPECT_THROW(Manager({.backend = GetParam(), .address = std::string("\0x", 2)}), ValueError);
}

TEST_P(ManagerProcesses, AManagersAddressCanBeChosen) {
  const std::string address = chosen_address(GetParam());
  Manager m({.backend = GetParam(), .address = address});
  m.dict();
  if (address.starts_with('/')) {
    EXPECT_EQ(m.address(), address);
    EXPECT_THROW(Manager({.backend = GetParam(), .address = address}), std::system_error);
    m.dict();
  } else {
    EXPECT_NE(m.address(), address) << "the port was settled";
  }
}

TEST_P(ManagerProcesses, AnotherManagerAtTheSameAddressServes) {
  Manager m({.backend = GetParam(), .address = chosen_address(GetParam())});
  const auto old = m.list();
  const std::string address = m.address();
  m.shutdown();
  Manager next({.backend = GetParam(), .address = address});
  EXPECT_EQ(next.dict().size(), 0u);
  EXPECT_THROW(old.size(), RemoteError) << "what the first one had has gone";
  { const Manager gone = std::move(m); }
  Manager other(elsewhere(address, next.authkey()));
  other.connect();  // the end of the first one took nothing from the next
}

TEST_P(ManagerProcesses, ShutdownIsForTheProcessThatHasStartedIt) {
  Manager m(options());
  auto [here, there] = Pipe();
  Process child([&m, &end = there] {
    try {
      m.shutdown();
      end.send("shut down");
    } catch (const StateError&) {
      end.send("refused");
    }
  });
  child.start();
  EXPECT_EQ(here.recv(), "refused");
  child.join();
  EXPECT_EQ(m.dict().size(), 0u);
}

TEST_P(ManagerProcesses, AChildThatWasThereBeforeTheManagerHasItsKey) {
  set_authkey("");  // as in a process that nobody has asked for it
  auto [here, there] = Pipe();
  Process child([&end = there] { end.send(ListProxy(end.recv().as_handle()).size()); });
  child.start();
  Manager m(options());
  const auto two = m.list(list({1, 2}));
  here.send(Object(two.handle()));
  ASSERT_TRUE(here.poll(kHang));
  EXPECT_EQ(here.recv(), 2);
  child.join();
}

TEST_P(ManagerProcesses, TypesOfOnesOwnAreCreatedByName) {
  class Counter : public Exposing<Counter> {
   public:
    explicit Counter(std::int64_t value) : value_(value) {}
    static const Methods<Counter>& methods() {
      static const Methods<Counter> all{{"increment", 0, 1, &Counter::increment},
                                        {"fail", 0, 0, &Counter::fail},
                                        {"make", 0, 0, &Counter::make}};
      return all;
    }

   private:
    Object increment(Arguments& arguments, Caller&) {
      const std::lock_guard hold(mutex_);
      return value_ += arguments.size() == 0 ? 1 : arguments[0].as_integer();
    }
    Object fail(Arguments&, Caller&) { throw std::out_of_range("of its own"); }
    Object make(Arguments&, Caller& caller) {
      return caller.adopt("Counter", std::make_shared<Counter>(100));
    }
    std::mutex mutex_;
    std::int64_t value_;
  };
  Manager m(unstarted());
  m.register_type("Counter", [](Arguments& arguments) {
    return std::make_shared<Counter>(arguments[0].as_integer());
  });
  m.start();
  EXPECT_THROW(m.register_type("Late", nullptr), StateError);
  const Proxy counter = m.create("Counter", {5});
  EXPECT_EQ(counter.type(), "Counter");
  EXPECT_EQ(counter.call("increment"), Object(6));
  EXPECT_EQ(counter.call("increment", {4}), Object(10));
  EXPECT_EQ(Proxy(counter.call("make").as_handle()).call("increment"), Object(101));
  EXPECT_THROW(counter.call("increment", {1, 2}), TypeError);
  EXPECT_THAT([&] { counter.call("fail"); },
              ThrowsMessage<RemoteError>("std::out_of_range: of its own"));
  EXPECT_THAT([&] { counter.call("unknown"); },
              ThrowsMessage<RemoteError>("no operation 'unknown'"));
  EXPECT_THROW(m.create("Unknown"), RemoteError);
}

TEST_P(ManagerProcesses, ProxiesTravelThroughPipesQueuesPoolsAndManagers) {
  Manager m(options());
  const auto l = m.list();
  auto [a, b] = Pipe();
  a.send(list({l}));
  ListProxy(b.recv()[0].as_handle()).append("pipe");
  a.send(l);
  b.recv<ListProxy>().append("whole message");
  Queue<> queue;
  queue.put(l);
  ListProxy(queue.get().as_handle()).append("queue");
  Pool pool(1);
  pool.apply([](const Handle& handle) { ListProxy(handle).append("pool"); }, l);
  Manager other(options());
  const auto d = other.dict();
  d["l"] = l;
  ListProxy{d["l"]}.append("another manager");
  EXPECT_EQ(l.str(), "['pipe', 'whole message', 'queue', 'pool', 'another manager']");
  pool.close();
  pool.join();
  d.clear();
  EXPECT_EQ(m.number_of_objects(), 1u);
}

TEST_P(ManagerProcesses, AnObjectOfAnotherManagerLivesAsLongAsItIsContained) {
  Manager m(options());
  Manager other(options());
  const auto d = other.dict();
  d["l"] = m.list();
  EXPECT_EQ(m.number_of_objects(), 1u);
  EXPECT_EQ(ListProxy(d["l"]).size(), 0u);
  d.clear();
  EXPECT_EQ(m.number_of_objects(), 0u);
}

TEST_P(ManagerProcesses, ConnectionsTravelThroughManagers) {
  Manager m(options());
  const auto q = m.queue();
  auto [a, b] = Pipe({.backend = "unix_stream"});
  q.put(a);
  Connection received(q.get().as_handle());
  received.send(1);
  EXPECT_EQ(b.recv(), Object(1));
}

TEST_P(ManagerProcesses, AForkedChildHoldsWhatItsParentDid) {
  Manager m(options());
  auto [go, tell] = Pipe(false);
  std::optional<ListProxy> l = m.list();
  Running child([l, &in = go] {
    in.recv();
    l->append(1);
    in.recv();
  });
  l.reset();
  EXPECT_EQ(m.number_of_objects(), 1u) << "the child holds it, which has not used it yet";
  tell.send(1);
  tell.send(1);
  ASSERT_TRUE(child->join(kHang));
  EXPECT_EQ(child->exitcode(), 0);
  for (const Deadline hang = deadline_of(kHang); m.number_of_objects() != 0 && !hang.passed();) {
    std::this_thread::yield();
  }
  EXPECT_EQ(m.number_of_objects(), 0u) << "it has ended";
}

TEST_P(ManagerProcesses, AKilledClientHoldsNothingAnyMore) {
  Manager m(options());
  const auto there = m.queue();
  Running killed([&] {
    const auto mine = m.list();
    const auto others = m.dict();
    there.put(others);
    for (;;) pause();
  });
  const Object kept = there.get();
  EXPECT_EQ(m.number_of_objects(), 3u);
  killed->kill();
  for (const Deadline hang = deadline_of(kHang); m.number_of_objects() != 2 && !hang.passed();) {
    std::this_thread::yield();
  }
  EXPECT_EQ(m.number_of_objects(), 2u);
  EXPECT_EQ(DictProxy(kept.as_handle()).size(), 0u);
}

TEST_P(ManagerProcesses, AProxyThatComesTooLateSaysSo) {
  Manager m(options());
  auto [a, b] = Pipe();
  a.send(Object(m.list()));
  const ListProxy late(b.recv().as_handle());
  EXPECT_THAT([&] { late.size(); }, ThrowsMessage<RemoteError>(HasSubstr("unknown id")));
}

TEST_P(ManagerProcesses, AKilledServerIsNoticedByThoseWhoWaitAndThoseWhoCall) {
  Manager m(options());
  const auto q = m.queue();
  Running other([&] {
    try {
      q.get();
    } catch (const ServerGone&) {
      throw Exit(7);
    }
  });
  auto waiting = std::async(std::launch::async, [&] { q.get(); });
  EXPECT_NE(waiting.wait_for(std::chrono::milliseconds(50)), std::future_status::ready);
  kill(m.pid().value(), SIGKILL);
  EXPECT_THROW(waiting.get(), ServerGone);
  EXPECT_EQ(end_of(*other), 7);
  EXPECT_THROW(q.qsize(), ServerGone);
  EXPECT_THROW(q.qsize(), ServerGone);
  EXPECT_THROW(m.dict(), ServerGone);
}

TEST_P(ManagerProcesses, ThreadsOfOneProcessCallAtTheSameTime) {
  Manager m(options());
  const auto l = m.list();
  std::vector<std::future<void>> all;
  for (int thread = 0; thread < 4; ++thread) {
    all.push_back(std::async(std::launch::async, [&] {
      for (int i = 0; i < 100; ++i) l.append(i);
    }));
  }
  for (auto& each : all) each.get();
  EXPECT_EQ(l.size(), 400u);
}

TEST_P(ManagerProcesses, LargeValuesComeWholeAndTooLargeOnesAreRefused) {
  Manager m(options());
  const auto d = m.dict();
  const std::string large = long_text(3'000'000);
  d["x"] = large;
  EXPECT_TRUE(d["x"].get().as_text() == large);
  const auto l = m.list(list({Object::bytes(std::string(3'000'000, 'x'))}));
  l *= 100;
  EXPECT_THAT([&] { l.get(SliceOf{}); }, ThrowsMessage<RemoteError>(HasSubstr("cannot be sent")));
  EXPECT_EQ(l.size(), 100u) << "and the connection is in step";
}

TEST(ManagerProcess, AServersProxiesAreReachedAsItWas) {
  auto [here, there] = Pipe();
  Running stranger([&in = there] {  // who has not started it
    Manager m({.address = in.recv().as_text(), .start = false});
    m.connect();
    const auto l = m.list();
    auto [a, b] = Pipe();
    a.send(l);
    b.recv<ListProxy>().append("through a pipe");
    l.append(m.dict());
    DictProxy{l[1]}["x"] = 1;
    m.condition(m.lock());  // the server knows it as its own
    in.send(l.size());
    in.send(m.number_of_objects());
  });
  const std::string bound = chosen_address("unix_socket");
  const std::string moved = bound + "-moved";
  Manager m({.address = bound});
  std::filesystem::rename(bound, moved);  // as 0.0.0.0 is no address for those on other machines
  here.send(moved);
  for (const int expected : {2, 2}) {
    ASSERT_TRUE(here.poll(kHang));
    EXPECT_EQ(here.recv(), expected);
  }
  std::filesystem::remove(moved);
}

TEST(ManagerProcess, ListsInListsInListsEndHoweverManyTheyAre) {
  Manager m;
  ListProxy outer = m.list();
  for (int i = 0; i < 20'000; ++i) outer = m.list(list({outer}));
  EXPECT_EQ(m.number_of_objects(), 20'001u);
  outer = m.list();
  EXPECT_EQ(m.number_of_objects(), 1u);
}

TEST(ManagerProcess, ServersWithTheSameNameAreToldApartInTheirReplies) {
  const std::string bound = chosen_address("unix_socket");
  std::vector<Manager> started;
  std::vector<Manager> connected;
  for (const std::string end : {"-first", "-second"}) {
    started.emplace_back(ManagerOptions{.address = bound});
    std::filesystem::rename(bound, bound + end);
    connected.emplace_back(ManagerOptions{.address = bound + end, .start = false});
    connected.back().connect();
  }
  const auto first = connected[0].list(list({1}));
  const auto second = connected[1].list(list({2}));
  EXPECT_EQ(first[0], Object(1));
  EXPECT_EQ(second[0], Object(2));
  std::filesystem::remove(bound + "-first");
  std::filesystem::remove(bound + "-second");
}

TEST(ManagerProcess, AHostIsTriedAtEachOfItsAddresses) {
  for (const std::string host : {"127.0.0.1", "[::1]"}) {
    std::optional<Manager> m;
    try {
      m.emplace(ManagerOptions{.backend = "tcp", .address = host + ":0"});
    } catch (const std::system_error&) {
      continue;  // there is no IPv6 here
    }
    const std::string port = m->address().substr(m->address().rfind(':'));
    Manager other({.backend = "tcp", .address = "localhost" + port, .start = false});
    try {
      other.connect();
      EXPECT_EQ(other.list(list({1})).size(), 1u);
    } catch (const std::system_error&) {
      EXPECT_NE(host, "127.0.0.1") << "localhost need not be [::1] too";
    }
  }
}

TEST(ManagerProcess, ASocketIsItsUsersAlone) {
  Manager m;
  const std::filesystem::path path = m.address();
  struct stat status;
  ASSERT_EQ(lstat(path.c_str(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(lstat(path.parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  m.shutdown();
  EXPECT_FALSE(std::filesystem::exists(path.parent_path())) << "nothing is left";
}

TEST(ManagerProcess, WhatAKilledServerAndItsKilledCreatorLeftGoesWithTheNextStart) {
  auto [here, there] = Pipe(false);
  std::string path;
  {
    Running creator([&out = there] {
      Manager m;
      out.send(list({m.address(), m.pid().value()}));
      for (;;) pause();
    });
    const Object what = here.recv();
    path = what[0].as_text();
    EXPECT_TRUE(std::filesystem::exists(path));  // afterwards any manager's start may remove it
    kill(creator->pid().value(), SIGSTOP);       // it removes nothing
    kill(static_cast<pid_t>(what[1].as_integer()), SIGKILL);
  }
  const auto is_there = [&] {
    try {
      return ManagerRegistry::get("unix_socket").connect(path) != nullptr;
    } catch (const std::system_error&) {
      return false;
    }
  };
  for (const Deadline hang = deadline_of(kHang); is_there() && !hang.passed();) {
    std::this_thread::yield();
  }
  Manager next;
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace ipc
