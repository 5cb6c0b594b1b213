// SPDX-License-Identifier: MIT
// A queue that is a message queue of the system or of a library, nothing added.
#pragma once

#include <memory>

#include "impl/driver/untimed.h"
#include "impl/queue/backend.h"
#include "impl/queue/item_bounds.h"

namespace ipc {

template <class Mq>
class MqQueue {
 public:
  class End : public Untimed<End> {
   public:
    explicit End(Mq& queue) : queue_(queue) {}
    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      return queue_.send(message, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      return queue_.receive(message, deadline);
    }
    Status ready(Deadline deadline) { return queue_.ready(deadline); }
    int wait_fd() const requires requires(const Mq& queue) { queue.wait_fd(); }
    { return queue_.wait_fd(); }

   private:
    Mq& queue_;
  };

  explicit MqQueue(const QueueOptions& options) : queue_(make(options)) {}
  std::unique_ptr<End> open() { return std::make_unique<End>(queue_); }
  std::size_t capacity_bytes() const { return queue_.capacity_bytes(); }
  std::uint32_t size() const requires requires(const Mq& queue) { queue.size(); }
  { return queue_.size(); }

 private:
  static Mq make(const QueueOptions& options) {
    if constexpr (requires(const Mq& queue) { queue.size(); }) {
      const ItemBounds bounds = item_bounds(options);
      return Mq(bounds.items * bounds.message_bytes, bounds.message_bytes);
    } else {
      return Mq(options.capacity_bytes, options.message_bytes);
    }
  }

  Mq queue_;
};

}  // namespace ipc
