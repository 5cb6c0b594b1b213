// SPDX-License-Identifier: MIT
// Which CPUs this process may use, and pinning to one of them.
#pragma once

#include <vector>

namespace ipc {

// CPU numbers allowed to this process, ordered for spreading: one of each physical core first, then
// the hyper-thread siblings.
std::vector<int> allowed_cpus();

// Pins the calling thread, and the threads it starts later. Throws std::system_error.
void pin_to_cpu(int cpu);

}  // namespace ipc
