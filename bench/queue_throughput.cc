// SPDX-License-Identifier: MIT
// queue_throughput: how many messages a second go through one queue that several processes share?
//
//   producer 0 --\           /--> consumer 0
//                 >-- queue --                  each message to one consumer, until the last has
//                 the last one
//   producer 1 --/           \--> consumer 1
#include "bench/harness/queue_peers.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> start(const QueueEntry& entry, const Keys& keys, const RunOptions& options) {
  const auto queue = make_queue_backend(entry, keys, options);
  TeamPlan plan = queue_plan(keys, {queue});
  plan.clock = Clock::stream;
  plan.capacity_bytes = queue_capacity(entry, *queue, keys, options);
  for (int i = 0; i < keys.producers; ++i) {
    plan.producers.push_back({.name = "producer " + std::to_string(i),
                              .number = static_cast<std::uint32_t>(i),
                              .share = keys.producers,
                              .open = [queue]() -> Job {
                                return
                                    [end = std::shared_ptr(queue->open())](const LoopPlan& batch) {
                                      return end->stream_out(batch);
                                    };
                              }});
  }
  const Arrival arrival = !entry.traits.ordered ? Arrival::any
                          : keys.consumers == 1 ? Arrival::consecutive
                                                : Arrival::increasing;
  for (int i = 0; i < keys.consumers; ++i) {
    plan.consumers.push_back({.name = "consumer " + std::to_string(i),
                              .share = keys.consumers,
                              .arrival = arrival,
                              .open = [queue]() -> Job {
                                return [end = std::shared_ptr(queue->open()),
                                        check = SequenceCheck()](const LoopPlan& batch) mutable {
                                  return end->stream_in(batch, check);
                                };
                              }});
  }
  return std::make_unique<Team>(std::move(plan), options);
}

const RegisterQuestion registered([] {
  return queue_series("queue_throughput", Metric::throughput,
                      {{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 4}}, start);
});

}  // namespace
}  // namespace ipc::bench
