// SPDX-License-Identifier: MIT
#include "impl/driver/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ipc {

std::uint64_t Histogram::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

std::optional<double> Histogram::quantile(double q) const {
  constexpr double kBeyond = 10;
  const auto total = static_cast<double>(this->total());
  if (total == 0 || (q > 0.5 && q < 1 && total * (1 - q) < kBeyond - 1e-6)) return std::nullopt;
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(q * total)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank) return static_cast<double>(std::min(low(i + 1) - 1, max_));
  }
  return static_cast<double>(max_);
}

}  // namespace ipc
