// SPDX-License-Identifier: MIT
// pipe_latency: how long does a message take there and back?
//
//   ping --message--> pong     one message under way, each round trip stamped by ping
//        <--answer---
#include "bench/harness/pipe_peers.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> start(const PipeEntry& entry, const Keys& keys, const RunOptions& options) {
  const auto pipe = make_pipe_backend(entry, keys, options, true);
  TeamPlan plan = pipe_plan(pipe, keys);
  plan.clock = Clock::first_role;
  plan.round_trips = std::make_shared<Shared<Histogram>>();
  plan.producers = {{.name = "ping", .open = [pipe, times = plan.round_trips]() -> Job {
                       return [end = open_side(*pipe, 0), check = SequenceCheck(),
                               times](const LoopPlan& batch) mutable {
                         return end->ping(*end, batch, check, **times);
                       };
                     }}};
  if (!entry.traits.transports) return std::make_unique<Team>(std::move(plan), options);
  plan.consumers = {{.name = "pong", .open = [pipe]() -> Job {
                       return [end = open_side(*pipe, 1),
                               check = SequenceCheck()](const LoopPlan& batch) mutable {
                         return end->pong(*end, batch, check);
                       };
                     }}};
  return std::make_unique<Team>(std::move(plan), options);
}

const RegisterQuestion registered([] {
  return pipe_series("pipe_latency", Metric::latency, start);
});

}  // namespace
}  // namespace ipc::bench
