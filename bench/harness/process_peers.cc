// SPDX-License-Identifier: MIT
#include "bench/harness/process_peers.h"

#include <utility>

namespace ipc::bench {

std::vector<Backend> listed_backends(std::span<const ProcessBackend> backends) {
  std::vector<Backend> all;
  for (const ProcessBackend& backend : backends) {
    Traits traits;
    traits.summary = backend.summary;
    traits.source = backend.source;
    traits.transports = false;
    all.push_back({.family = "process", .name = backend.name, .traits = traits});
  }
  return all;
}

Series process_series(const char* question, const char* backend, const Keys& keys,
                      std::function<std::unique_ptr<Team>(const Keys&, const RunOptions&)> start) {
  return {.question = question,
          .backend = backend,
          .keys = keys,
          .metric = Metric::throughput,
          .wait_class = "block",
          .skip = std::nullopt,
          .start = [keys, start = std::move(start)](const RunOptions& options) {
            return start(keys, options);
          }};
}

}  // namespace ipc::bench
