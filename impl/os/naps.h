// SPDX-License-Identifier: MIT
// Deadlines for mechanisms that have none: look, nap, look again. The naps grow, so that what comes
// soon is seen soon and a long wait costs little.
#pragma once

#include <algorithm>
#include <chrono>

#include "impl/os/deadline.h"
#include "impl/os/status.h"

namespace ipc {

// Calls `look` until it says something else than timed_out; for the last time after the deadline.
template <class Look>
Status nap_until(Deadline deadline, const Look& look) {
  constexpr std::chrono::microseconds kShortest{20};
  constexpr std::chrono::microseconds kLongest{1000};
  for (auto nap = kShortest;; nap = std::min(2 * nap, kLongest)) {
    const bool last = deadline.passed();
    if (const Status status = look(); status != Status::timed_out || last) return status;
    const timespec until = deadline.within(nap).absolute();
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }
}

}  // namespace ipc
