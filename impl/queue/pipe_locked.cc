// SPDX-License-Identifier: MIT
// pipe_locked: one pipe(2) shared by all, a reader lock and a writer lock; a message is written by
// its producer. The design of CPython's SimpleQueue, with robust locks instead of semaphores (see
// locked_pipe.h). Kernel objects: one anonymous pipe, one anonymous shared page. Wait class: block.
// Source: CPython 3.11 Lib/multiprocessing/queues.py. Limit: waiting readers queue for the lock, so
// a get that must not wait also fails while another reader waits.
#include "impl/driver/untimed.h"
#include "impl/queue/backend.h"
#include "impl/queue/locked_pipe.h"

namespace ipc {
namespace {

class PipeLocked {
 public:
  class End : public Untimed<End> {
   public:
    explicit End(LockedPipe& pipe) : pipe_(pipe) {}
    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      return pipe_.send(message, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      return pipe_.receive(message, deadline);
    }
    Status ready(Deadline deadline) const { return pipe_.ready(deadline); }
    int wait_fd() const { return pipe_.read_fd(); }

   private:
    LockedPipe& pipe_;
  };

  explicit PipeLocked(const QueueOptions& options) : pipe_(options.capacity_bytes) {}
  std::unique_ptr<End> open() { return std::make_unique<End>(pipe_); }
  std::size_t capacity_bytes() const { return pipe_.capacity_bytes(); }

 private:
  LockedPipe pipe_;
};

const RegisterQueue<PipeLocked> registered(
    "pipe_locked", {.summary = "one pipe(2) under a reader lock and a writer lock",
                    .source = "CPython's SimpleQueue",
                    .wait_class = WaitClass::block,
                    .max_message = kMaxFrame,
                    .producers = kMany,
                    .consumers = kMany,
                    .order = "first in, first out over all producers",
                    .killed = {.inside = AfterKill::error},
                    .on_kill = "nothing while waiting or between messages; a message half written "
                               "is dropped; a reader killed "
                               "inside a message: corrupt for all, at once"});

}  // namespace
}  // namespace ipc
