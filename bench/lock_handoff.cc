// SPDX-License-Identifier: MIT
// lock_handoff: how long does it take until one who waits for a lock has it, when its holder lets
// go?
//
//   process 0  holds ----release          waits ----holds
//   process 1  waits -----------holds ----release           a message is one take-over
//
// The holder keeps it until the other is about to wait (take_over_loop). On one CPU that one sleeps
// by then; across CPUs it may still be on its way, and be let in without having slept.
#include "bench/harness/shared_peers.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> start(const SharedParts& parts, const Keys& keys, const RunOptions& options) {
  const auto place = std::make_shared<Shared<TakeOver>>();
  return start_shared(
      std::make_shared<Cell>(parts.memory, parts.lock, sizeof(std::int64_t)), keys,
      sizeof(std::int64_t),
      [place](AnyLock& lock, const LoopPlan& batch) { return lock.take_over_loop(batch, **place); },
      options);
}

const RegisterQuestion registered([] {
  std::vector<Series> series;
  for (const SharedParts& parts : each_lock()) {
    for (const Placement placement : kPlacements) {
      series.push_back(shared_series("lock_handoff", Metric::throughput, parts,
                                     {.processes = 2, .placement = placement}, start,
                                     wants_holding));
    }
  }
  return series;
});

}  // namespace
}  // namespace ipc::bench
