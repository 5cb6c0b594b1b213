// SPDX-License-Identifier: MIT
#include "impl/driver/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace ipc {
namespace {

TEST(Histogram, EveryValueLiesInItsBucket) {
  for (int bit = 0; bit < Histogram::kMaxBits; ++bit) {
    for (const std::int64_t near : {-1, 0, 1, 77}) {
      const std::int64_t value = (std::int64_t{1} << bit) + near;
      if (value < 0 || value >= std::int64_t{1} << Histogram::kMaxBits) continue;
      const auto v = static_cast<std::uint64_t>(value);
      const std::size_t i = Histogram::index(v);
      EXPECT_LE(Histogram::low(i), v);
      EXPECT_GT(Histogram::low(i + 1), v);
    }
  }
}

TEST(Histogram, BucketsAreNarrowAndWithoutGaps) {
  for (std::size_t i = 0; i + 1 < Histogram::kBuckets; ++i) {
    const auto low = static_cast<double>(Histogram::low(i));
    const auto next = static_cast<double>(Histogram::low(i + 1));
    EXPECT_EQ(Histogram::index(Histogram::low(i)), i);
    EXPECT_LE(next - low, std::max(1.0, low / 127));
  }
}

TEST(Histogram, QuantilesAgreeWithSortedSamples) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> times(8, 1.5);
  std::vector<double> samples;
  Histogram histogram;
  for (int i = 0; i < 100'000; ++i) {
    samples.push_back(std::floor(times(random)));
    histogram.record(static_cast<std::int64_t>(samples.back()));
  }
  std::sort(samples.begin(), samples.end());
  for (const double q : {0.001, 0.5, 0.9, 0.99, 0.999}) {
    const double exact = samples[static_cast<std::size_t>(std::ceil(q * 100'000)) - 1];
    EXPECT_NEAR(*histogram.quantile(q), exact, exact * 0.008 + 1) << q;
  }
  EXPECT_EQ(histogram.quantile(1), samples.back());
  EXPECT_EQ(histogram.total(), 100'000u);
}

TEST(Histogram, SaysNothingWithoutEnoughSamples) {
  Histogram histogram;
  EXPECT_FALSE(histogram.quantile(0.5));
  for (int i = 0; i < 999; ++i) histogram.record(i);
  EXPECT_TRUE(histogram.quantile(0.5));
  EXPECT_FALSE(histogram.quantile(0.99));
  histogram.record(5);
  EXPECT_TRUE(histogram.quantile(0.99));
  EXPECT_FALSE(histogram.quantile(0.999));
}

TEST(Histogram, MergingAddsUp) {
  Histogram a;
  Histogram b;
  a.record(10);
  b.record(10);
  b.record(5'000'000);
  a.merge(b);
  EXPECT_EQ(a.total(), 3u);
  EXPECT_EQ(a.count(10), 2u);
  EXPECT_EQ(a.max(), 5'000'000u);
}

TEST(Histogram, TakesTimesBeyondItsRange) {
  Histogram histogram;
  histogram.record(-3);
  histogram.record(std::int64_t{1} << 50);
  EXPECT_EQ(histogram.count(0), 1u);
  EXPECT_EQ(histogram.count(Histogram::kBuckets - 1), 1u);
}

}  // namespace
}  // namespace ipc
