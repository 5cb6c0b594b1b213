// SPDX-License-Identifier: MIT
// pipe_throughput: how many messages a second go from one process to another?
//
//   producer --messages--> consumer     until the consumer has the last one
#include "bench/harness/pipe_peers.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> start(const PipeEntry& entry, const Keys& keys, const RunOptions& options) {
  const auto pipe = make_pipe_backend(entry, keys, options, false);
  TeamPlan plan = pipe_plan(pipe, keys);
  plan.clock = Clock::stream;
  plan.producers = {{.name = "producer", .open = [pipe]() -> Job {
                       return [end = open_side(*pipe, 1)](const LoopPlan& batch) {
                         return end->stream_out(batch);
                       };
                     }}};
  plan.consumers = {{.name = "consumer", .open = [pipe]() -> Job {
                       return [end = open_side(*pipe, 0),
                               check = SequenceCheck()](const LoopPlan& batch) mutable {
                         return end->stream_in(batch, check);
                       };
                     }}};
  return std::make_unique<Team>(std::move(plan), options);
}

const RegisterQuestion registered([] {
  return pipe_series("pipe_throughput", Metric::throughput, start);
});

}  // namespace
}  // namespace ipc::bench
