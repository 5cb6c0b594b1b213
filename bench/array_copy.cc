// SPDX-License-Identifier: MIT
// array_copy: how fast are bytes copied into shared memory and out of it, by the kind of memory?
// One process, no lock, no signal: what is left of a transfer when nobody is told of it.
//
//   private --write--> array --read--> private      a message is one array, there and back
#include "bench/harness/shared_peers.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> start(const SharedParts& parts, const Keys& keys, const RunOptions& options) {
  return start_shared(
      std::make_shared<Cell>(parts.memory, parts.lock, keys.bytes), keys, keys.bytes,
      [](AnyLock& lock, const LoopPlan& batch) { return lock.copy_loop(batch); }, options);
}

const RegisterQuestion registered([] {
  std::vector<Series> series;
  for (const SharedParts& parts : each_memory("none")) {
    for (const std::size_t bytes : kArraySizes) {
      series.push_back(shared_series("array_copy", Metric::throughput, parts,
                                     {.bytes = bytes, .placement = Placement::same}, start,
                                     wants_nothing));
    }
  }
  return series;
});

}  // namespace
}  // namespace ipc::bench
