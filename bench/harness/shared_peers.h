// SPDX-License-Identifier: MIT
// What the questions about shared values share: their cells. A backend is a memory and a lock,
// named <memory>+<lock>.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/harness/program.h"
#include "impl/shared/cell.h"

namespace ipc::bench {

struct SharedParts {
  const MemoryEntry& memory;
  const LockEntry& lock;

  std::string name() const { return memory.name + "+" + lock.name; }
};

// Every lock on one memory, and every memory under one lock: what one costs does not depend on the
// other.
std::vector<SharedParts> each_lock();
std::vector<SharedParts> each_memory(const std::string& lock);

// Of arrays.
inline constexpr std::size_t kArraySizes[] = {64, 4096, 65536, 1048576};

using StartShared = std::unique_ptr<Team> (*)(const SharedParts&, const Keys&, const RunOptions&);

// One cell; `wants` says why a lock makes no sense in it.
Series shared_series(const char* question, Metric metric, const SharedParts& parts,
                     const Keys& keys, StartShared start,
                     std::optional<std::string> (*wants)(const Traits& lock, const Keys& keys));

// For `wants`: every lock will do; one that counts, where several change the value; one to be held.
std::optional<std::string> wants_nothing(const Traits& lock, const Keys& keys);
std::optional<std::string> wants_exclusion(const Traits& lock, const Keys& keys);
std::optional<std::string> wants_holding(const Traits& lock, const Keys& keys);

// Of keys.processes peers, alike but for their number: what each does with a batch, and the check
// of all batches.
std::unique_ptr<Team> start_shared(
    const std::shared_ptr<Cell>& cell, const Keys& keys, std::size_t bytes,
    const std::function<LoopResult(AnyLock&, const LoopPlan&)>& job, const RunOptions& options,
    std::function<std::optional<std::string>(std::uint64_t)> check = {});

}  // namespace ipc::bench
