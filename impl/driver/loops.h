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

template <class Endpoint>
LoopResult stream_out(Endpoint& out, const LoopPlan& plan) {
  Buffer message = touched_buffer(plan.bytes);
  LoopResult result;
  result.begin_ns = monotonic_ns();
  for (std::uint64_t i = 0; i < plan.messages; ++i) {
    const std::uint64_t tag = make_tag(plan.producer, plan.first_sequence + i);
    fill_payload(message.bytes(), tag);
    if (result.status = out.send(message.bytes()); result.status != Status::ok) {
      result.fault = Fault::status;
      return result;
    }
    result.sum += tag;
    ++result.messages;
  }
  result.end_ns = monotonic_ns();
  return result;
}

// Receives one message and checks it; the fault if there is one.
template <class Endpoint>
Fault receive_checked(Endpoint& in, Buffer& message, const LoopPlan& plan, SequenceCheck& check,
                      std::uint64_t& tag, Status& status) {
  if (status = in.receive(message); status != Status::ok) return Fault::status;
  if (message.size() != plan.bytes) return Fault::wrong_size;
  if (!check_payload(message.bytes(), tag)) return Fault::torn;
  return check.see(tag, plan.every_message);
}

template <class Endpoint>
LoopResult stream_in(Endpoint& in, const LoopPlan& plan, SequenceCheck& check) {
  Buffer message = touched_buffer(plan.bytes);
  LoopResult result;
  result.begin_ns = monotonic_ns();
  for (std::uint64_t i = 0; i < plan.messages; ++i) {
    std::uint64_t tag;
    result.fault = receive_checked(in, message, plan, check, tag, result.status);
    if (result.fault != Fault::none) return result;
    result.sum += tag;
    ++result.messages;
  }
  result.end_ns = monotonic_ns();
  return result;
}

// Sends and awaits the answer, one message under way. Each round trip is stamped once: its end is
// the start of the next, so the sum of the recorded times is the duration of the batch.
template <class Endpoint>
LoopResult ping(Endpoint& out, Endpoint& in, const LoopPlan& plan, SequenceCheck& check,
                Histogram& round_trips) {
  Buffer request = touched_buffer(plan.bytes);
  Buffer answer = touched_buffer(plan.bytes);
  LoopResult result;
  std::int64_t stamp = result.begin_ns = monotonic_ns();
  for (std::uint64_t i = 0; i < plan.messages; ++i) {
    fill_payload(request.bytes(), make_tag(plan.producer, plan.first_sequence + i));
    if (result.status = out.send(request.bytes()); result.status != Status::ok) {
      result.fault = Fault::status;
      return result;
    }
    std::uint64_t tag;
    result.fault = receive_checked(in, answer, plan, check, tag, result.status);
    if (result.fault != Fault::none) return result;
    const std::int64_t now = monotonic_ns();
    round_trips.record(now - stamp);
    stamp = now;
    result.sum += tag;
    ++result.messages;
  }
  result.end_ns = stamp;
  return result;
}

// Answers each message with one of its own that has the same tag.
template <class Endpoint>
LoopResult pong(Endpoint& in, Endpoint& out, const LoopPlan& plan, SequenceCheck& check) {
  Buffer request = touched_buffer(plan.bytes);
  Buffer answer = touched_buffer(plan.bytes);
  LoopResult result;
  result.begin_ns = monotonic_ns();
  for (std::uint64_t i = 0; i < plan.messages; ++i) {
    std::uint64_t tag;
    result.fault = receive_checked(in, request, plan, check, tag, result.status);
    if (result.fault != Fault::none) return result;
    fill_payload(answer.bytes(), tag);
    if (result.status = out.send(answer.bytes()); result.status != Status::ok) {
      result.fault = Fault::status;
      return result;
    }
    result.sum += tag;
    ++result.messages;
  }
  result.end_ns = monotonic_ns();
  return result;
}

}  // namespace ipc
