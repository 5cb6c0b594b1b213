// SPDX-License-Identifier: MIT
// A pipe made of message queues, one each way, or one for a one-way pipe. No message queue knows
// who uses it, so each pipe has a lifetime token beside it, and that is what the end costs:
// - a send first asks whether anybody is left to receive, one short system call a message;
// - a receive is the queue's own. In each process a thread sleeps until the other side is gone,
//   then puts an end mark behind the messages and releases the senders.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <utility>

#include "impl/driver/untimed.h"
#include "impl/os/hang_up_watch.h"
#include "impl/os/lifetime_token.h"
#include "impl/os/per_process.h"
#include "impl/pipe/backend.h"

namespace ipc {

// What posix_mq.h, sysv_mq.h and boost_mq.h have in common, and say more about.
template <class Q>
concept MessageQueue = std::constructible_from<Q, std::size_t, std::size_t> &&
    requires(Q queue, std::span<const std::byte> message, Buffer& buffer, Deadline deadline) {
  { queue.send(message, deadline) } -> std::same_as<Status>;
  { queue.receive(buffer, deadline) } -> std::same_as<Status>;
  { queue.ready(deadline) } -> std::same_as<Status>;
  { queue.capacity_bytes() } -> std::same_as<std::size_t>;
  { queue.mark_end() } -> std::same_as<bool>;
  queue.release_senders();
};

template <MessageQueue Mq>
class MqPipe {
  struct Ways {
    explicit Ways(const PipeOptions& options) {
      to[0].emplace(options.capacity_bytes, options.message_bytes);
      if (options.duplex) to[1].emplace(options.capacity_bytes, options.message_bytes);
    }
    std::optional<Mq> to[2];  // what each side receives from
  };

 public:
  class End : public Untimed<End> {
   public:
    End(std::shared_ptr<Ways> ways, LifetimeToken::Hold hold, int side)
        : ways_(std::move(ways)),
          in_(ways_->to[side]),
          out_(ways_->to[1 - side]),
          hold_(std::move(hold)) {
      watch();
    }

    Status send_until(std::span<const std::byte> message, Deadline deadline) {
      watch();
      return hold_.is_alone() ? Status::closed : out_->send(message, deadline);
    }
    Status receive_until(Buffer& message, Deadline deadline) {
      watch();
      Status status = in_->receive(message, deadline);
      if (status == Status::timed_out && hold_.is_alone()) {
        // The last message may have come in between; the end mark may still be on its way.
        status = in_->receive(message, Deadline::now());
        if (status == Status::timed_out) status = Status::closed;
      }
      return status;
    }
    Status ready(Deadline deadline) {
      watch();
      const Status status = in_->ready(deadline);
      return status == Status::timed_out && hold_.is_alone() ? Status::ok : status;
    }
    int wait_fd() requires requires(Mq queue) { queue.wait_fd(); }
    {
      watch();
      return in_ ? in_->wait_fd() : hold_.fd();
    }

   private:
    // The thread is made anew in a child that goes on with this endpoint.
    void watch() {
      watch_.get().start(hold_.fd(), [this] {
        const bool marked = !in_ || in_->mark_end();  // first: a send may hang in the mechanism
        if (out_) out_->release_senders();
        return marked;
      });
    }

    const std::shared_ptr<Ways> ways_;
    std::optional<Mq>& in_;   // nothing where a one-way pipe
    std::optional<Mq>& out_;  // does not lead
    const LifetimeToken::Hold hold_;
    PerProcess<HangUpWatch> watch_;  // the last, so that it ends before what it uses
  };

  explicit MqPipe(const PipeOptions& options) : ways_(std::make_shared<Ways>(options)) {}
  std::unique_ptr<End> open(int side) {
    return std::make_unique<End>(ways_, lifetime_.take(side), side);
  }
  void drop(int side) { lifetime_.drop(side); }
  std::size_t capacity_bytes() const { return ways_->to[0]->capacity_bytes(); }

 private:
  std::shared_ptr<Ways> ways_;  // shared, as an endpoint may outlive the backend
  LifetimeToken lifetime_;
};

}  // namespace ipc
