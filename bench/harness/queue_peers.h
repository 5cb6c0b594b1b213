// SPDX-License-Identifier: MIT
// What the questions about queues share: their cells.
#pragma once

#include <memory>
#include <vector>

#include "bench/harness/program.h"
#include "bench/harness/senders.h"
#include "impl/queue/backend.h"

namespace ipc::bench {

// Where a backend is bounded in items, as many as fit the asked capacity in bytes, at least 16; of
// huge messages at least 2.
std::shared_ptr<AnyQueue> make_queue_backend(const QueueEntry& entry, const Keys& keys,
                                             const RunOptions& options);

// Its achieved capacity in bytes.
std::size_t queue_capacity(const QueueEntry& entry, const AnyQueue& queue, const Keys& keys,
                           const RunOptions& options);

// Size, codec and placement, and the helpers of the queues, if they need some.
TeamPlan queue_plan(const Keys& keys, const std::vector<std::shared_ptr<AnyQueue>>& queues);

// keys.producers and keys.consumers, at least one of each, over one queue.
TeamPlan queue_stream(const QueueEntry& entry, const Keys& keys, const RunOptions& options,
                      Sender send);

using StartQueue = std::unique_ptr<Team> (*)(const QueueEntry&, const Keys&, const RunOptions&);

// Producers and consumers of a cell; {0, 0} where the question has no such axis.
struct Sides {
  int producers;
  int consumers;
};

// Every registered backend x size x codec x sides x placement.
std::vector<Series> queue_series(const char* question, Metric metric,
                                 const std::vector<Sides>& sides, StartQueue start);

}  // namespace ipc::bench
