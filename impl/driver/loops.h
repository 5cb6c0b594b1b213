// SPDX-License-Identifier: MIT
// THE timed code: the four loops that drive every backend, compiled against its concrete endpoint
// and the way its messages are handed over (carriers.h), so that a message costs no indirect call.
// A fifth loop is a change to the contract of all families.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "impl/driver/histogram.h"
#include "impl/driver/payload.h"
#include "impl/os/deadline.h"
#include "impl/os/status.h"

namespace ipc {

inline constexpr std::uint32_t kMaxProducers = 64;

// How messages are handed over. Only `copies` and `objects` are for every backend.
enum class Carriage {
  copies,
  objects,   // encoded and decoded
  batches,   // several in one call
  in_place,  // built and read in the transport
};

// How the messages of a producer come to a consumer.
enum class Arrival {
  consecutive,  // all of them, in their order
  increasing,   // some, in their order
  any,          // some, in any order: of a backend that keeps none (Traits::ordered)
};

// One batch for one peer.
struct LoopPlan {
  std::size_t bytes = 0;                   // a message's size, at least kMinPayload
  std::uint64_t messages = 0;              // to send or to receive (round trips for ping and pong)
  std::uint32_t producer = 0;              // this producer's number, below kMaxProducers
  std::uint64_t first_sequence = 0;        // of this batch
  Arrival arrival = Arrival::consecutive;  // to be expected by a consumer
  Carriage carriage = Carriage::copies;
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
  Fault see(std::uint64_t tag, Arrival arrival) {
    const std::uint32_t producer = producer_of(tag);
    if (producer >= kMaxProducers) return Fault::unknown_sender;
    if (arrival == Arrival::any) return Fault::none;
    const std::uint64_t sequence = sequence_of(tag);
    std::uint64_t& next = next_[producer];
    if (sequence < next) return Fault::out_of_order;
    if (arrival == Arrival::consecutive && sequence != next) return Fault::lost;
    next = sequence + 1;
    return Fault::none;
  }

 private:
  std::array<std::uint64_t, kMaxProducers> next_{};
};

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

template <class Out>
LoopResult stream_out(Out& out, const LoopPlan plan) {
  Progress progress;
  while (progress.messages() < plan.messages) {
    const std::uint64_t tag = make_tag(plan.producer, plan.first_sequence + progress.messages());
    if (const Status status = out.send(tag); status != Status::ok) {
      return progress.failed(Fault::status, status);
    }
    progress.add(tag);
  }
  if (const Status status = out.flush(); status != Status::ok) {
    return progress.failed(Fault::status, status);
  }
  return progress.done(monotonic_ns());
}

// Receives one message and checks it; the fault if there is one.
template <class In>
[[gnu::always_inline]] inline Fault receive_checked(In& in, const LoopPlan& plan,
                                                    SequenceCheck& check, std::uint64_t& tag,
                                                    Status& status) {
  std::span<const std::byte> message;
  if (status = in.receive(message); status != Status::ok) return Fault::status;
  if (message.size() != plan.bytes) return Fault::wrong_size;
  const bool whole = check_payload(message, tag);
  in.done();
  if (!whole) return Fault::torn;
  return check.see(tag, plan.arrival);
}

template <class In>
LoopResult stream_in(In& in, const LoopPlan plan, SequenceCheck& check) {
  Progress progress;
  while (progress.messages() < plan.messages) {
    std::uint64_t tag;
    Status status;
    const Fault fault = receive_checked(in, plan, check, tag, status);
    if (fault != Fault::none) return progress.failed(fault, status);
    progress.add(tag);
  }
  return progress.done(monotonic_ns());
}

// Sends and awaits the answer, one message under way. Each round trip is stamped once: its end is
// the start of the next, so the sum of the recorded times is the duration of the batch.
// REQUIRES: `out` keeps nothing back.
template <class Out, class In>
LoopResult ping(Out& out, In& in, const LoopPlan plan, SequenceCheck& check,
                Histogram& round_trips) {
  Progress progress;
  std::int64_t stamp = progress.begin_ns();
  while (progress.messages() < plan.messages) {
    Status status = out.send(make_tag(plan.producer, plan.first_sequence + progress.messages()));
    if (status != Status::ok) return progress.failed(Fault::status, status);
    std::uint64_t tag;
    const Fault fault = receive_checked(in, plan, check, tag, status);
    if (fault != Fault::none) return progress.failed(fault, status);
    const std::int64_t now = monotonic_ns();
    round_trips.record(now - stamp);
    stamp = now;
    progress.add(tag);
  }
  return progress.done(stamp);
}

// Answers each message with one of its own that has the same tag. REQUIRES: as above.
template <class In, class Out>
LoopResult pong(In& in, Out& out, const LoopPlan plan, SequenceCheck& check) {
  Progress progress;
  while (progress.messages() < plan.messages) {
    std::uint64_t tag;
    Status status;
    const Fault fault = receive_checked(in, plan, check, tag, status);
    if (fault != Fault::none) return progress.failed(fault, status);
    if (status = out.send(tag); status != Status::ok) {
      return progress.failed(Fault::status, status);
    }
    progress.add(tag);
  }
  return progress.done(monotonic_ns());
}

}  // namespace ipc
