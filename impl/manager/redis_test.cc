// SPDX-License-Identifier: MIT
// What is particular to a manager in Redis: who ends with whom and what they leave, what cannot be
// kept there, and whose a connection is. Each case starts a server. What it has in common with the
// others, the tests of the types say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <sstream>

#include "impl/manager/authentication.h"
#include "impl/manager/batch.h"
#include "impl/manager/over_backends_test.h"
#include "impl/os/child.h"
#include "impl/pipe/pipe.h"
#include "impl/queue/queue_core.h"

namespace ipc {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

class ManagerRedisProcesses : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::ranges::count(usable_backends<ManagerRegistry>(), "redis")) {
      GTEST_SKIP() << "there is no Redis here";
    }
    m.emplace(options());
  }
  static ManagerOptions options() { return {.backend = "redis"}; }

  std::optional<Manager> m;
};

// A process that its end can be waited for, though it is not this one's child.
struct Watched {
  explicit Watched(pid_t a_pid) : pid(a_pid), pidfd(open_pidfd(a_pid)) {}
  bool has_ended() const { return poll_until(pidfd.get(), POLLIN, deadline_of(kHang)) > 0; }

  pid_t pid;
  UniqueFd pidfd;
};

Watched server_of(const Manager& manager) { return Watched(manager.pid().value()); }

Watched redis_of(const Watched& server) {
  const std::string pid = std::to_string(server.pid);
  std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
  pid_t child = 0;
  children >> child;
  return Watched(child);
}

std::filesystem::path folder_of(const std::string& address) {
  return std::filesystem::path(address).parent_path();
}

TEST_F(ManagerRedisProcesses, NothingIsLeftAfterShutdown) {
  const Watched redis = redis_of(server_of(*m));
  EXPECT_TRUE(std::filesystem::exists(m->address()));
  m->shutdown();
  EXPECT_TRUE(redis.has_ended());
  EXPECT_FALSE(std::filesystem::exists(folder_of(m->address())));
}

TEST_F(ManagerRedisProcesses, NothingIsLeftWhenItsServerIsKilled) {
  const Watched server = server_of(*m);
  const Watched redis = redis_of(server);
  const auto d = m->dict();
  kill(server.pid, SIGKILL);
  EXPECT_TRUE(redis.has_ended());
  EXPECT_THROW(d.size(), ServerGone);
  EXPECT_THROW(d.size(), ServerGone) << "nor does it connect again";
  m->shutdown();
  EXPECT_FALSE(std::filesystem::exists(folder_of(m->address())));
}

TEST_F(ManagerRedisProcesses, NothingIsLeftWhenRedisIsKilledAndWhoWaitsSeesIt) {
  const Watched server = server_of(*m);
  const auto q = m->queue();
  const auto sized = m->queue(1);
  const auto waiting = [](const QueueProxy& queue) {
    return in_thread([queue] { EXPECT_THROW(queue.get(true, kHang), ServerGone); });
  };
  auto first = waiting(q);
  auto second = waiting(sized);
  EXPECT_FALSE(is_over(first, kBrief));
  EXPECT_FALSE(is_over(second, 0));
  kill(redis_of(server).pid, SIGKILL);
  first.get();
  second.get();
  EXPECT_TRUE(server.has_ended());
  EXPECT_FALSE(std::filesystem::exists(folder_of(m->address())));
}

// Of a manager in a process that can be killed: its address, and its server's pid.
class Creator {
 public:
  explicit Creator(const ManagerOptions& options)
      : there_([this, options] {
          manager_.emplace(options);
          return list({manager_->address(), manager_->pid().value()});
        }) {}

  std::string address() const { return there_.told()[0].as_text(); }
  Watched server() const { return Watched(static_cast<pid_t>(there_.told()[1].as_integer())); }
  void kill() { there_.kill(); }

 private:
  std::optional<Manager> manager_;  // in that process
  There there_;
};

TEST_F(ManagerRedisProcesses, NothingIsLeftWhenItsCreatorIsKilled) {
  Creator creator(options());
  const Watched server = creator.server();
  const Watched redis = redis_of(server);
  creator.kill();
  EXPECT_TRUE(server.has_ended());
  EXPECT_TRUE(redis.has_ended());
  EXPECT_FALSE(std::filesystem::exists(folder_of(creator.address())));
}

TEST_F(ManagerRedisProcesses, WhatIsLeftWhenAllAreKilledTheNextOneRemoves) {
  Creator creator(options());
  const Watched redis = redis_of(creator.server());
  std::ofstream(folder_of(creator.address()) / "another");
  kill(creator.server().pid, SIGSTOP);  // it does nothing any more
  creator.kill();
  kill(creator.server().pid, SIGKILL);
  EXPECT_TRUE(redis.has_ended());
  EXPECT_TRUE(std::filesystem::exists(creator.address()));
  const Manager next(options());
  EXPECT_FALSE(std::filesystem::exists(folder_of(creator.address())));
  EXPECT_EQ(m->dict().size(), 0u) << "that of another is there still";
}

TEST_F(ManagerRedisProcesses, NobodySeesThePassword) {
  const std::string password = detail::password_for("redis", m->authkey());
  bool is_seen = false;
  for (const auto& each : std::filesystem::directory_iterator("/proc")) {
    for (const char* const name : {"cmdline", "environ"}) {
      std::stringstream text;
      text << std::ifstream(each.path() / name).rdbuf();
      EXPECT_THAT(text.str(), testing::Not(HasSubstr(password)));
      is_seen = is_seen || text.str().find(m->address()) != std::string::npos;
    }
  }
  EXPECT_TRUE(is_seen) << "Redis itself was not looked at";
  Manager other({.backend = "redis", .address = m->address(), .authkey = "no", .start = false});
  EXPECT_THROW(other.connect(), AuthenticationError);
}

TEST_F(ManagerRedisProcesses, AnInterruptOfItsGroupDoesNotEndIt) {
  const Watched server = server_of(*m);
  EXPECT_NE(getpgid(redis_of(server).pid), getpgid(server.pid));
}

TEST_F(ManagerRedisProcesses, AnAddressThatIsAnothersIsRefused) {
  const auto d = m->dict();
  EXPECT_THROW(Manager({.backend = "redis", .address = m->address()}), std::system_error);
  EXPECT_EQ(d.size(), 0u);
}

TEST_F(ManagerRedisProcesses, ObjectsOfAnEarlierServerAreUnknown) {
  const auto old = m->list(list({1}));
  const std::string address = m->address();
  m->shutdown();
  std::filesystem::create_directory(folder_of(address));
  {
    Manager next({.backend = "redis", .address = address});
    EXPECT_EQ(next.list(list({2})).size(), 1u);
    EXPECT_THROW(old.size(), RemoteError);
  }
  std::filesystem::remove(folder_of(address));
}

TEST_F(ManagerRedisProcesses, AValueWithAHandleIsRefused) {
  const auto l = m->list();
  const auto d = m->dict();
  const auto is_refused = [](auto call) {
    EXPECT_THAT(call, ThrowsMessage<ValueError>(HasSubstr("can be kept in this manager")));
  };
  is_refused([&] { l.append(d); });
  is_refused([&] { d["x"] = list({Object::tuple({1, l})}); });
  is_refused([&] { m->list(list({l})); });
  Batch batch;
  batch.call(l, "append", {1});
  batch.call(l, "append", {l});
  is_refused([&] { batch.run(); });
  EXPECT_EQ(l.size(), 0u);
}

TEST_F(ManagerRedisProcesses, EqualKeysAreOneAndKeptAsTheInteger) {
  const auto d = m->dict(Object::dict({{true, "first"}}));
  d[1] = "second";
  d[1.0] = "third";
  EXPECT_EQ(d[true], Object("third"));
  d[Object::tuple({1.0, Object::tuple({false, 0.5})})] = "tuple";
  EXPECT_EQ(d[Object::tuple({1, Object::tuple({0, 0.5})})], Object("tuple"));
  d[-0.0] = 0;
  d[0x1p63] = 63;
  EXPECT_EQ(d[std::uint64_t{1} << 63], Object(63));
  EXPECT_EQ(d.str(), "{1: 'third', (1, (0, 0.5)): 'tuple', 0: 0, 9223372036854775808: 63}");
  EXPECT_THAT([&] { d.at(Object::tuple({list({})})); },
              ThrowsMessage<TypeError>("unhashable type: 'list'"));
}

TEST_F(ManagerRedisProcesses, AChildHasConnectionsOfItsOwn) {
  const auto q = m->queue();
  const auto l = m->list();
  auto waiting = in_thread([&] { return q.get(true, kHang); });
  EXPECT_FALSE(is_over(waiting, kBrief)) << "one connection is in use";
  EXPECT_EQ(l.size(), 0u) << "and one is not";
  const auto append = [&](int number) {
    for (int i = 0; i < 500; ++i) {
      l.append(number);
      require(m->value("i", number).get() == Object(number), "the reply is another's");
    }
  };
  Process child{[&] {
    append(1);
    q.put("from the child");
  }};
  child.start();
  append(2);
  EXPECT_EQ(end_of(child), 0);
  EXPECT_EQ(waiting.get(), Object("from the child"));
  EXPECT_EQ(l.count(1), 500u);
  EXPECT_EQ(l.count(2), 500u);
}

TEST_F(ManagerRedisProcesses, ABatchWaitsInItsOrderUntilItsDeadline) {
  const auto q = m->queue(1);
  const auto lock = m->lock();
  const auto l = m->list();
  Batch batch;
  const std::size_t put = batch.call(q, "put", {1});
  const std::size_t full = batch.call(q, "put", {2});
  const std::size_t taken = batch.call(lock, "acquire");
  const std::size_t not_taken = batch.call(lock, "acquire");
  const std::size_t got = batch.call(q, "get");
  const std::size_t empty = batch.call(q, "get");
  const std::size_t unknown = batch.call(l, "nonsense");
  const std::size_t popped = batch.call(l, "pop", {3});
  const std::size_t length = batch.call(l, "length");
  const BatchResults results = batch.run(Deadline::after(std::chrono::milliseconds(20)));
  EXPECT_EQ(results.get(put), Object());
  EXPECT_THROW(results.get(full), Full);
  EXPECT_EQ(results.get(taken), Object(true));
  EXPECT_EQ(results.get(not_taken), Object(false));
  EXPECT_EQ(results.get(got), Object(1));
  EXPECT_THROW(results.get(empty), Empty);
  EXPECT_THROW(results.get(unknown), RemoteError);
  EXPECT_THROW(results.get(popped), IndexError);
  EXPECT_EQ(results.get(length), Object(0));
  batch.call(q, "put", {3});
  batch.call(lock, "release");
  batch.call(lock, "acquire");
  const std::size_t last = batch.call(q, "get");
  EXPECT_EQ(batch.run().get(last), Object(3));
}

TEST_F(ManagerRedisProcesses, TheEntryNamesWhatThereIs) {
  const ManagerEntry& entry = ManagerRegistry::get("redis");
  EXPECT_TRUE(entry.has("dict.set"));
  EXPECT_TRUE(entry.has("Lock.acquire"));
  EXPECT_TRUE(entry.has("together"));
  EXPECT_FALSE(entry.has("dict.iterate"));
  EXPECT_FALSE(entry.has("Queue.join"));
  EXPECT_FALSE(entry.has("Event.set"));
  EXPECT_THAT([&] { m->event(); }, ThrowsMessage<RemoteError>("no type 'Event' is registered"));
  EXPECT_THAT([&] { m->list().reverse(); }, ThrowsMessage<RemoteError>("no operation 'reverse'"));
}

}  // namespace
}  // namespace ipc
