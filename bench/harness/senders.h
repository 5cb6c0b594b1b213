// SPDX-License-Identifier: MIT
// What a producer may do with a batch: send its messages at once, or each after a silence.
#pragma once

#include <chrono>
#include <thread>
#include <vector>

#include "bench/harness/program.h"
#include "impl/driver/endpoint.h"

namespace ipc::bench {

using Sender = LoopResult (*)(AnyEndpoint&, const LoopPlan&);

inline LoopResult send_at_once(AnyEndpoint& end, const LoopPlan& batch) {
  return end.stream_out(batch);
}

// Of the questions about waiting: one cell a backend, on two CPUs, where one that spins may wait
// too.
inline constexpr std::chrono::seconds kSilence{2};
inline constexpr Keys kSilentKeys{.bytes = 64, .placement = Placement::cross};

inline LoopResult send_after_silences(AnyEndpoint& end, const LoopPlan& batch) {
  LoopPlan one = batch;
  one.messages = 1;
  LoopResult all{.begin_ns = monotonic_ns()};
  for (std::uint64_t i = 0; i < batch.messages && all.fault == Fault::none; ++i) {
    std::this_thread::sleep_for(kSilence);
    const LoopResult sent = end.stream_out(one);
    ++one.first_sequence;
    all.fault = sent.fault;
    all.status = sent.status;
    all.messages += sent.messages;
    all.sum += sent.sum;
    all.end_ns = sent.end_ns;
  }
  return all;
}

// A cell for each backend of a registry where somebody waits.
template <class Registry, class Start>
std::vector<Series> silent_series(const char* question, Start start) {
  std::vector<Series> series;
  for (const auto& [name, entry] : Registry::entries()) {
    if (!entry.traits.transports) continue;
    series.push_back(backend_series(question, Metric::cost, entry, kSilentKeys, start, 2));
  }
  return series;
}

}  // namespace ipc::bench
