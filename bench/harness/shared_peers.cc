// SPDX-License-Identifier: MIT
#include "bench/harness/shared_peers.h"

#include <algorithm>

#include "impl/os/affinity.h"

namespace ipc::bench {

std::vector<SharedParts> each_lock() {
  std::vector<SharedParts> all;
  for (const auto& [name, lock] : LockRegistry::entries()) {
    all.push_back({MemoryRegistry::get("anonymous"), lock});
  }
  return all;
}

std::vector<SharedParts> each_memory(const std::string& lock) {
  std::vector<SharedParts> all;
  for (const auto& [name, memory] : MemoryRegistry::entries()) {
    all.push_back({memory, LockRegistry::get(lock)});
  }
  return all;
}

std::optional<std::string> wants_nothing(const Traits&, const Keys&) { return std::nullopt; }

std::optional<std::string> wants_exclusion(const Traits& lock, const Keys& keys) {
  if (keys.processes == 1 || lock.exclusive || lock.exchanging) return std::nullopt;
  return "without a lock, changes of several are lost";
}

std::optional<std::string> wants_holding(const Traits& lock, const Keys&) {
  if (lock.exclusive) return std::nullopt;
  return "there is nothing to hold";
}

Series shared_series(const char* question, Metric metric, const SharedParts& parts,
                     const Keys& keys, StartShared start,
                     std::optional<std::string> (*wants)(const Traits& lock, const Keys& keys)) {
  Series series{.question = question,
                .backend = parts.name(),
                .keys = keys,
                .metric = metric,
                .wait_class = std::string(to_string(parts.lock.traits.wait_class)),
                .skip = wants(parts.lock.traits, keys),
                .start = [parts, keys, start](const RunOptions& options) {
                  return start(parts, keys, options);
                }};
  for (const Traits* traits : {&parts.memory.traits, &parts.lock.traits}) {
    if (const auto reason = traits->available()) series.skip = reason;
  }
  if (keys.bytes > parts.lock.traits.max_message) {
    series.skip = "it guards at most " + std::to_string(parts.lock.traits.max_message) + " bytes";
  }
  if (keys.placement == Placement::cross && allowed_cpus().size() < 2) {
    series.skip = "there is only one CPU to run on";
  }
  return series;
}

std::unique_ptr<Team> start_shared(const std::shared_ptr<Cell>& cell, const Keys& keys,
                                   std::size_t bytes,
                                   const std::function<LoopResult(AnyLock&, const LoopPlan&)>& job,
                                   const RunOptions& options,
                                   std::function<std::optional<std::string>(std::uint64_t)> check) {
  TeamPlan plan;
  plan.bytes = bytes;
  plan.placement = *keys.placement;
  plan.clock = Clock::all;
  plan.check = std::move(check);
  const int processes = std::max(1, keys.processes);
  for (int i = 0; i < processes; ++i) {
    plan.producers.push_back({.name = "process " + std::to_string(i),
                              .number = static_cast<std::uint32_t>(i),
                              .share = processes,
                              .open = [cell, job]() -> Job {
                                return [cell, job](const LoopPlan& batch) {
                                  return job(cell->lock(), batch);
                                };
                              }});
  }
  return std::make_unique<Team>(std::move(plan), options);
}

const RegisterBackends registered_memories(backends_of<MemoryRegistry>);
const RegisterBackends registered_locks(backends_of<LockRegistry>);

}  // namespace ipc::bench
