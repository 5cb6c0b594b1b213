// SPDX-License-Identifier: MIT
// value_update: how often a second can a shared number be raised by one?
//
//   process 0 --+
//                +-- lock { read, add, write }      8 bytes; the sum is checked after each batch
//   process 1 --+
#include "bench/harness/shared_peers.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> start(const SharedParts& parts, const Keys& keys, const RunOptions& options) {
  const auto cell = std::make_shared<Cell>(parts.memory, parts.lock, sizeof(std::int64_t));
  return start_shared(
      cell, keys, sizeof(std::int64_t),
      [](AnyLock& lock, const LoopPlan& batch) { return lock.update_loop(batch); }, options,
      [cell](std::uint64_t added) -> std::optional<std::string> {
        const auto value = static_cast<std::uint64_t>(cell->number());
        if (value == added) return std::nullopt;
        return "of " + std::to_string(added) + " additions there are " + std::to_string(value);
      });
}

const RegisterQuestion registered([] {
  std::vector<SharedParts> all = each_lock();
  for (const SharedParts& parts : each_memory("futex")) {
    if (parts.memory.name != "anonymous") all.push_back(parts);
  }
  std::vector<Series> series;
  const auto ask = [&](int processes, Placement placement) {
    for (const SharedParts& parts : all) {
      series.push_back(shared_series("value_update", Metric::throughput, parts,
                                     {.processes = processes, .placement = placement}, start,
                                     wants_exclusion));
    }
  };
  ask(1, Placement::same);
  for (const Placement placement : kPlacements) ask(2, placement);
  ask(4, Placement::free);
  return series;
});

}  // namespace
}  // namespace ipc::bench
