// SPDX-License-Identifier: MIT
// What the floors share: their cells.
#pragma once

#include "bench/harness/program.h"

namespace ipc::bench {

using StartFloor = std::unique_ptr<Team> (*)(const Keys&, const RunOptions&);

// `cpus`: how many it needs at least.
Series floor_series(const char* floor, Keys keys, int cpus, StartFloor start);

}  // namespace ipc::bench
