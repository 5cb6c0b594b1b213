// SPDX-License-Identifier: MIT
// queue_throughput: how many messages a second go through one queue that several processes share?
//
//   producer 0 --\           /--> consumer 0
//                 >-- queue --                  each message to one consumer,
//   producer 1 --/           \--> consumer 1    until the last has the last one
#include "bench/harness/queue_peers.h"

namespace ipc::bench {
namespace {

std::unique_ptr<Team> start(const QueueEntry& entry, const Keys& keys, const RunOptions& options) {
  return std::make_unique<Team>(queue_stream(entry, keys, options, send_at_once), options);
}

const RegisterQuestion registered([] {
  return queue_series("queue_throughput", Metric::throughput,
                      {{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 4}}, start);
});

}  // namespace
}  // namespace ipc::bench
