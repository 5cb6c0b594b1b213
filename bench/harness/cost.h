// SPDX-License-Identifier: MIT
// What processes have used so far. A difference of two such costs is the bill of what lies between.
#pragma once

#include <sys/types.h>

namespace ipc::bench {

struct Cost {
  double cpu_ns = 0;
  double voluntary_switches = 0;
  double involuntary_switches = 0;
};
Cost operator+(const Cost& a, const Cost& b);
Cost operator-(const Cost& a, const Cost& b);

// Of this process alone.
Cost cost_so_far();
// Of another process and those that it has started. The switches are those of the threads that it
// has now: what one that ended had is not known any more, nor what a child had that has ended.
// Throws std::system_error.
Cost cost_so_far(pid_t pid);
// Of this process's children: of those that it has waited for, and of those that it has.
Cost cost_of_children();

}  // namespace ipc::bench
