// SPDX-License-Identifier: MIT
// The two faces of a backend's endpoint. `Endpoint` is what a backend's class must have.
// `AnyEndpoint` is what the rest of the program sees: single calls for the typed API and the tests,
// and the driver's loops, compiled against the concrete class: one virtual call a batch, none a
// message.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

#include "impl/driver/carriers.h"
#include "impl/driver/loops.h"
#include "impl/driver/traits.h"
#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"

namespace ipc {

// An endpoint is opened in the process that uses it, and is for one thread at a time unless its
// family says otherwise (backend.h). `send` and `receive` wait for ever. The `_until` forms give
// timed_out only when nothing was sent or consumed. `ready`: ok when a receive would not wait for a
// message to begin, or would report the end. No exception per message, and no
// allocation but in buffers that grow and in what a feeder has to keep.
template <class E>
concept Endpoint = std::destructible<E> &&
    requires(E endpoint, std::span<const std::byte> message, Buffer& buffer, Deadline deadline) {
  { endpoint.send(message) } -> std::same_as<Status>;
  { endpoint.receive(buffer) } -> std::same_as<Status>;
  { endpoint.send_until(message, deadline) } -> std::same_as<Status>;
  { endpoint.receive_until(buffer, deadline) } -> std::same_as<Status>;
  { endpoint.ready(deadline) } -> std::same_as<Status>;
};

// An endpoint may also send and receive several messages in one call, which the other side learns
// of at once. send_batch sends them in order and says in `sent` how many it did, all unless its
// status is another than ok. receive_batch waits for one, then takes what is there, and says in
// `received` how many of the buffers it has filled.
template <class E>
concept Batching = requires(E endpoint, std::span<const std::span<const std::byte>> messages,
                            std::span<Buffer> buffers, std::size_t& count, Deadline deadline) {
  { endpoint.send_batch(messages, count, deadline) } -> std::same_as<Status>;
  { endpoint.receive_batch(buffers, count, deadline) } -> std::same_as<Status>;
};

// An endpoint may also let its user build a message in the transport and read it there. reserve
// gives room for so many bytes, the message is sent by commit and not before; a second reserve
// instead forgets the first. peek gives the next message, which stays until release; `too_big`: it
// is not in one piece there, and must be received. A send forgets what is reserved, a receive what
// was peeked at. What peek gives can still be changed by a sender
// that has gone mad: who does not trust it copies before it checks.
template <class E>
concept BuildingInPlace = requires(E endpoint, std::size_t size, std::span<std::byte>& room,
                                   std::span<const std::byte>& message, Deadline deadline) {
  { endpoint.reserve(size, room, deadline) } -> std::same_as<Status>;
  { endpoint.commit() } -> std::same_as<void>;
  { endpoint.peek(message, deadline) } -> std::same_as<Status>;
  { endpoint.release() } -> std::same_as<void>;
};

template <class E>
void set_abilities(Traits& traits) {
  traits.batches = Batching<E>;
  traits.in_place = BuildingInPlace<E>;
}

class AnyEndpoint {
 public:
  virtual ~AnyEndpoint() = default;

  virtual Status send(std::span<const std::byte> message) = 0;
  virtual Status receive(Buffer& message) = 0;
  virtual Status send_until(std::span<const std::byte> message, Deadline deadline) = 0;
  virtual Status receive_until(Buffer& message, Deadline deadline) = 0;
  virtual Status ready(Deadline deadline) = 0;
  // What poll(2) reports readable when a message comes, and readable or hung up when the stream
  // ends; -1 if there is no such thing. Ask ready(Deadline::now()) before sleeping on it: a message
  // may have been read ahead.
  virtual int wait_fd() const = 0;
  // Waits until all that was sent has left this process. Backends without a buffer of their own are
  // done at once.
  virtual Status flush(Deadline deadline) = 0;
  // What was sent and has not left this process yet may be lost at destruction.
  virtual void abandon_unsent() = 0;

  // REQUIRES for these and for plans: Traits::batches, Traits::in_place.
  virtual Status send_batch(std::span<const std::span<const std::byte>> messages, std::size_t& sent,
                            Deadline deadline) = 0;
  virtual Status receive_batch(std::span<Buffer> buffers, std::size_t& received,
                               Deadline deadline) = 0;
  virtual Status reserve(std::size_t size, std::span<std::byte>& room, Deadline deadline) = 0;
  virtual void commit() = 0;
  virtual Status peek(std::span<const std::byte>& message, Deadline deadline) = 0;
  virtual void release() = 0;

  virtual LoopResult stream_out(const LoopPlan& plan) = 0;
  virtual LoopResult stream_in(const LoopPlan& plan, SequenceCheck& check) = 0;
  // `in` and `out` are endpoints of the same backend as this one, possibly this one itself.
  virtual LoopResult ping(AnyEndpoint& in, const LoopPlan& plan, SequenceCheck& check,
                          Histogram& round_trips) = 0;
  virtual LoopResult pong(AnyEndpoint& out, const LoopPlan& plan, SequenceCheck& check) = 0;
};

template <Endpoint E>
class EndpointAdapter final : public AnyEndpoint {
 public:
  explicit EndpointAdapter(std::unique_ptr<E> endpoint) : endpoint_(std::move(endpoint)) {}

  Status send(std::span<const std::byte> message) override { return endpoint_->send(message); }
  Status receive(Buffer& message) override { return endpoint_->receive(message); }
  Status send_until(std::span<const std::byte> message, Deadline deadline) override {
    return endpoint_->send_until(message, deadline);
  }
  Status receive_until(Buffer& message, Deadline deadline) override {
    return endpoint_->receive_until(message, deadline);
  }
  Status ready(Deadline deadline) override { return endpoint_->ready(deadline); }
  int wait_fd() const override {
    if constexpr (requires { endpoint_->wait_fd(); }) {
      return endpoint_->wait_fd();
    } else {
      return -1;
    }
  }
  Status flush(Deadline deadline) override {
    if constexpr (requires { endpoint_->flush(deadline); }) {
      return endpoint_->flush(deadline);
    } else {
      return Status::ok;
    }
  }
  void abandon_unsent() override {
    if constexpr (requires { endpoint_->abandon_unsent(); }) endpoint_->abandon_unsent();
  }

  Status send_batch(std::span<const std::span<const std::byte>> messages, std::size_t& sent,
                    Deadline deadline) override {
    if constexpr (Batching<E>) return endpoint_->send_batch(messages, sent, deadline);
    std::abort();
  }
  Status receive_batch(std::span<Buffer> buffers, std::size_t& received,
                       Deadline deadline) override {
    if constexpr (Batching<E>) return endpoint_->receive_batch(buffers, received, deadline);
    std::abort();
  }
  Status reserve(std::size_t size, std::span<std::byte>& room, Deadline deadline) override {
    if constexpr (BuildingInPlace<E>) return endpoint_->reserve(size, room, deadline);
    std::abort();
  }
  void commit() override {
    if constexpr (BuildingInPlace<E>) return endpoint_->commit();
    std::abort();
  }
  Status peek(std::span<const std::byte>& message, Deadline deadline) override {
    if constexpr (BuildingInPlace<E>) return endpoint_->peek(message, deadline);
    std::abort();
  }
  void release() override {
    if constexpr (BuildingInPlace<E>) return endpoint_->release();
    std::abort();
  }

  LoopResult stream_out(const LoopPlan& plan) override {
    return run(plan, [&](auto carriage) {
      typename decltype(carriage)::Out out(*endpoint_, plan.bytes);
      return ipc::stream_out(out, plan);
    });
  }
  LoopResult stream_in(const LoopPlan& plan, SequenceCheck& check) override {
    return run(plan, [&](auto carriage) {
      typename decltype(carriage)::In in(*endpoint_, plan.bytes);
      return ipc::stream_in(in, plan, check);
    });
  }
  LoopResult ping(AnyEndpoint& in_end, const LoopPlan& plan, SequenceCheck& check,
                  Histogram& round_trips) override {
    return run(plan, [&](auto carriage) {
      typename decltype(carriage)::Out out(*endpoint_, plan.bytes);
      typename decltype(carriage)::In in(concrete(in_end), plan.bytes);
      return ipc::ping(out, in, plan, check, round_trips);
    });
  }
  LoopResult pong(AnyEndpoint& out_end, const LoopPlan& plan, SequenceCheck& check) override {
    return run(plan, [&](auto carriage) {
      typename decltype(carriage)::In in(*endpoint_, plan.bytes);
      typename decltype(carriage)::Out out(concrete(out_end), plan.bytes);
      return ipc::pong(in, out, plan, check);
    });
  }

 private:
  static E& concrete(AnyEndpoint& any) { return *static_cast<EndpointAdapter&>(any).endpoint_; }

  // Runs a loop over carriers of the planned kind.
  template <class Loop>
  static LoopResult run(const LoopPlan& plan, const Loop& loop) {
    switch (plan.carriage) {
      case Carriage::copies:
        return loop(Copying<E>());
      case Carriage::objects:
        return loop(Coding<E>());
      case Carriage::batches:
        if constexpr (Batching<E>) return loop(InBatches<E>());
        break;
      case Carriage::in_place:
        if constexpr (BuildingInPlace<E>) return loop(InPlace<E>());
        break;
    }
    std::abort();
  }

  std::unique_ptr<E> endpoint_;
};

}  // namespace ipc
