// SPDX-License-Identifier: MIT
// Latency histogram in HDR layout: buckets of equal width inside each power of two, so that the
// relative width is at most 2^-7 (0.8 %) from 128 ns on, and exactly 1 ns below. Constant size, no
// allocation, mergeable by addition, fit for shared memory. Values are nanoseconds; those from 2^36
// ns (69 s) on count as the last.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace ipc {

class Histogram {
 public:
  static constexpr int kSubBits = 7;
  static constexpr int kMaxBits = 36;
  static constexpr std::size_t kBuckets = (kMaxBits - kSubBits + 1) << kSubBits;

  void record(std::int64_t ns) {
    const std::uint64_t value = ns < 0 ? 0 : static_cast<std::uint64_t>(ns);
    ++counts_[index(value)];
    max_ = value > max_ ? value : max_;
  }

  void merge(const Histogram& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    if (other.max_ > max_) max_ = other.max_;
  }

  // Upper end of the bucket that holds the quantile, 0 < q <= 1, never above the maximum. Nothing
  // without at least 10 samples beyond it (for the median: any), for it would be a guess.
  std::optional<double> quantile(double q) const;

  std::uint64_t total() const;
  std::uint64_t max() const { return max_; }
  std::uint64_t count(std::size_t bucket) const { return counts_[bucket]; }

  static std::size_t index(std::uint64_t value) {
    if (value >= (std::uint64_t{1} << kMaxBits)) return kBuckets - 1;
    const int width = static_cast<int>(std::bit_width(value));
    const int shift = width > kSubBits + 1 ? width - kSubBits - 1 : 0;
    return (static_cast<std::size_t>(shift) << kSubBits) + static_cast<std::size_t>(value >> shift);
  }
  // Bucket i holds the values in [low(i), low(i + 1)).
  static std::uint64_t low(std::size_t bucket) {
    const std::size_t group = bucket >> kSubBits;
    const std::size_t shift = group == 0 ? 0 : group - 1;
    return static_cast<std::uint64_t>(bucket - (shift << kSubBits)) << shift;
  }

 private:
  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t max_ = 0;
};

}  // namespace ipc
