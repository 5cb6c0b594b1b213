// SPDX-License-Identifier: MIT
// The contracts of memories and locks (backend.h) as checks of a pair of both.
#pragma once

#include <string>
#include <vector>

#include "impl/driver/check_test.h"
#include "impl/shared/backend.h"

namespace ipc {

// One memory with one lock. The traits are the lock's; it is available where both are.
struct SharedPair {
  const MemoryEntry& memory;
  const LockEntry& lock;
  std::string name = memory.name + "_" + lock.name;
  Traits traits = lock.traits;
};

const std::vector<Check<SharedPair>>& shared_checks();

}  // namespace ipc
