# SPDX-License-Identifier: MIT
"""Latency histogram in HDR layout, the same buckets and quantiles as impl/driver/histogram.h.

Equal width inside each power of two: 2^-7 (0.8 %) of the value at most, exactly 1 ns below 256 ns.
Values are ns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

_SUB_BITS = 7


class Histogram:
    """Counts of latencies. `counts` maps a bucket's number to its count."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.total = 0
        self.max = 0

    def record_stamps(self, stamps: list[int]) -> None:
        """Adds the differences of consecutive stamps."""
        counts = self.counts
        for i in range(1, len(stamps)):
            value = stamps[i] - stamps[i - 1]
            shift = max(0, value.bit_length() - _SUB_BITS - 1)
            bucket = (shift << _SUB_BITS) + (value >> shift)
            counts[bucket] = counts.get(bucket, 0) + 1
            if value > self.max:
                self.max = value
        self.total += max(0, len(stamps) - 1)

    def merge(self, other: Histogram) -> None:
        """Adds the counts of another histogram."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.total += other.total
        self.max = max(self.max, other.max)

    def quantile(self, q: float) -> int | None:
        """The highest value of the bucket that holds quantile q, never above the maximum.

        None without 10 samples beyond it (for the median: without any), for it would be a guess.
        """
        if self.total == 0 or (q > 0.5 and self.total * (1 - q) < 10 - 1e-6):
            return None
        rank = max(1, math.ceil(q * self.total))
        seen = 0
        for bucket in sorted(self.counts):
            seen += self.counts[bucket]
            if seen >= rank:
                return min(_low(bucket + 1) - 1, self.max)
        return self.max

    def buckets(self) -> Iterator[tuple[int, int, int]]:
        """(low, high, count) of each bucket in use, values in [low, high), in order."""
        for bucket in sorted(self.counts):
            yield _low(bucket), _low(bucket + 1), self.counts[bucket]


def _low(bucket: int) -> int:
    """The lowest value in a bucket."""
    shift = max(0, (bucket >> _SUB_BITS) - 1)
    return (bucket - (shift << _SUB_BITS)) << shift
