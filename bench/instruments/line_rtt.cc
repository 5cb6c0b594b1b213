// SPDX-License-Identifier: MIT
// A round trip of 48 bytes between two processes that spin on two CPUs, over cache lines: from the
// bare one, which is always the same, towards the ring of shm_ring_spin.
//
//   line_rtt ROUND_TRIPS CPU_OF_PING CPU_OF_PONG ADDED
//
//   ADDED  0  one line each way, published by counting
//          1  each message in the next of 1024 lines
//          2  a word that is not zero publishes it; the next one's is cleared before
//          3  both say how far they are
//          4  both look whether the other is there
//          5  a pause between two looks for a message
//          6  the sender looks into its next line, at which the receiver looks too: not what
//             shm_ring does, but what it must not do
//
// Prints ns, the median round trip.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <stdexcept>

#include "bench/instruments/arguments.h"
#include "impl/driver/carriers.h"
#include "impl/driver/loops.h"
#include "impl/os/affinity.h"
#include "impl/os/child.h"
#include "impl/os/mapping.h"
#include "impl/sync/spinning.h"

namespace ipc::bench {
namespace {

enum Added { kNothing, kMoves, kClears, kCounts, kLooks, kPauses, kLooksAhead };

constexpr std::size_t kBytes = 48;
constexpr std::size_t kLines = 1024;
constexpr std::size_t kApart = 128;  // neighbouring lines are fetched in pairs

struct Way {
  struct alignas(64) Line {
    std::atomic<std::uint64_t> word{0};
    std::byte bytes[kBytes];
  };
  alignas(kApart) Line lines[kLines];
  alignas(kApart) std::atomic<std::uint64_t> sent{0};
  alignas(kApart) std::atomic<std::uint64_t> received{0};
  alignas(kApart) std::atomic<bool> is_taken{true};
};

template <int kAdded>
class End {
 public:
  End(Way& in, Way& out) : in_(in), out_(out) {}

  Status send(std::span<const std::byte> message) {
    Way::Line& line = line_of(out_, sent_);
    if constexpr (kAdded >= kLooks) {
      if (!out_.is_taken.load(std::memory_order_relaxed)) return Status::closed;
    }
    if constexpr (kAdded >= kLooksAhead) {
      if (line.word.load(std::memory_order_relaxed) != 0) return Status::corrupt;
    }
    ++sent_;
    if constexpr (kAdded >= kClears) line_of(out_, sent_).word.store(0, std::memory_order_relaxed);
    std::memcpy(line.bytes, message.data(), message.size());
    line.word.store(sent_, std::memory_order_release);  // pairs with the acquire in receive
    if constexpr (kAdded >= kCounts) out_.sent.store(sent_, std::memory_order_relaxed);
    return Status::ok;
  }
  Status receive(Buffer& message) {
    Way::Line& line = line_of(in_, received_);
    if constexpr (kAdded >= kLooks) {
      if (!in_.is_taken.load(std::memory_order_relaxed)) return Status::closed;
    }
    ++received_;
    while (!is_there(line.word.load(std::memory_order_acquire))) {
      if constexpr (kAdded >= kPauses) cpu_relax();
    }
    message.resize(kBytes);
    std::memcpy(message.data(), line.bytes, kBytes);
    if constexpr (kAdded >= kCounts) in_.received.store(received_, std::memory_order_release);
    return Status::ok;
  }

 private:
  static Way::Line& line_of(Way& way, std::uint64_t place) {
    return way.lines[kAdded >= kMoves ? place % kLines : 0];
  }
  bool is_there(std::uint64_t word) const {
    return kAdded >= kClears ? word != 0 : word == received_;
  }

  Way& in_;
  Way& out_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

template <int kAdded>
void measure(std::uint64_t round_trips, int cpu_of_ping, int cpu_of_pong) {
  const Shared<Way> there;
  const Shared<Way> back;
  const LoopPlan plan{.bytes = kBytes, .messages = round_trips};
  Child other = fork_child([&] {
    pin_to_cpu(cpu_of_pong);
    End<kAdded> end(*there, *back);
    typename Copying<End<kAdded>>::In in(end, kBytes);
    typename Copying<End<kAdded>>::Out out(end, kBytes);
    SequenceCheck check;
    return pong(in, out, plan, check).fault == Fault::none ? 0 : 1;
  });
  pin_to_cpu(cpu_of_ping);
  End<kAdded> end(*back, *there);
  typename Copying<End<kAdded>>::Out out(end, kBytes);
  typename Copying<End<kAdded>>::In in(end, kBytes);
  SequenceCheck check;
  Histogram times;
  const LoopResult result = ping(out, in, plan, check, times);
  if (result.fault != Fault::none || other.wait(Deadline::never()) != 0) {
    throw std::runtime_error("a message was lost, or was not what it should be");
  }
  std::printf("%.1f\n", times.quantile(0.5).value());
}

}  // namespace
}  // namespace ipc::bench

int main(int argc, char** argv) {
  using namespace ipc::bench;
  const std::vector<int> given = numbers(argc, argv, "line_rtt",
                                         {{"ROUND_TRIPS", 1000},
                                          {"CPU_OF_PING", 0},
                                          {"CPU_OF_PONG", 0},
                                          {"ADDED", kNothing, kLooksAhead}});
  const auto round_trips = static_cast<std::uint64_t>(given[0]);
  constexpr decltype(&measure<kNothing>) kMeasures[] = {
      measure<kNothing>, measure<kMoves>,  measure<kClears>,    measure<kCounts>,
      measure<kLooks>,   measure<kPauses>, measure<kLooksAhead>};
  try {
    kMeasures[given[3]](round_trips, given[1], given[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "line_rtt: %s\n", error.what());
    return 1;
  }
}
