# SPDX-License-Identifier: MIT
"""Properties and hand-computed cases of stats.py. All random numbers have fixed seeds."""

import math

import numpy as np
import pytest

from ipcbench.stats import (
    Interval,
    blocks_needed,
    log_ratios,
    median_interval,
    minimum_blocks,
    paired_ratio,
    selective,
    simultaneous,
    spread,
)

TRIALS = 4000

# name -> (sampler of (trials, n) values, true median)
DISTRIBUTIONS = {
    "lognormal": (lambda g, shape: g.lognormal(1.0, 1.5, shape), math.e),
    "exponential": (lambda g, shape: g.exponential(2.0, shape), 2 * math.log(2)),
    "pareto": (lambda g, shape: 1 + g.pareto(1.1, shape), 2 ** (1 / 1.1)),
    "bimodal": (
        lambda g, shape: np.where(g.random(shape) < 0.7, 3.0, 60.0) * g.lognormal(0, 0.1, shape),
        None,
    ),
}


def true_median(name):
    sampler, median = DISTRIBUTIONS[name]
    return median or float(np.median(sampler(np.random.default_rng(7), 2_000_001)))


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize(
    "n,confidence", [(6, 0.95), (12, 0.95), (12, 0.9995), (25, 0.95), (40, 0.99)]
)
def test_interval_covers_the_median_of_skewed_data_as_often_as_it_says(name, n, confidence):
    sampler, _ = DISTRIBUTIONS[name]
    median = true_median(name)
    samples = sampler(np.random.default_rng(20 + n), (TRIALS, n))
    intervals = [median_interval(row, confidence) for row in samples]
    achieved = intervals[0].confidence
    assert achieved >= confidence
    covered = sum(i.low <= median <= i.high for i in intervals) / TRIALS
    error = 4 * math.sqrt(achieved * (1 - achieved) / TRIALS) + 1 / TRIALS
    assert abs(covered - achieved) < error


@pytest.mark.parametrize("n", [6, 9, 12, 20])
def test_paired_ratio_covers_a_known_ratio_while_the_machine_drifts(n):
    generator = np.random.default_rng(n)
    covered = 0
    for _ in range(TRIALS // 4):
        drift = np.exp(np.cumsum(generator.normal(0, 0.2, n)))
        y = drift * generator.lognormal(0, 0.03, n)
        x = 1.3 * drift * generator.lognormal(0, 0.03, n)
        ratio = paired_ratio(dict(enumerate(x)), dict(enumerate(y)))
        assert ratio.high / ratio.low < 1.35
        covered += ratio.low <= 1.3 <= ratio.high
    assert covered / (TRIALS // 4) > 0.93


def test_intervals_of_order_statistics_by_hand():
    # n = 6: P(none of 6 below the median, or all) = 2/64
    assert median_interval([6, 1, 5, 2, 4, 3]) == Interval(6, 3.5, 1, 6, 1 - 2 / 64)
    # n = 9: k = 2 leaves 2 (1 + 9) / 512, k = 3 would leave 2 (1 + 9 + 36) / 512 > 0.05
    assert median_interval(range(1, 10)) == Interval(9, 5, 2, 8, 1 - 20 / 512)
    # n = 12: 2 (1 + 12 + 66) / 4096 = 0.0386
    assert median_interval(range(1, 13)) == Interval(12, 6.5, 3, 10, 1 - 158 / 4096)
    # n = 20: the textbook's 6th to 15th value, 95.86 %
    twenty = median_interval(range(1, 21))
    assert (twenty.low, twenty.high) == (6, 15)
    assert twenty.confidence == pytest.approx(0.9586, abs=5e-5)


def test_fewer_than_six_values_give_a_median_and_no_interval():
    assert median_interval([3, 1, 2, 5, 4]) == Interval(5, 3, None, None, None)
    assert median_interval([3, 1, 2, 5, 4], 0.5).low is None
    assert median_interval([]) == Interval(0, None, None, None, None)


def test_confidence_out_of_reach_gives_no_interval():
    assert median_interval(range(12), 1 - 2**-11).confidence == 1 - 2**-11
    assert median_interval(range(12), 1 - 2**-11.01).low is None


def test_minimum_blocks_for_many_cells():
    assert minimum_blocks(0.95) == minimum_blocks(0.5) == 6
    assert minimum_blocks(simultaneous(0.95, 102)) == 12
    assert minimum_blocks(simultaneous(0.95, 103)) == 13
    assert minimum_blocks(simultaneous(0.95, 204)) == 13
    assert minimum_blocks(simultaneous(0.95, 409)) == 14
    assert simultaneous(0.95, 1) == pytest.approx(0.95) == simultaneous(0.95, 0)


def test_paired_ratio_uses_the_blocks_that_both_have():
    x = {b: 2.0 * (b + 1) for b in range(8)} | {99: 1e9}
    y = {b: 1.0 * (b + 1) for b in range(8)} | {77: 1e-9}
    ratio = paired_ratio(x, y)
    assert ratio.n == 8
    assert (ratio.low, ratio.median, ratio.high) == pytest.approx((2, 2, 2))
    assert paired_ratio({1: 1.0}, {2: 1.0}) == Interval(0, None, None, None, None)


def test_paired_ratio_of_swapped_sides_is_the_reciprocal():
    generator = np.random.default_rng(3)
    x, y = (dict(enumerate(generator.lognormal(0, 1, 13))) for _ in range(2))
    there, back = paired_ratio(x, y), paired_ratio(y, x)
    assert (there.low, there.median, there.high) == pytest.approx(
        (1 / back.high, 1 / back.median, 1 / back.low)
    )


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_values_that_have_no_ratio_are_refused(bad):
    with pytest.raises(ValueError, match="block 3"):
        paired_ratio({3: bad}, {3: 1.0})


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        median_interval([1.0, math.nan])
    for confidence in (0, 1, 95, math.nan):
        with pytest.raises(ValueError, match="confidence"):
            median_interval([1.0], confidence)


def noise(sigma, ratio=1.0, n=12):
    """Logs whose quartiles are those of a normal distribution, around ln(ratio)."""
    return list(np.log(ratio) + sigma * np.linspace(-1.2, 1.2, n))


def test_blocks_needed_grows_with_noise_and_confidence_and_nearness():
    by_noise = [blocks_needed(noise(s, 1.15), 1.05) for s in (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)]
    by_confidence = [blocks_needed(noise(0.1, 1.15), 1.05, c) for c in (0.8, 0.95, 0.999, 0.99999)]
    by_distance = [blocks_needed(noise(0.1, r), 1.05) for r in (2.0, 1.3, 1.15, 1.1, 1.07)]
    for counts in (by_noise, by_confidence, by_distance):
        assert counts == sorted(counts)
        assert len(set(counts)) > 2
    assert by_noise[0] == 6
    assert min(by_confidence) >= 6


def test_blocks_needed_gives_up_at_the_threshold_and_without_a_spread():
    assert blocks_needed(noise(0.1, 1.05), 1.05) is None
    assert blocks_needed([0.5], 1.05) is None


def test_blocks_needed_decides_about_as_often_as_it_promises():
    generator = np.random.default_rng(11)
    sigma, ratio = 0.10, 1.12
    n = blocks_needed(list(generator.normal(math.log(ratio), sigma, 20_001)), 1.05)
    samples = np.exp(generator.normal(math.log(ratio), sigma, (1000, n)))
    decided = sum(median_interval(row).low > 1.05 for row in samples) / 1000
    assert 0.75 < decided < 0.9


def test_spread_is_the_middle_half_over_the_median():
    assert spread([1, 2, 3, 4, 5]) == pytest.approx(2 / 3)
    assert spread([7, 7, 7]) == 0
    assert spread([7]) is None
    assert spread([0, 0]) is None


def test_log_ratios_are_ordered_by_block():
    assert log_ratios({2: math.e, 1: 1.0}, {1: 1.0, 2: 1.0}) == pytest.approx([0, 1])


def test_selective_asks_less_the_more_is_decided():
    clear, doubtful = [1.0] * 12, [1.0, -1.0] * 6
    assert selective([clear] * 10, 0.0, 0.95) == pytest.approx(0.95)
    assert selective([clear] * 5 + [doubtful] * 5, 0.0, 0.95) == pytest.approx(1 - 0.05 * 5 / 10)
    assert selective([doubtful] * 10, 0.0, 0.95) == pytest.approx(1 - 0.05 / 10)
    assert selective([], 0.0, 0.95) == pytest.approx(0.95)
    assert selective([[1.0] * 5], 0.0, 0.95) == pytest.approx(0.95)  # too few values to decide


def test_what_selective_intervals_decide_is_seldom_wrong():
    """Half of the cells lie at the threshold, so whatever decides them is wrong; the others lie beside it."""
    generator = np.random.default_rng(7)
    shares, decided = [], 0
    for _ in range(300):
        samples = [list(generator.normal(0.0 if i < 20 else 1.2, 1, 14)) for i in range(40)]
        confidence = selective(samples, 0.0, 0.95)
        intervals = [median_interval(sample, confidence) for sample in samples]
        clear = [i for i, x in enumerate(intervals) if x.low is not None and x.low * x.high > 0]
        shares.append(sum(i < 20 for i in clear) / max(len(clear), 1))
        decided += len(clear)
    assert 0 < np.mean(shares) <= 0.05
    assert decided > 300 * 10
