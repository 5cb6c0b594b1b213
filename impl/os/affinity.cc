// SPDX-License-Identifier: MIT
#include "impl/os/affinity.h"

#include <sched.h>

#include <fstream>
#include <set>
#include <string>

#include "impl/os/error.h"

namespace ipc {
namespace {

// The siblings as the kernel writes them ("0,4"): the same text for every hyper-thread of one core.
std::string core_of(int cpu) {
  std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                     "/topology/thread_siblings_list");
  std::string siblings;
  std::getline(file, siblings);
  return siblings.empty() ? std::to_string(cpu) : siblings;
}

}  // namespace

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) throw_errno("sched_getaffinity");
  std::vector<int> first;
  std::vector<int> siblings;
  std::set<std::string> cores;
  for (std::size_t i = 0; i < CPU_SETSIZE; ++i) {
    if (!CPU_ISSET(i, &set)) continue;
    const int cpu = static_cast<int>(i);
    (cores.insert(core_of(cpu)).second ? first : siblings).push_back(cpu);
  }
  first.insert(first.end(), siblings.begin(), siblings.end());
  return first;
}

void pin_to_cpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    throw_errno("sched_setaffinity to CPU " + std::to_string(cpu));
  }
}

}  // namespace ipc
