// SPDX-License-Identifier: MIT
// THE timed code: the four loops that drive every backend, compiled against its concrete endpoint,
// so that a message costs no indirect call. A fifth loop is a change to the contract of all
// families.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "impl/driver/histogram.h"
#include "impl/driver/payload.h"
#include "impl/os/buffer.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"

namespace ipc {

inline constexpr std::uint32_t kMaxProducers = 64;

// One batch for one peer.
struct LoopPlan {
  std::size_t bytes = 0;             // a message's size, at least kMinPayload
  std::uint64_t messages = 0;        // to send or to receive (round trips for ping and pong)
  std::uint32_t producer = 0;        // this producer's number, below kMaxProducers
  std::uint64_t first_sequence = 0;  // of this batch
  bool every_message = true;         // this consumer gets all messages of its producers
  bool objects = false;              // messages travel as encoded objects, not as bytes
};

// What can be wrong with a message that arrived, or did not.
enum class Fault : std::uint32_t {
  none,
  status,         // see `status`
  wrong_size,     // a message of another length
  torn,           // bytes that no producer wrote together
  lost,           // a gap in the sequence
  out_of_order,   // or doubled
  unknown_sender  // a producer's number out of range
};

struct LoopResult {
  Fault fault = Fault::none;
  Status status = Status::ok;
  std::uint64_t messages = 0;  // done before the fault
  std::uint64_t sum = 0;       // of the tags: equal over all producers and all consumers
  std::int64_t begin_ns = 0;   // monotonic, before the first message
  std::int64_t end_ns = 0;     // after the last
};

// What one consumer has seen of each producer, kept over the batches of a run.
class SequenceCheck {
 public:
  Fault see(std::uint64_t tag, bool every_message) {
    const std::uint32_t producer = producer_of(tag);
    if (producer >= kMaxProducers) return Fault::unknown_sender;
    const std::uint64_t sequence = sequence_of(tag);
    std::uint64_t& next = next_[producer];
    if (sequence < next) return Fault::out_of_order;
    if (every_message && sequence != next) return Fault::lost;
    next = sequence + 1;
    return Fault::none;
  }

 private:
  std::array<std::uint64_t, kMaxProducers> next_{};
};

// Memory for messages whose pages are there already, so that no page fault is timed.
inline Buffer touched_buffer(std::size_t bytes) {
  Buffer buffer(bytes);
  fill_payload(buffer.bytes(), 0);
  return buffer;
}

// What a loop has done so far. The loops keep it, and a plan of their own, in registers: neither is
// visible to the endpoint.
class Progress {
 public:
  void add(std::uint64_t tag) {
    ++messages_;
    sum_ += tag;
  }
  std::uint64_t messages() const { return messages_; }
  std::int64_t begin_ns() const { return begin_ns_; }

  LoopResult done(std::int64_t end_ns) const { return result(Fault::none, Status::ok, end_ns); }
  LoopResult failed(Fault fault, Status status) const { return result(fault, status, 0); }

 private:
  LoopResult result(Fault fault, Status status, std::int64_t end_ns) const {
    return {.fault = fault,
            .status = status,
            .messages = messages_,
            .sum = sum_,
            .begin_ns = begin_ns_,
            .end_ns = end_ns};
  }

  std::uint64_t messages_ = 0;
  std::uint64_t sum_ = 0;
  std::int64_t begin_ns_ = monotonic_ns();
};

template <class Endpoint>
LoopResult stream_out(Endpoint& out, const LoopPlan plan) {
  Buffer message = touched_buffer(plan.bytes);
  Progress progress;
  while (progress.messages() < plan.messages) {
    const std::uint64_t tag = make_tag(plan.producer, plan.first_sequence + progress.messages());
    fill_payload(message.bytes(), tag);
    if (const Status status = out.send(message.bytes()); status != Status::ok) {
      return progress.failed(Fault::status, status);
    }
    progress.add(tag);
  }
  return progress.done(monotonic_ns());
}

// Receives one message and checks it; the fault if there is one.
template <class Endpoint>
[[gnu::always_inline]] inline Fault receive_checked(Endpoint& in, Buffer& message,
                                                    const LoopPlan& plan, SequenceCheck& check,
                                                    std::uint64_t& tag, Status& status) {
  if (status = in.receive(message); status != Status::ok) return Fault::status;
  if (message.size() != plan.bytes) return Fault::wrong_size;
  if (!check_payload(message.bytes(), tag)) return Fault::torn;
  return check.see(tag, plan.every_message);
}

template <class Endpoint>
LoopResult stream_in(Endpoint& in, const LoopPlan plan, SequenceCheck& check) {
  Buffer message = touched_buffer(plan.bytes);
  Progress progress;
  while (progress.messages() < plan.messages) {
    std::uint64_t tag;
    Status status;
    const Fault fault = receive_checked(in, message, plan, check, tag, status);
    if (fault != Fault::none) return progress.failed(fault, status);
    progress.add(tag);
  }
  return progress.done(monotonic_ns());
}

// Sends and awaits the answer, one message under way. Each round trip is stamped once: its end is
// the start of the next, so the sum of the recorded times is the duration of the batch.
template <class Endpoint>
LoopResult ping(Endpoint& out, Endpoint& in, const LoopPlan plan, SequenceCheck& check,
                Histogram& round_trips) {
  Buffer request = touched_buffer(plan.bytes);
  Buffer answer = touched_buffer(plan.bytes);
  Progress progress;
  std::int64_t stamp = progress.begin_ns();
  while (progress.messages() < plan.messages) {
    fill_payload(request.bytes(),
                 make_tag(plan.producer, plan.first_sequence + progress.messages()));
    Status status = out.send(request.bytes());
    if (status != Status::ok) return progress.failed(Fault::status, status);
    std::uint64_t tag;
    const Fault fault = receive_checked(in, answer, plan, check, tag, status);
    if (fault != Fault::none) return progress.failed(fault, status);
    const std::int64_t now = monotonic_ns();
    round_trips.record(now - stamp);
    stamp = now;
    progress.add(tag);
  }
  return progress.done(stamp);
}

// Answers each message with one of its own that has the same tag.
template <class Endpoint>
LoopResult pong(Endpoint& in, Endpoint& out, const LoopPlan plan, SequenceCheck& check) {
  Buffer request = touched_buffer(plan.bytes);
  Buffer answer = touched_buffer(plan.bytes);
  Progress progress;
  while (progress.messages() < plan.messages) {
    std::uint64_t tag;
    Status status;
    const Fault fault = receive_checked(in, request, plan, check, tag, status);
    if (fault != Fault::none) return progress.failed(fault, status);
    fill_payload(answer.bytes(), tag);
    if (status = out.send(answer.bytes()); status != Status::ok) {
      return progress.failed(Fault::status, status);
    }
    progress.add(tag);
  }
  return progress.done(monotonic_ns());
}

}  // namespace ipc
