// SPDX-License-Identifier: MIT
// null: no transport at all; each peer talks to itself. What it takes is the cost of the loops, the
// check of the payload and the clock, and stands in every throughput and latency of the other
// backends as well. Kernel objects: none. Wait class: none needed, it never waits. Known limit: it
// is no queue.
#include "impl/driver/loop_back.h"
#include "impl/queue/backend.h"

namespace ipc {
namespace {

class NullQueue {
 public:
  explicit NullQueue(const QueueOptions& options) : message_bytes_(options.message_bytes) {}
  std::unique_ptr<LoopBack> open() { return std::make_unique<LoopBack>(message_bytes_); }
  std::size_t capacity_bytes() const { return 0; }

 private:
  std::size_t message_bytes_;
};

const RegisterQueue<NullQueue> registered(
    "null", {.summary = "no transport: what the loops themselves cost",
             .source = "this project",
             .wait_class = WaitClass::spin,
             .max_message = 0x7fffffff,
             .waitable = Waitable::slices,
             .on_kill = "nothing: nobody else is there",
             .transports = false});

}  // namespace
}  // namespace ipc
