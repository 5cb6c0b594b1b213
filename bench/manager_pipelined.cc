// SPDX-License-Identifier: MIT
// manager_pipelined: how many calls a second does a manager's server answer, 16 of them in a
// message?
//
//   client --16 x (object, operation, arguments)--> server     a message is one call
//   client <-----------16 x (result)--------------- server
//
// As in manager_call, with which it is compared, each client has an object of its own; what it gets
// is checked in each batch of calls.
#include <algorithm>

#include "bench/harness/manager_peers.h"
#include "impl/manager/batch.h"

namespace ipc::bench {
namespace {

constexpr std::uint64_t kTogether = 16;

// Sixteen by sixteen: `add` puts the call of that number in the batch, `check` looks at its result.
template <class Add, class Check, class Look>
Job together(Add add, Check check, Look look) {
  return whole(
      [add, check](const LoopPlan& plan) {
        Batch batch;
        for (std::uint64_t done = 0; done < plan.messages;) {
          const std::uint64_t end = std::min(plan.messages, done + kTogether);
          for (std::uint64_t i = done; i < end; ++i) add(batch, i);
          const BatchResults results = batch.run();
          for (std::size_t k = 0; done < end; ++done, ++k) check(results.get(k));
        }
      },
      [look](const LoopPlan& plan) { look(plan.messages); });
}

void expect_none(const Object& result) { expect(result.is_none()); }

Job dict_get(const Manager& m) {
  const Object value = value_of(1, 0);
  return together([d = m.dict(Object::dict({{"key", value}}))](
                      Batch& batch, std::uint64_t) { batch.call(d, "get", {"key"}); },
                  [value](const Object& result) { expect(result == value); }, [](std::uint64_t) {});
}
Job dict_set(const Manager& m) {
  const auto d = m.dict();
  return together(
      [d](Batch& batch, std::uint64_t i) {
        batch.call(d, "set", {"key", value_of(i, 0)});
      },
      expect_none,
      [d](std::uint64_t messages) { expect(d.at("key") == value_of(messages - 1, 0)); });
}
Job list_append(const Manager& m) {
  const auto l = m.list();
  return together([l](Batch& batch, std::uint64_t i) { batch.call(l, "append", {value_of(i, 0)}); },
                  expect_none,
                  [l](std::uint64_t messages) {
                    expect(l.size() == messages && l[-1] == value_of(messages - 1, 0));
                    l.del(SliceOf{});
                  });
}

struct Operation {
  const char* name;
  const char* calls;  // what the backend must do
  Job (*open)(const Manager&);
};
constexpr Operation kOperations[] = {{"dict_get", "dict.get", dict_get},
                                     {"dict_set", "dict.set", dict_set},
                                     {"list_append", "list.append", list_append}};

const RegisterQuestion registered([] {
  std::vector<Series> series;
  for (const auto& [name, entry] : ManagerRegistry::entries()) {
    for (const Operation& operation : kOperations) {
      for (const Placement placement : kPlacements) {
        series.push_back(
            manager_series("manager_pipelined", entry, {operation.calls, "together"},
                           {.op = operation.name, .clients = 1, .placement = placement},
                           on_a_manager(operation.open)));
      }
    }
  }
  return series;
});

}  // namespace
}  // namespace ipc::bench
