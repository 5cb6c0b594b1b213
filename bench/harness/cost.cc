// SPDX-License-Identifier: MIT
#include "bench/harness/cost.h"

#include <sys/resource.h>

#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "impl/os/error.h"

namespace ipc::bench {
namespace {

double cpu_ns_of(clockid_t clock) {
  timespec cpu;
  if (clock_gettime(clock, &cpu) != 0) throw_errno("clock of a process");
  return static_cast<double>(cpu.tv_sec) * 1e9 + static_cast<double>(cpu.tv_nsec);
}

// Of one that may end while it is looked at.
Cost cost_of_mortal(pid_t pid) try {
  return cost_so_far(pid);
} catch (const std::system_error& error) {
  const bool has_ended = error.code() == std::errc::no_such_process ||
                         error.code() == std::errc::no_such_file_or_directory ||
                         error.code() == std::errc::invalid_argument;  // its clock is no more
  if (!has_ended) throw;
  return {};
}

// Of those that the process of that folder in /proc has now, and of theirs.
Cost cost_of_living_children(const std::filesystem::path& process) {
  Cost cost;
  for (const auto& task : std::filesystem::directory_iterator(process / "task")) {
    std::ifstream children(task.path() / "children");
    for (pid_t child; children >> child;) cost = cost + cost_of_mortal(child);
  }
  return cost;
}

}  // namespace

Cost operator+(const Cost& a, const Cost& b) {
  return {a.cpu_ns + b.cpu_ns, a.voluntary_switches + b.voluntary_switches,
          a.involuntary_switches + b.involuntary_switches};
}
Cost operator-(const Cost& a, const Cost& b) {
  return {a.cpu_ns - b.cpu_ns, a.voluntary_switches - b.voluntary_switches,
          a.involuntary_switches - b.involuntary_switches};
}

Cost cost_so_far() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return {cpu_ns_of(CLOCK_PROCESS_CPUTIME_ID), static_cast<double>(usage.ru_nvcsw),
          static_cast<double>(usage.ru_nivcsw)};
}

Cost cost_so_far(pid_t pid) {
  clockid_t clock;
  if ((errno = clock_getcpuclockid(pid, &clock)) != 0) throw_errno("clock of another process");
  Cost cost{.cpu_ns = cpu_ns_of(clock)};
  const std::filesystem::path process = "/proc/" + std::to_string(pid);
  for (const auto& task : std::filesystem::directory_iterator(process / "task")) {
    std::ifstream status(task.path() / "status");
    std::string key;
    for (double value; status >> key;) {
      if (key == "voluntary_ctxt_switches:" && status >> value) cost.voluntary_switches += value;
      if (key == "nonvoluntary_ctxt_switches:" && status >> value) {
        cost.involuntary_switches += value;
      }
    }
  }
  return cost + cost_of_living_children(process);
}

Cost cost_of_children() {
  rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  const Cost ended{ns(usage.ru_utime) + ns(usage.ru_stime), static_cast<double>(usage.ru_nvcsw),
                   static_cast<double>(usage.ru_nivcsw)};
  return ended + cost_of_living_children("/proc/self");
}

}  // namespace ipc::bench
