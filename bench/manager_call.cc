// SPDX-License-Identifier: MIT
// manager_call: how many calls a second does a manager's server answer?
//
//   client --(object, operation, arguments)--> server     a message is one call; of lock_cycle and
//   client <-------------(result)------------- server     queue_put_get the two that it consists of
//
// Each client has an object of its own in the one server, and a connection of its own to it. What
// it gets is checked in each call, what it has set after each batch.
#include "bench/harness/manager_peers.h"

namespace ipc::bench {
namespace {

constexpr std::int64_t kItems = 1000;  // in a list

// Calls with their numbers, and a look at what came of so many of them.
template <class Call, class Look>
Job calls(Call call, Look look) {
  return whole(
      [call](const LoopPlan& batch) {
        for (std::uint64_t i = 0; i < batch.messages; ++i) call(i);
      },
      [look](const LoopPlan& batch) { look(batch.messages); });
}
template <class Call>
Job calls(Call call) {
  return calls(call, [](std::uint64_t) {});
}

std::int64_t number(std::uint64_t i) { return static_cast<std::int64_t>(i); }

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
  const char* calls;  // what the backend must do
  bool has_payload;
  Job (*open)(const Manager&, std::size_t bytes);
};
constexpr Operation kOperations[] = {{"dict_get", "dict.get", true, dict_get},
                                     {"dict_set", "dict.set", true, dict_set},
                                     {"list_append", "list.append", false, list_append},
                                     {"list_index", "list.get", false, list_index},
                                     {"namespace_set", "Namespace.set", false, namespace_set},
                                     {"value_set", "Value.set", false, value_set},
                                     {"lock_cycle", "Lock.acquire", false, lock_cycle},
                                     {"queue_put_get", "Queue.put", false, queue_put_get},
                                     {"event_wait", "Event.wait", false, event_wait}};
constexpr std::size_t kPayloads[] = {64, 4096, 65536, 1048576};

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

Series cell(const ManagerEntry& entry, const Operation& operation, const Keys& keys) {
  return manager_series("manager_call", entry, {operation.calls}, keys,
                        on_a_manager([open = operation.open, bytes = keys.bytes](const Manager& m) {
                          return open(m, bytes);
                        }));
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
