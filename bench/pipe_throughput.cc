// SPDX-License-Identifier: MIT
// pipe_throughput: how many messages a second go from one process to another?
//
//   producer --messages--> consumer     until the consumer has the last one
#include "bench/harness/pipe_peers.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> start(const PipeEntry& entry, const Keys& keys, const RunOptions& options) {
  return std::make_unique<Team>(pipe_stream(entry, keys, options, send_at_once), options);
}

const RegisterQuestion registered([] {
  return pipe_series("pipe_throughput", Metric::throughput, start);
});

}  // namespace
}  // namespace ipc::bench
