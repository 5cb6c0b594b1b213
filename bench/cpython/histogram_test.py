# SPDX-License-Identifier: MIT
"""The histogram: its layout, its quantiles, what it refuses to guess."""

import pytest

from histogram import Histogram


def of(values):
    histogram = Histogram()
    stamps = [0]
    for value in values:
        stamps.append(stamps[-1] + value)
    histogram.record_stamps(stamps)
    return histogram


@pytest.mark.parametrize(
    "value", [0, 1, 127, 128, 255, 256, 257, 1000, 65535, 65536, 10**9, 2**36]
)
def test_a_value_lies_in_a_bucket_of_less_than_one_percent(value):
    ((low, high, count),) = of([value]).buckets()
    assert low <= value < high and count == 1
    assert high - low <= max(1, value / 128)


def test_buckets_join_without_gaps():
    buckets = list(of(range(5000)).buckets())
    assert buckets[0][0] == 0
    assert all(before[1] == after[0] for before, after in zip(buckets, buckets[1:]))
    assert sum(count for _, _, count in buckets) == 5000


def test_quantiles_are_within_a_bucket_of_the_exact_ones():
    histogram = of(range(1, 10001))
    for q in (0.5, 0.9, 0.99, 0.999):
        assert q * 10000 <= histogram.quantile(q) <= q * 10000 * 1.008
    assert histogram.max == 10000


def test_a_quantile_with_too_few_samples_is_absent():
    assert Histogram().quantile(0.5) is None
    assert of([7] * 999).quantile(0.99) is None
    assert of([7] * 1000).quantile(0.99) == 7
    assert of([7] * 9999).quantile(0.999) is None
    assert of([7] * 10000).quantile(0.999) == 7


def test_merging_is_the_same_as_recording_together():
    merged = of([5, 300, 70000])
    merged.merge(of([5, 1]))
    together = of([5, 300, 70000, 5, 1])
    assert list(merged.buckets()) == list(together.buckets())
    assert (merged.total, merged.max) == (5, 70000)
