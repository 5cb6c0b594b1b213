// SPDX-License-Identifier: MIT
// value_read_mostly: how often a second can a shared value be read, if one access in 100 is a
// write?
//
//   process 0 --+
//                +-- lock { read | write }      every read is checked: its bytes belong together
//   process 1 --+
#include "bench/harness/shared_peers.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> start(const SharedParts& parts, const Keys& keys, const RunOptions& options) {
  return start_shared(
      std::make_shared<Cell>(parts.memory, parts.lock, keys.bytes), keys, keys.bytes,
      [](AnyLock& lock, const LoopPlan& batch) { return lock.read_mostly_loop(batch); }, options);
}

const RegisterQuestion registered([] {
  std::vector<Series> series;
  for (const SharedParts& parts : each_lock()) {
    for (const std::size_t bytes : {8u, 64u}) {
      for (const Placement placement : {Placement::same, Placement::cross}) {
        series.push_back(shared_series("value_read_mostly", Metric::throughput, parts,
                                       {.bytes = bytes, .processes = 2, .placement = placement},
                                       start, wants_exclusion));
      }
    }
  }
  return series;
});

}  // namespace
}  // namespace ipc::bench
