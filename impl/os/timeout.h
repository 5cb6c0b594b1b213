// SPDX-License-Identifier: MIT
// How long a call of the typed API may wait, as Python spells it: seconds as a real number, nothing
// for ever, zero or less not at all. Measured on the monotonic clock.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>

#include "impl/os/deadline.h"
#include "impl/os/error.h"

namespace ipc {

using Timeout = std::optional<double>;

// Throws ValueError for a NaN.
inline Deadline deadline_of(Timeout timeout) {
  constexpr double kForEver = 1e9;  // seconds, over 30 years
  if (!timeout || *timeout >= kForEver) return Deadline::never();
  if (std::isnan(*timeout)) throw ValueError("a timeout must be a number of seconds, not NaN");
  if (*timeout <= 0) return Deadline::now();
  return Deadline::after(
      std::chrono::nanoseconds(static_cast<std::int64_t>(std::ceil(*timeout * 1e9))));
}

// As Python's (block, timeout): without block the timeout is ignored.
inline Deadline deadline_of(bool block, Timeout timeout) {
  return block ? deadline_of(timeout) : Deadline::now();
}

}  // namespace ipc
