// SPDX-License-Identifier: MIT
// What questions share whose message is an operation of one peer, with nobody at the other end.
#pragma once

#include <utility>

#include "bench/harness/program.h"
#include "impl/os/deadline.h"

namespace ipc::bench {

// A batch that is done by one call, and a look at what came of it that is not in its time.
template <class Operation, class Look>
Job whole(Operation operation, Look look) {
  return [operation, look](const LoopPlan& batch) mutable {
    LoopResult result;
    result.begin_ns = monotonic_ns();
    operation(batch);
    result.end_ns = monotonic_ns();
    result.messages = batch.messages;
    look(batch);
    return result;
  };
}
template <class Operation>
Job whole(Operation operation) {
  return whole(std::move(operation), [](const LoopPlan&) {});
}

// A batch of one operation, again and again.
template <class Operation>
Job repeat(Operation operation) {
  return whole([operation](const LoopPlan& batch) mutable {
    for (std::uint64_t i = 0; i < batch.messages; ++i) operation();
  });
}

// One peer, which does what `open` makes; its batches are divisible by `multiple`.
inline std::unique_ptr<Team> alone(const Keys& keys, const RunOptions& options,
                                   std::function<Job()> open, bool has_children = false,
                                   int multiple = 1) {
  TeamPlan plan;
  plan.bytes = keys.bytes;
  plan.placement = keys.placement.value_or(Placement::same);
  plan.producers = {{.name = "worker", .has_children = has_children, .open = std::move(open)}};
  plan.multiple = multiple;
  return std::make_unique<Team>(std::move(plan), options);
}

}  // namespace ipc::bench
