// SPDX-License-Identifier: MIT
// The two faces of a backend's endpoint. `Endpoint` is what a backend's class must have.
// `AnyEndpoint` is what the rest of the program sees: single calls for the typed API and the tests,
// and the driver's loops, compiled against the concrete class: one virtual call a batch, none a
// message.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <span>

#include "impl/driver/coded.h"
#include "impl/driver/loops.h"
#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"

namespace ipc {

// An endpoint is opened in the process that uses it, and is for one thread at a time unless its
// family says otherwise (backend.h). `send` and `receive` wait for ever. The `_until` forms give
// timed_out only when nothing was sent or consumed. `ready`: ok when a receive would not wait for a
// message to begin, or would report the end. No allocation and no exception per message.
template <class E>
concept Endpoint = std::destructible<E> &&
    requires(E endpoint, std::span<const std::byte> message, Buffer& buffer, Deadline deadline) {
  { endpoint.send(message) } -> std::same_as<Status>;
  { endpoint.receive(buffer) } -> std::same_as<Status>;
  { endpoint.send_until(message, deadline) } -> std::same_as<Status>;
  { endpoint.receive_until(buffer, deadline) } -> std::same_as<Status>;
  { endpoint.ready(deadline) } -> std::same_as<Status>;
};

class AnyEndpoint {
 public:
  virtual ~AnyEndpoint() = default;

  virtual Status send(std::span<const std::byte> message) = 0;
  virtual Status receive(Buffer& message) = 0;
  virtual Status send_until(std::span<const std::byte> message, Deadline deadline) = 0;
  virtual Status receive_until(Buffer& message, Deadline deadline) = 0;
  virtual Status ready(Deadline deadline) = 0;
  // What poll(2) reports readable when a message comes or the stream ends, -1 if there is no such
  // thing. Ask ready(Deadline::now()) before sleeping on it: a message may have been read ahead.
  virtual int wait_fd() const = 0;
  // Waits until all that was sent has left this process. Backends without a buffer of their own are
  // done at once.
  virtual Status flush(Deadline deadline) = 0;
  // What was sent and has not left this process yet may be lost at destruction.
  virtual void abandon_unsent() = 0;

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

  LoopResult stream_out(const LoopPlan& plan) override {
    return run(
        plan, [&](auto& out) { return ipc::stream_out(out, plan); }, *endpoint_);
  }
  LoopResult stream_in(const LoopPlan& plan, SequenceCheck& check) override {
    return run(
        plan, [&](auto& in) { return ipc::stream_in(in, plan, check); }, *endpoint_);
  }
  LoopResult ping(AnyEndpoint& in_end, const LoopPlan& plan, SequenceCheck& check,
                  Histogram& round_trips) override {
    return run(
        plan, [&](auto& out, auto& in) { return ipc::ping(out, in, plan, check, round_trips); },
        *endpoint_, concrete(in_end));
  }
  LoopResult pong(AnyEndpoint& out_end, const LoopPlan& plan, SequenceCheck& check) override {
    return run(
        plan, [&](auto& in, auto& out) { return ipc::pong(in, out, plan, check); }, *endpoint_,
        concrete(out_end));
  }

 private:
  static E& concrete(AnyEndpoint& any) { return *static_cast<EndpointAdapter&>(any).endpoint_; }

  // Runs a loop over the endpoints, or over the same as carriers of objects.
  template <class Loop, class... Ends>
  static LoopResult run(const LoopPlan& plan, const Loop& loop, Ends&... ends) {
    if (!plan.objects) return loop(ends...);
    return [&loop](auto... coded) { return loop(coded...); }(Coded<Ends>(ends)...);
  }

  std::unique_ptr<E> endpoint_;
};

}  // namespace ipc
