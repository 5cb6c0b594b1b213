// SPDX-License-Identifier: MIT
// The command line of the benchmark programs: ours, and the flags of Google Benchmark that make
// sense here.
#pragma once

#include <string>
#include <vector>

#include "bench/harness/team.h"

namespace ipc::bench {

struct Options {
  RunOptions run;
  bool list = false;        // print what there is, as JSON
  bool list_names = false;  // print the series names
  bool help = false;
  std::string filter = ".";
  std::string histogram_out;
  std::string out;                         // Google Benchmark's JSON file; empty: none
  std::vector<std::string> for_benchmark;  // flags that Google Benchmark reads itself
};

// Throws ValueError that says what is wrong and what would be valid.
Options parse_options(int argc, char** argv);

extern const char* const kUsage;

}  // namespace ipc::bench
