// SPDX-License-Identifier: MIT
#include "bench/harness/pipe_peers.h"

namespace ipc::bench {

std::shared_ptr<AnyPipe> make_pipe_backend(const PipeEntry& entry, const Keys& keys,
                                           const RunOptions& options, bool duplex) {
  return entry.make({.duplex = duplex,
                     .capacity_bytes = options.capacity_bytes,
                     .message_bytes = message_bytes(keys)});
}

TeamPlan pipe_plan(const std::shared_ptr<AnyPipe>& pipe, const Keys& keys) {
  TeamPlan plan;
  plan.bytes = keys.bytes;
  plan.objects = keys.objects;
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

std::vector<Series> pipe_series(const char* question, Metric metric, StartPipe start) {
  std::vector<Series> all;
  for (const auto& [name, entry] : PipeRegistry::entries()) {
    for (const std::size_t bytes : kSizes) {
      for (const bool objects : kCodecs) {
        for (const Placement placement : kPlacements) {
          const Keys keys{.bytes = bytes, .objects = objects, .placement = placement};
          if (!is_asked(keys)) continue;
          all.push_back(backend_series(question, metric, entry, keys, start, 2));
        }
      }
    }
  }
  return all;
}

const RegisterBackends registered(backends_of<PipeRegistry>);

}  // namespace ipc::bench
