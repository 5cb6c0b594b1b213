// SPDX-License-Identifier: MIT
// floor (round trips): what does the machine take to wake, switch to, or just reach another peer
// and come back? Asked with the same ping and pong loops, stamps and payload as every latency, over
// the least that can carry them:
//
//   cacheline_rtt               spinning, one bare cache line each way, between two CPUs
//   futex_rtt                   sleeping on a futex each time
//   context_switch_processes    half a futex_rtt of two processes on one CPU
//   context_switch_threads      the same of two threads of one process
#include <atomic>
#include <cstring>
#include <thread>

#include "bench/harness/floor_peers.h"
#include "impl/driver/carriers.h"
#include "impl/os/futex.h"
#include "impl/os/mapping.h"

namespace ipc::bench {
namespace {

// One direction: a message of up to kLineBytes (series.h), published by the number of messages so
// far.
struct alignas(128) Line {  // 128: neighbouring lines are fetched in pairs
  std::atomic<std::uint32_t> sent{0};
  std::uint32_t size = 0;
  std::byte bytes[kLineBytes];
};

struct Lines {
  Line line[2];
};

// Spins, or sleeps on the line's number.
template <bool kSleeps>
class LineEnd {
 public:
  LineEnd(Lines& lines, int side) : in_(lines.line[side]), out_(lines.line[1 - side]) {}

  // REQUIRES: the other side has taken the last message, as in a ping-pong.
  Status send(std::span<const std::byte> message) {
    std::memcpy(out_.bytes, message.data(), message.size());
    out_.size = static_cast<std::uint32_t>(message.size());
    out_.sent.store(++sent_, std::memory_order_release);  // pairs with the acquire in receive
    if constexpr (kSleeps) futex_wake(out_.sent, 1);
    return Status::ok;
  }
  Status receive(Buffer& message) {
    while (in_.sent.load(std::memory_order_acquire) == received_) {
      if constexpr (kSleeps) futex_wait(in_.sent, received_, Deadline::never());
    }
    ++received_;
    message.resize(in_.size);
    std::memcpy(message.data(), in_.bytes, in_.size);
    return Status::ok;
  }

 private:
  Line& in_;
  Line& out_;
  std::uint32_t sent_ = 0;
  std::uint32_t received_ = 0;
};

template <bool kSleeps>
LoopResult ping_lines(LineEnd<kSleeps>& end, const LoopPlan& plan, SequenceCheck& check,
                      Histogram& times) {
  typename Copying<LineEnd<kSleeps>>::Out out(end, plan.bytes);
  typename Copying<LineEnd<kSleeps>>::In in(end, plan.bytes);
  return ping(out, in, plan, check, times);
}
template <bool kSleeps>
LoopResult pong_lines(LineEnd<kSleeps>& end, const LoopPlan& plan, SequenceCheck& check) {
  typename Copying<LineEnd<kSleeps>>::In in(end, plan.bytes);
  typename Copying<LineEnd<kSleeps>>::Out out(end, plan.bytes);
  return pong(in, out, plan, check);
}

template <bool kSleeps>
TeamPlan round_trip(const Keys& keys) {
  const auto lines = std::make_shared<Shared<Lines>>();
  TeamPlan plan;
  plan.bytes = kLineBytes;
  plan.placement = keys.placement.value_or(Placement::same);
  plan.round_trips = std::make_shared<Shared<Histogram>>();
  plan.producers = {{.name = "ping", .open = [lines, times = plan.round_trips]() -> Job {
                       return [end = LineEnd<kSleeps>(**lines, 0), check = SequenceCheck(), lines,
                               times](const LoopPlan& batch) mutable {
                         return ping_lines(end, batch, check, **times);
                       };
                     }}};
  plan.consumers = {{.name = "pong", .open = [lines]() -> Job {
                       return [end = LineEnd<kSleeps>(**lines, 1), check = SequenceCheck(),
                               lines](const LoopPlan& batch) mutable {
                         return pong_lines(end, batch, check);
                       };
                     }}};
  return plan;
}

// A round trip on one CPU is two switches: the peers do half as many round trips as the batch has
// switches.
constexpr int kSwitches = 2;

std::unique_ptr<Team> cacheline_rtt(const Keys& keys, const RunOptions& options) {
  return std::make_unique<Team>(round_trip<false>(keys), options);
}

std::unique_ptr<Team> futex_rtt(const Keys& keys, const RunOptions& options) {
  return std::make_unique<Team>(round_trip<true>(keys), options);
}

std::unique_ptr<Team> context_switch_processes(const Keys& keys, const RunOptions& options) {
  TeamPlan plan = round_trip<true>(keys);
  plan.consumers.front().share = plan.producers.front().share = kSwitches;
  plan.round_trips = nullptr;  // what counts is a switch, half of one
  return std::make_unique<Team>(std::move(plan), options);
}

std::unique_ptr<Team> context_switch_threads(const Keys&, const RunOptions& options) {
  TeamPlan plan;
  plan.bytes = kLineBytes;
  plan.placement = Placement::same;
  plan.producers = {{.name = "both threads", .share = kSwitches, .open = []() -> Job {
                       return [](const LoopPlan& given) {
                         Lines lines;
                         LoopPlan batch = given;
                         batch.first_sequence = 0;
                         std::thread other([&] {
                           LineEnd<true> end(lines, 1);
                           SequenceCheck check;
                           pong_lines(end, batch, check);
                         });
                         LineEnd<true> end(lines, 0);
                         SequenceCheck check;
                         Histogram times;
                         const LoopResult result = ping_lines(end, batch, check, times);
                         other.join();
                         return result;
                       };
                     }}};
  return std::make_unique<Team>(std::move(plan), options);
}

const RegisterQuestion registered([] {
  std::vector<Series> all;
  all.push_back(floor_series("cacheline_rtt", {.placement = Placement::cross}, 2, cacheline_rtt));
  for (const Placement placement : kPlacements) {
    all.push_back(floor_series("futex_rtt", {.placement = placement}, 1, futex_rtt));
  }
  all.push_back(floor_series("context_switch_processes", {}, 1, context_switch_processes));
  all.push_back(floor_series("context_switch_threads", {}, 1, context_switch_threads));
  return all;
});

}  // namespace
}  // namespace ipc::bench
