// SPDX-License-Identifier: MIT
#include "bench/harness/pipe_peers.h"

#include <algorithm>

namespace ipc::bench {

std::shared_ptr<AnyPipe> make_pipe_backend(const PipeEntry& entry, const Keys& keys,
                                           const RunOptions& options, bool duplex) {
  // What is built in place needs room for a message beside one that is read, in one piece each.
  constexpr std::size_t kRoom = 4;
  const std::size_t least = keys.carriage == Carriage::in_place ? kRoom * keys.bytes : 0;
  return entry.make({.duplex = duplex,
                     .capacity_bytes = std::max(options.capacity_bytes, least),
                     .message_bytes = message_bytes(keys)});
}

TeamPlan pipe_plan(const std::shared_ptr<AnyPipe>& pipe, const Keys& keys) {
  TeamPlan plan;
  plan.bytes = keys.bytes;
  plan.carriage = keys.carriage;
  plan.placement = *keys.placement;
  plan.after_fork = [pipe] {
    pipe->drop(0);
    pipe->drop(1);
  };
  plan.capacity_bytes = pipe->capacity_bytes();
  return plan;
}

std::shared_ptr<AnyEndpoint> open_side(AnyPipe& pipe, int side) {
  pipe.drop(1 - side);
  return pipe.open(side);
}

TeamPlan pipe_stream(const PipeEntry& entry, const Keys& keys, const RunOptions& options,
                     Sender send) {
  const auto pipe = make_pipe_backend(entry, keys, options, false);
  TeamPlan plan = pipe_plan(pipe, keys);
  plan.clock = Clock::stream;
  plan.producers = {{.name = "producer", .open = [pipe, send]() -> Job {
                       return [end = open_side(*pipe, 1), send](const LoopPlan& batch) {
                         return send(*end, batch);
                       };
                     }}};
  plan.consumers = {{.name = "consumer", .open = [pipe]() -> Job {
                       return [end = open_side(*pipe, 0),
                               check = SequenceCheck()](const LoopPlan& batch) mutable {
                         return end->stream_in(batch, check);
                       };
                     }}};
  return plan;
}

std::vector<Series> pipe_series(const char* question, Metric metric, StartPipe start) {
  std::vector<Series> all;
  for (const auto& [name, entry] : PipeRegistry::entries()) {
    for (const std::size_t bytes : kSizes) {
      for (const Carriage carriage : kCarriages) {
        for (const Placement placement : kPlacements) {
          const Keys keys{.bytes = bytes, .carriage = carriage, .placement = placement};
          if (!is_asked(entry.traits, metric, keys)) continue;
          all.push_back(backend_series(question, metric, entry, keys, start, 2));
        }
      }
    }
  }
  return all;
}

const RegisterBackends registered(backends_of<PipeRegistry>);

}  // namespace ipc::bench
