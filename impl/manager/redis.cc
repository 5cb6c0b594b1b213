// SPDX-License-Identifier: MIT
// redis: no server of ours but Redis, as a child of a manager's server process, which each client
// calls itself: what an operation is there, one command or a script, redis_operations.h and
// redis_containers.h say. Kernel objects: a socket file as unix_socket's, in each process as many
// connections as threads have called at the same time. Wait class: block. Source: Redis 6.2 or
// later (redis.io), hiredis.
//
// Limits: it has list, dict, Value, Lock and Queue, of these not all operations, and no types of
// one's own. An object stays until the server's end, for nobody counts who has it; so a value with
// a handle, of a proxy or a connection, is refused. Nobody knows who holds a lock: it stays locked
// when its holder is killed. What was taken for a process that was killed just then is lost. Keys:
// canonical_key.h. A queue is of 2^20 items at most, or of any number. A wait ends up to 10 ms
// late. Results have no longest. The password, made of the key, is told to who listens at the
// address.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <span>
#include <utility>

#include "impl/codec/utf8.h"
#include "impl/manager/authentication.h"
#include "impl/manager/backend.h"
#include "impl/manager/canonical_key.h"
#include "impl/manager/redis_operations.h"
#include "impl/manager/redis_server.h"
#include "impl/manager/server.h"
#include "impl/manager/stores.h"
#include "impl/manager/unix_listener.h"

namespace ipc {
namespace {

using detail::RedisCall;
using detail::RedisConnection;
using detail::RedisReply;

std::string password_of(const std::string& key) { return detail::password_for("redis", key); }

// The address is taken as that of unix_socket, before there is a server of Redis, which would take
// it from anybody; that one listens beside it, and is then put in its place.
class RedisHost final : public AnyHost {
 public:
  explicit RedisHost(const std::string& address)
      : listener_(address), beside_(listener_.address() + "." + std::to_string(getpid())) {}

  std::string address() const override { return listener_.address(); }
  void begin(detail::Server& server) override {
    std::vector<detail::Words> commands{
        {"SET", detail::kRedisNumber, std::to_string(detail::new_redis_number())}};
    for (const detail::RedisScript* const each : detail::RedisScripts::all().each()) {
      commands.push_back({"SCRIPT", "LOAD", each->text()});
    }
    redis_.emplace(beside_, password_of(server.key()), commands);
    if (rename(beside_.c_str(), address().c_str()) != 0) throw_errno("rename " + beside_);
    listener_.close();
  }
  void serve(detail::Server& server, int creator) override {
    detail::wait_for_end(server, creator, redis_->pidfd());
    redis_->end();
    remove();
  }
  void leave() override { listener_.close(); }
  void remove() noexcept override {
    unlink(beside_.c_str());
    listener_.remove();
  }

 private:
  UnixListener listener_;
  const std::string beside_;
  std::optional<detail::RedisServer> redis_;  // in the server's process
};

class RedisStore final : public AnyStore {
 public:
  RedisStore(StorePlace place, std::string key) : AnyStore(std::move(place)), key_(std::move(key)) {
    detail::RedisScripts::all();
  }

  void connect(const std::string& key) override {
    const std::lock_guard hold(mutex_);
    idle_.push_back(open_locked(key));
    key_ = key;
  }
  Object call(std::uint64_t object, std::string_view operation, Object::List arguments,
              Deadline deadline) override;

  void before_fork() override { mutex_.lock(); }
  void after_fork_in_parent() override { mutex_.unlock(); }
  void after_fork_in_child() override {
    for (RedisConnection* const each : busy_) each->close_only();
    busy_.clear();
    idle_.clear();
    mutex_.unlock();
  }

 private:
  using Connection = std::unique_ptr<RedisConnection>;
  class Lease;

  Connection take();
  Connection open_locked(const std::string& key);
  void give_back(Connection connection, bool is_good);
  Object call_itself(std::string_view operation, Object::List arguments, Deadline deadline);
  Object create(std::string_view type, Object::List arguments);
  Object together(Object::List calls, Deadline deadline);

  mutable std::mutex mutex_;
  std::string key_;
  std::uint64_t server_ = 0;  // whose connections the idle ones are
  std::vector<Connection> idle_;
  std::vector<RedisConnection*> busy_;  // each is its lease's
};

// A connection in a call. One whose call is not over goes: who knows what is on it.
class RedisStore::Lease {
 public:
  explicit Lease(RedisStore& store) : store_(store), connection_(store.take()) {}
  ~Lease() { store_.give_back(std::move(connection_), is_over_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  std::uint64_t server() const { return connection_->server(); }
  // In one message and back, but for each that waits for a while: what is behind it has less time.
  std::vector<RedisReply> replies_to(std::span<const RedisCall> calls, Deadline deadline);

 private:
  void exchange(std::vector<int>& counts, std::vector<RedisReply>& replies);

  RedisStore& store_;
  Connection connection_;
  bool is_over_ = true;
};

std::vector<RedisReply> RedisStore::Lease::replies_to(std::span<const RedisCall> calls,
                                                      Deadline deadline) {
  is_over_ = false;
  std::vector<int> counts;
  std::vector<RedisReply> replies;
  for (const RedisCall& each : calls) {
    counts.push_back(each.append_to(*connection_, deadline));
    if (each.waits && !deadline.is_never()) exchange(counts, replies);
  }
  exchange(counts, replies);
  is_over_ = true;
  return replies;
}

// The last of so many replies of each call.
void RedisStore::Lease::exchange(std::vector<int>& counts, std::vector<RedisReply>& replies) {
  bool is_there = connection_->send();
  for (const int count : std::exchange(counts, {})) {
    RedisReply reply;
    for (int i = 0; i < count && is_there; ++i) {
      reply = connection_->receive();
      is_there = reply != nullptr;
    }
    replies.push_back(std::move(reply));
  }
  if (!is_there) throw ServerGone("the manager at " + store_.place().address + " is gone");
}

RedisStore::Connection RedisStore::take() {
  const std::lock_guard hold(mutex_);
  try {
    Connection taken;
    if (idle_.empty()) {
      taken = open_locked(key_);
    } else {
      taken = std::move(idle_.back());
      idle_.pop_back();
    }
    busy_.push_back(taken.get());
    return taken;
  } catch (const std::system_error& error) {
    throw ServerGone("the manager at " + place().address + " is gone: " + error.what());
  }
}

// Another server at the same place is not that of the others.
RedisStore::Connection RedisStore::open_locked(const std::string& key) {
  auto made = std::make_unique<RedisConnection>(place().address, password_of(key));
  if (std::exchange(server_, made->server()) != made->server()) idle_.clear();
  return made;
}

// Where one has come to a bad end, the others have most likely had the same.
void RedisStore::give_back(Connection connection, bool is_good) {
  const std::lock_guard hold(mutex_);
  std::erase(busy_, connection.get());
  if (!is_good) {
    idle_.clear();
  } else if (connection->server() == server_) {
    idle_.push_back(std::move(connection));
  }
}

Object RedisStore::call(std::uint64_t object, std::string_view operation, Object::List arguments,
                        Deadline deadline) {
  for (const Object& each : arguments) detail::refuse_handles(each);
  if (object == detail::kServer) return call_itself(operation, std::move(arguments), deadline);
  Lease lease(*this);
  const RedisCall called =
      detail::redis_call(lease.server(), object, operation, std::move(arguments));
  return called.result_of(*lease.replies_to({&called, 1}, deadline).front());
}

Object RedisStore::call_itself(std::string_view operation, Object::List arguments,
                               Deadline deadline) {
  if (operation == "refer" || operation == "release") return {};
  if (operation == "address") return place().address;
  if (operation == detail::kTogether) return together(std::move(arguments), deadline);
  if (operation != "create") {
    throw RemoteError("no operation '" + std::string(operation) + "' of the server");
  }
  if (arguments.size() != 2) throw TypeError("create takes a type and a list");
  return create(arguments[0].as_text(), std::move(arguments[1].as_list()));
}

Object RedisStore::create(std::string_view type, Object::List arguments) {
  Lease lease(*this);
  const RedisCall made = detail::redis_creation(lease.server(), type, std::move(arguments));
  const Object number = made.result_of(*lease.replies_to({&made, 1}, Deadline::never()).front());
  return detail::proxy_of(shared_from_this(), type, number.as_unsigned());
}

// Of a batch. One that is none keeps its place.
RedisCall call_among_others(std::uint64_t server, Object::List& parts) {
  try {
    return detail::redis_call(server, parts[0].as_unsigned(), parts[1].as_text(),
                              std::move(parts[2].as_list()));
  } catch (const std::exception&) {
    return {.command = {"PING"},
            .result = [error = std::current_exception()](const redisReply&) -> Object {
              std::rethrow_exception(error);
            }};
  }
}

Object result_among_others(const RedisCall& call, const redisReply& reply) {
  try {
    return Object::list(Object::pack(call.result_of(reply)));
  } catch (const std::exception& error) {
    const detail::NamedError what = detail::named(error);
    return Object::list({what.name, as_utf8(what.text)});
  }
}

Object RedisStore::together(Object::List calls, Deadline deadline) {
  Lease lease(*this);
  std::vector<RedisCall> made;
  for (Object& each : calls) {
    if (each.as_list().size() != 3) {
      throw TypeError("a call is an object, an operation and arguments");
    }
    made.push_back(call_among_others(lease.server(), each.as_list()));
  }
  const std::vector<RedisReply> replies = lease.replies_to(made, deadline);
  Object::List results;
  for (std::size_t i = 0; i < made.size(); ++i) {
    results.push_back(result_among_others(made[i], *replies[i]));
  }
  return Object::list(std::move(results));
}

std::optional<std::string> why_unavailable() {
  if (detail::redis_program()) return std::nullopt;
  return "there is neither redis-server nor redis-check-rdb in PATH (redis-tools)";
}

std::vector<std::string> operations() {
  std::vector<std::string> all = detail::redis_operations();
  all.emplace_back(detail::kTogether);
  return all;
}

const Traits kTraits{
    .summary =
        "a server of Redis, which clients call themselves; one connection for each call at "
        "a time",
    .source = "redis.io; hiredis",
    .wait_class = WaitClass::block,
    .max_message = kLongestMessage,
    .producers = kMany,
    .consumers = kMany,
    .on_kill =
        "a client's locks stay locked, and what was taken for it just then is lost; a "
        "server's clients get ServerGone at once",
    .leftovers = "a socket in a directory of its own, until the next manager starts",
    .needs = "Linux, Redis 6.2 (redis-tools has it, too)",
    .available = why_unavailable};

const bool registered = [] {
  ManagerRegistry::add(
      {.name = "redis",
       .traits = kTraits,
       .operations = operations(),
       .make = [](const std::string& address) { return std::make_unique<RedisHost>(address); },
       .open = [](const StorePlace& place,
                  const std::string& key) { return std::make_shared<RedisStore>(place, key); }});
  return true;
}();

}  // namespace
}  // namespace ipc
