// SPDX-License-Identifier: MIT
#include "bench/harness/floor_peers.h"

#include "impl/os/affinity.h"

namespace ipc::bench {

Series floor_series(const char* floor, Keys keys, int cpus, StartFloor start) {
  if (keys.placement == Placement::cross) cpus = 2;
  Series series{.question = "floor",
                .backend = floor,
                .keys = keys,
                .metric = Metric::floor,
                .wait_class = "",
                .skip = std::nullopt,
                .start = [keys, start](const RunOptions& options) { return start(keys, options); }};
  if (static_cast<int>(allowed_cpus().size()) < cpus)
    series.skip = "there is only one CPU to run on";
  return series;
}

}  // namespace ipc::bench
