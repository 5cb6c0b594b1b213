// SPDX-License-Identifier: MIT
// What the files of bench/ register, and the program that all of them share.
#pragma once

#include <vector>

#include "bench/harness/series.h"

namespace ipc::bench {

// The last statement of a question's file. The function lists its cells on this machine, skipped
// ones too.
struct RegisterQuestion {
  using List = std::vector<Series> (*)();
  explicit RegisterQuestion(List list);
};

// What `--list` says of a backend.
struct Backend {
  std::string family;
  std::string name;
  Traits traits;
};
struct RegisterBackends {
  using List = std::vector<Backend> (*)();
  explicit RegisterBackends(List list);
};

// The entries of a family's registry as Backend.
template <class Registry>
std::vector<Backend> backends_of() {
  std::vector<Backend> backends;
  for (const auto& [name, entry] : Registry::entries()) {
    backends.push_back({std::remove_cvref_t<decltype(entry)>::kFamily, name, entry.traits});
  }
  return backends;
}

// One cell of a registered backend.
template <class Entry>
Series backend_series(const char* question, Metric metric, const Entry& entry, const Keys& keys,
                      std::unique_ptr<Team> (*start)(const Entry&, const Keys&, const RunOptions&),
                      int peers) {
  return {.question = question,
          .backend = entry.name,
          .keys = keys,
          .metric = metric,
          .wait_class = std::string(to_string(entry.traits.wait_class)),
          .skip = reason_to_skip(entry.traits, keys, peers),
          .start = [&entry, keys, start](const RunOptions& options) {
            return start(entry, keys, options);
          }};
}

// Command line as kUsage (options.h) describes it. Exit status 0, 2 for wrong usage, 3 when a
// series failed.
int program(int argc, char** argv);

}  // namespace ipc::bench
