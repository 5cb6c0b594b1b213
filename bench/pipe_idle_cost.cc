// SPDX-License-Identifier: MIT
// pipe_idle_cost: what does it cost to wait? For two seconds nothing comes, then the message that
// ends them. Counted is the CPU time of all: the receiver's, for the producer sleeps.
//
//   producer --2 s of nothing, a message--> consumer
#include "bench/harness/pipe_peers.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> start(const PipeEntry& entry, const Keys& keys, const RunOptions& options) {
  return std::make_unique<Team>(pipe_stream(entry, keys, options, send_after_silences), options);
}

const RegisterQuestion registered([] {
  return silent_series<PipeRegistry>("pipe_idle_cost", start);
});

}  // namespace
}  // namespace ipc::bench
