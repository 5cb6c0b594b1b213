// SPDX-License-Identifier: MIT
// shm_robust: a ring of messages in shared memory under robust mutexes (robust_ring.h): who is
// killed, wherever, costs at most its own message. Kernel objects: a sealed memory and an anonymous
// mapping. Wait class: block. Source: pthread_mutexattr_setrobust(3), futex(2). Limit: a message of
// over half the ring is lost with who sends or receives it.
#include <memory>

#include "impl/driver/untimed.h"
#include "impl/queue/backend.h"
#include "impl/queue/robust_ring.h"

namespace ipc {
namespace {

class ShmRobust {
 public:
  class End : public Untimed<End> {
   public:
    explicit End(RobustRing& ring) : ring_(ring) {}
    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      return ring_.send(message, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      return ring_.receive(message, deadline);
    }
    Status ready(Deadline deadline) { return ring_.ready(deadline); }

   private:
    RobustRing& ring_;
  };

  explicit ShmRobust(const QueueOptions& options)
      : ring_(options.capacity_bytes, options.max_items) {}
  std::unique_ptr<End> open() { return std::make_unique<End>(ring_); }
  std::size_t capacity_bytes() const { return ring_.capacity_bytes(); }
  std::uint32_t size() const { return ring_.size(); }

 private:
  RobustRing ring_;
};

const RegisterQueue<ShmRobust> registered(
    "shm_robust", {.summary = "ring of messages in shared memory under robust mutexes",
                   .source = "pthread_mutexattr_setrobust(3), futex(2)",
                   .wait_class = WaitClass::block,
                   .max_message = kMaxFrame,
                   .producers = kMany,
                   .consumers = kMany,
                   .order = "first in, first out over all producers",
                   .waitable = Waitable::slices,
                   .on_kill = "nothing; a message longer than half the ring is lost with who sends "
                              "or receives it"});

}  // namespace
}  // namespace ipc
