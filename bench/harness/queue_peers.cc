// SPDX-License-Identifier: MIT
#include "bench/harness/queue_peers.h"

#include <algorithm>

namespace ipc::bench {
namespace {

// A queue of one item is a rendezvous, which nobody asks for who has large messages. Of huge ones
// some mechanisms set the memory aside for as many as there may be.
constexpr std::size_t kFewestItems = 16;
constexpr std::size_t kFewestHugeItems = 2;

std::uint32_t items_for(const Keys& keys, const RunOptions& options) {
  const std::size_t fewest = keys.bytes < kHugeBytes ? kFewestItems : kFewestHugeItems;
  return static_cast<std::uint32_t>(std::max(fewest, options.capacity_bytes / keys.bytes));
}

}  // namespace

std::shared_ptr<AnyQueue> make_queue_backend(const QueueEntry& entry, const Keys& keys,
                                             const RunOptions& options) {
  return entry.make({.max_items = entry.traits.counts_items ? items_for(keys, options) : 0,
                     .capacity_bytes = options.capacity_bytes,
                     .message_bytes = message_bytes(keys)});
}

std::size_t queue_capacity(const QueueEntry& entry, const AnyQueue& queue, const Keys& keys,
                           const RunOptions& options) {
  return entry.traits.counts_items ? items_for(keys, options) * keys.bytes : queue.capacity_bytes();
}

TeamPlan queue_plan(const Keys& keys, const std::vector<std::shared_ptr<AnyQueue>>& queues) {
  TeamPlan plan;
  plan.bytes = keys.bytes;
  plan.carriage = keys.carriage;
  plan.placement = *keys.placement;
  for (const auto& queue : queues) {
    if (!queue->has_helper()) continue;
    plan.helpers.push_back({.name = "helper " + std::to_string(plan.helpers.size()),
                            .serve = [queue] { queue->serve(); }});
  }
  return plan;
}

TeamPlan queue_stream(const QueueEntry& entry, const Keys& keys, const RunOptions& options,
                      Sender send) {
  const int producers = std::max(1, keys.producers);
  const int consumers = std::max(1, keys.consumers);
  const auto queue = make_queue_backend(entry, keys, options);
  TeamPlan plan = queue_plan(keys, {queue});
  plan.clock = Clock::stream;
  plan.capacity_bytes = queue_capacity(entry, *queue, keys, options);
  for (int i = 0; i < producers; ++i) {
    plan.producers.push_back({.name = "producer " + std::to_string(i),
                              .number = static_cast<std::uint32_t>(i),
                              .share = producers,
                              .open = [queue, send]() -> Job {
                                return [end = std::shared_ptr(queue->open()),
                                        send](const LoopPlan& batch) { return send(*end, batch); };
                              }});
  }
  const Arrival arrival = !entry.traits.ordered ? Arrival::any
                          : consumers == 1      ? Arrival::consecutive
                                                : Arrival::increasing;
  for (int i = 0; i < consumers; ++i) {
    plan.consumers.push_back({.name = "consumer " + std::to_string(i),
                              .share = consumers,
                              .arrival = arrival,
                              .open = [queue]() -> Job {
                                return [end = std::shared_ptr(queue->open()),
                                        check = SequenceCheck()](const LoopPlan& batch) mutable {
                                  return end->stream_in(batch, check);
                                };
                              }});
  }
  return plan;
}

std::vector<Series> queue_series(const char* question, Metric metric,
                                 const std::vector<Sides>& sides, StartQueue start) {
  std::vector<Series> all;
  for (const auto& [name, entry] : QueueRegistry::entries()) {
    for (const std::size_t bytes : kSizes) {
      for (const Carriage carriage : kCarriages) {
        for (const auto [producers, consumers] : sides) {
          for (const Placement placement : kPlacements) {
            const Keys keys{.bytes = bytes,
                            .carriage = carriage,
                            .producers = producers,
                            .consumers = consumers,
                            .placement = placement};
            if (!is_asked(entry.traits, metric, keys)) continue;
            const int peers = std::max(2, producers + consumers);
            all.push_back(backend_series(question, metric, entry, keys, start, peers));
          }
        }
      }
    }
  }
  return all;
}

const RegisterBackends registered(backends_of<QueueRegistry>);

}  // namespace ipc::bench
