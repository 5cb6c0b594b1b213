// SPDX-License-Identifier: MIT
#include "bench/harness/queue_peers.h"

#include <algorithm>

namespace ipc::bench {
namespace {

// A queue of one item is a rendezvous, which nobody asks for who has large messages.
constexpr std::size_t kFewestItems = 16;

std::uint32_t items_for(const Keys& keys, const RunOptions& options) {
  return static_cast<std::uint32_t>(std::max(kFewestItems, options.capacity_bytes / keys.bytes));
}

}  // namespace

std::shared_ptr<AnyQueue> make_queue_backend(const QueueEntry& entry, const Keys& keys,
                                             const RunOptions& options) {
  const bool items = entry.traits.capacity == CapacityUnit::items;
  return entry.make({.max_items = items ? items_for(keys, options) : 0,
                     .capacity_bytes = options.capacity_bytes,
                     .message_bytes = message_bytes(keys)});
}

std::size_t queue_capacity(const QueueEntry& entry, const AnyQueue& queue, const Keys& keys,
                           const RunOptions& options) {
  return entry.traits.capacity == CapacityUnit::items ? items_for(keys, options) * keys.bytes
                                                      : queue.capacity_bytes();
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
