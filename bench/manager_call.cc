// SPDX-License-Identifier: MIT
// manager_call: how many calls a second does a manager's server answer?
//
//   client --(object, operation, arguments)--> server     a message is one call; of lock_cycle and
//   client <-------------(result)------------- server     queue_put_get the two that it consists of
//
// Each client has an object of its own in the one server, and a connection of its own to it. What
// it gets is checked in each call, what it has set after each batch.
#include <sys/eventfd.h>
#include <unistd.h>

#include <stdexcept>

#include "bench/harness/program.h"
#include "impl/manager/backend.h"
#include "impl/manager/containers.h"
#include "impl/manager/locks.h"
#include "impl/manager/manager.h"
#include "impl/manager/rendezvous.h"
#include "impl/manager/server.h"
#include "impl/manager/values.h"
#include "impl/os/affinity.h"
#include "impl/os/deadline.h"
#include "impl/os/error.h"
#include "impl/os/unique_fd.h"

namespace ipc::bench {
namespace {

constexpr const char* kKey = "of this benchmark";
constexpr std::int64_t kItems = 1000;  // in a list

void expect(bool holds) {
  if (!holds) throw std::runtime_error("a call gave another result than it should");
}

// Calls with their numbers, and a look at what came of them that is not in the batch's time.
template <class Call, class Look>
Job calls(Call call, Look look) {
  return [call, look](const LoopPlan& batch) {
    LoopResult result;
    result.begin_ns = monotonic_ns();
    for (std::uint64_t i = 0; i < batch.messages; ++i) call(i);
    result.end_ns = monotonic_ns();
    result.messages = batch.messages;
    look(batch.messages);
    return result;
  };
}
template <class Call>
Job calls(Call call) {
  return calls(call, [](std::uint64_t) {});
}

std::int64_t number(std::uint64_t i) { return static_cast<std::int64_t>(i); }

// Of so many bytes; without any, a number. Two that follow each other differ.
Object value_of(std::uint64_t i, std::size_t bytes) {
  if (bytes == 0) return number(i);
  return Object::bytes(std::vector<std::byte>(bytes, static_cast<std::byte>(i % 2)));
}

Job dict_get(const Manager& m, std::size_t bytes) {
  const Object value = value_of(1, bytes);
  return calls([d = m.dict(Object::dict({{"key", value}})), value](std::uint64_t) {
    expect(d.at("key") == value);
  });
}
Job dict_set(const Manager& m, std::size_t bytes) {
  const auto d = m.dict();
  const Object values[] = {value_of(0, bytes), value_of(1, bytes)};
  return calls([d, even = values[0],
                odd = values[1]](std::uint64_t i) { d.set("key", i % 2 == 0 ? even : odd); },
               [d, even = values[0], odd = values[1]](std::uint64_t messages) {
                 expect(d.at("key") == (messages % 2 == 1 ? even : odd));
               });
}
Job list_append(const Manager& m, std::size_t) {
  const auto l = m.list();
  return calls([l](std::uint64_t i) { l.append(number(i)); },
               [l](std::uint64_t messages) {
                 expect(l.size() == messages && l[-1] == Object(number(messages - 1)));
                 l.del(SliceOf{});
               });
}
Job list_index(const Manager& m, std::size_t) {
  Object::List items;
  for (std::int64_t i = 0; i < kItems; ++i) items.push_back(i);
  return calls([l = m.list(Object::list(std::move(items)))](std::uint64_t i) {
    expect(l.get(number(i) % kItems) == Object(number(i) % kItems));
  });
}
Job namespace_set(const Manager& m, std::size_t) {
  const auto n = m.name_space();
  return calls([n](std::uint64_t i) { n.set("x", number(i)); },
               [n](std::uint64_t messages) { expect(n.get("x") == Object(number(messages - 1))); });
}
Job value_set(const Manager& m, std::size_t) {
  const auto v = m.value("q", 0);
  return calls([v](std::uint64_t i) { v.set(number(i)); },
               [v](std::uint64_t messages) { expect(v.get() == Object(number(messages - 1))); });
}
Job lock_cycle(const Manager& m, std::size_t) {
  return calls([lock = m.lock()](std::uint64_t) {
    expect(lock.acquire());
    lock.release();
  });
}
Job queue_put_get(const Manager& m, std::size_t) {
  return calls([q = m.queue()](std::uint64_t i) {
    q.put(number(i));
    expect(q.get() == Object(number(i)));
  });
}
Job event_wait(const Manager& m, std::size_t) {
  const auto event = m.event();
  event.set();
  return calls([event](std::uint64_t) { expect(event.wait()); });
}

struct Operation {
  const char* name;
  bool has_payload;
  Job (*open)(const Manager&, std::size_t bytes);
};
constexpr Operation kOperations[] = {{"dict_get", true, dict_get},
                                     {"dict_set", true, dict_set},
                                     {"list_append", false, list_append},
                                     {"list_index", false, list_index},
                                     {"namespace_set", false, namespace_set},
                                     {"value_set", false, value_set},
                                     {"lock_cycle", false, lock_cycle},
                                     {"queue_put_get", false, queue_put_get},
                                     {"event_wait", false, event_wait}};
constexpr std::size_t kPayloads[] = {64, 4096, 65536, 1048576};

// A server at the place where it will be; it listens from now on.
class Server {
 public:
  explicit Server(const ManagerEntry& entry)
      : host_(entry.make("")),
        place_{entry.name, host_->address()},
        stop_(eventfd(0, EFD_CLOEXEC)),
        owner_(getpid()) {
    if (!stop_) throw_errno("eventfd");
  }
  ~Server() {
    if (getpid() == owner_) host_->remove();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // In its process, until that is killed.
  void serve() {
    auto* const server = new detail::Server(place_, kKey,
                                            {{"dict", detail::make_dict},
                                             {"list", detail::make_list},
                                             {"Namespace", detail::make_namespace},
                                             {"Value", detail::make_value},
                                             {"Lock", detail::make_lock},
                                             {"Queue", detail::make_queue},
                                             {"Event", detail::make_event}},
                                            stop_.get());
    server->set_here();
    host_->serve(*server, -1);
  }
  std::shared_ptr<Manager> connect() const {
    auto manager = std::make_shared<Manager>(ManagerOptions{
        .backend = place_.backend, .address = place_.address, .authkey = kKey, .start = false});
    manager->connect();
    return manager;
  }

 private:
  const std::unique_ptr<AnyHost> host_;
  const StorePlace place_;
  const UniqueFd stop_;
  const pid_t owner_;
};

std::unique_ptr<Team> start(const ManagerEntry& entry, const Operation& operation, const Keys& keys,
                            const RunOptions& options) {
  const auto server = std::make_shared<Server>(entry);
  TeamPlan plan;
  plan.bytes = keys.bytes;
  plan.placement = *keys.placement;
  plan.clock = Clock::all;
  plan.backend = server;
  plan.helpers = {{.name = "server", .serve = [server] { server->serve(); }}};
  for (int i = 0; i < keys.clients; ++i) {
    plan.producers.push_back({.name = "client " + std::to_string(i),
                              .number = static_cast<std::uint32_t>(i),
                              .share = keys.clients,
                              .open = [server, open = operation.open, bytes = keys.bytes]() -> Job {
                                const auto manager = server->connect();
                                return [manager, job = open(*manager, bytes)](
                                           const LoopPlan& batch) { return job(batch); };
                              }});
  }
  return std::make_unique<Team>(std::move(plan), options);
}

const RegisterBackends registered_backends(backends_of<ManagerRegistry>);

Series cell(const ManagerEntry& entry, const Operation& operation, const Keys& keys) {
  std::optional<std::string> skip = entry.traits.available();
  if (keys.placement == Placement::cross && allowed_cpus().size() < 2) {
    skip = "there is only one CPU to run on";
  }
  return {.question = "manager_call",
          .backend = entry.name,
          .keys = keys,
          .metric = Metric::throughput,
          .wait_class = std::string(to_string(entry.traits.wait_class)),
          .skip = skip,
          .start = [&entry, operation, keys](const RunOptions& options) {
            return start(entry, operation, keys, options);
          }};
}

// Payloads of one client; several clients where the scheduler puts them.
std::vector<Keys> cells_of(const Operation& operation) {
  std::vector<Keys> all;
  for (const Placement placement : kPlacements) {
    all.push_back({.op = operation.name, .clients = 1, .placement = placement});
    if (!operation.has_payload) continue;
    for (const std::size_t bytes : kPayloads) {
      all.push_back({.bytes = bytes, .op = operation.name, .clients = 1, .placement = placement});
    }
  }
  for (const int clients : {2, 4}) {
    all.push_back({.op = operation.name, .clients = clients, .placement = Placement::free});
  }
  return all;
}

const RegisterQuestion registered([] {
  std::vector<Series> series;
  for (const auto& [name, entry] : ManagerRegistry::entries()) {
    for (const Operation& operation : kOperations) {
      for (const Keys& keys : cells_of(operation)) series.push_back(cell(entry, operation, keys));
    }
  }
  return series;
});

}  // namespace
}  // namespace ipc::bench
