// SPDX-License-Identifier: MIT
// queue_latency: how long does a message take there and back over two queues?
//
//   ping --requests--> pong     one message under way, each round trip stamped by ping
//        <--answers---
#include "bench/harness/queue_peers.h"

namespace ipc::bench {
namespace {

// One peer's ends of both queues.
struct Ends {
  std::shared_ptr<AnyEndpoint> requests;
  std::shared_ptr<AnyEndpoint> answers;
};

std::unique_ptr<Team> start(const QueueEntry& entry, const Keys& keys, const RunOptions& options) {
  const auto requests = make_queue_backend(entry, keys, options);
  const auto answers =
      entry.traits.transports ? make_queue_backend(entry, keys, options) : requests;
  const auto open = [requests, answers]() -> Ends {
    Ends ends{requests->open(), nullptr};
    ends.answers = answers == requests ? ends.requests : answers->open();
    return ends;
  };
  TeamPlan plan = queue_plan(keys, {requests, answers});
  plan.clock = Clock::first_role;
  plan.capacity_bytes = queue_capacity(entry, *requests, keys, options);
  plan.round_trips = std::make_shared<Shared<Histogram>>();
  plan.producers = {{.name = "ping", .open = [open, times = plan.round_trips]() -> Job {
                       return [ends = open(), check = SequenceCheck(),
                               times](const LoopPlan& batch) mutable {
                         return ends.requests->ping(*ends.answers, batch, check, **times);
                       };
                     }}};
  if (!entry.traits.transports) return std::make_unique<Team>(std::move(plan), options);
  plan.consumers = {{.name = "pong", .open = [open]() -> Job {
                       return
                           [ends = open(), check = SequenceCheck()](const LoopPlan& batch) mutable {
                             return ends.requests->pong(*ends.answers, batch, check);
                           };
                     }}};
  return std::make_unique<Team>(std::move(plan), options);
}

const RegisterQuestion registered([] {
  return queue_series("queue_latency", Metric::latency, {{0, 0}}, start);
});

}  // namespace
}  // namespace ipc::bench
