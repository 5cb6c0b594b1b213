// SPDX-License-Identifier: MIT
// A point on the monotonic clock until which an operation may wait. Absolute, so that a call that
// waits in several places, or is interrupted, keeps one limit.
#pragma once

#include <poll.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <limits>

namespace ipc {

// Nanoseconds on CLOCK_MONOTONIC, which all processes of one machine share.
inline std::int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

class Deadline {
 public:
  static constexpr Deadline never() { return Deadline(kNever); }
  // Already passed: the operation does what can be done at once.
  static constexpr Deadline now() { return Deadline(0); }
  static constexpr Deadline at(std::int64_t ns) { return Deadline(ns); }
  // A duration of zero or less gives now().
  static Deadline after(std::chrono::nanoseconds wait) {
    return wait.count() <= 0 ? now() : Deadline(monotonic_ns() + wait.count());
  }

  constexpr bool is_never() const { return ns_ == kNever; }
  bool passed() const { return !is_never() && (ns_ == 0 || monotonic_ns() >= ns_); }
  constexpr std::int64_t ns() const { return ns_; }
  constexpr timespec absolute() const { return {ns_ / 1'000'000'000, ns_ % 1'000'000'000}; }

  // The earlier of this deadline and `slice` from now: for waits that must look around in between.
  Deadline within(std::chrono::nanoseconds slice) const {
    const std::int64_t end = monotonic_ns() + slice.count();
    return Deadline(end < ns_ ? end : ns_);
  }

  // What is left, at least zero. REQUIRES: !is_never().
  timespec remaining() const {
    const std::int64_t left = ns_ == 0 ? 0 : ns_ - monotonic_ns();
    return left <= 0 ? timespec{0, 0} : timespec{left / 1'000'000'000, left % 1'000'000'000};
  }

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  constexpr explicit Deadline(std::int64_t ns) : ns_(ns) {}
  std::int64_t ns_;
};

// Waits until one of `events` (or an error or hang-up) is reported on `fd`. Retries after signals.
// Returns the reported events; 0 when the deadline passed; -1 with errno on failure.
int poll_until(int fd, short events, Deadline deadline);

}  // namespace ipc
