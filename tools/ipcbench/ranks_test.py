# SPDX-License-Identifier: MIT
"""Properties, hand-computed cases and SciPy's answers for ranks.py. All random numbers have fixed seeds."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from ipcbench.ranks import Shift, holm, least_p, least_values, rank_test, shift

TRIALS = 2000


def test_three_against_three_by_hand():
    assert rank_test([1, 2, 3], [4, 5, 6]) == pytest.approx(2 / 20)
    assert rank_test([4, 5, 6], [1, 2, 3]) == pytest.approx(2 / 20)
    assert rank_test([1, 2, 4], [3, 5, 6]) == pytest.approx(4 / 20)
    assert rank_test([1], [2]) == 1 and rank_test([7, 7], [7, 7, 7]) == 1


@pytest.mark.parametrize("n, m", [(1, 4), (3, 5), (7, 7), (12, 14), (30, 30), (40, 35)])
def test_without_ties_p_is_that_of_scipy(n, m):
    generator = np.random.default_rng(n)
    for effect in (0.0, 0.5, 2.0):
        x, y = generator.normal(size=n), generator.normal(effect, size=m)
        method = "exact" if n + m <= 60 else "asymptotic"
        expected = mannwhitneyu(x, y, method=method).pvalue
        assert rank_test(x, y) == pytest.approx(expected, rel=1e-9)


def test_with_ties_p_is_the_share_of_all_ways_to_deal_the_values_out():
    x, y = [1, 2, 2, 5], [2, 5, 5, 5, 7]
    pooled = np.array(x + y)
    ranks = np.array([(pooled < v).sum() + ((pooled == v).sum() + 1) / 2 for v in pooled])
    away = abs(ranks[:4].sum() - 4 * 10 / 2)
    dealt = [abs(ranks[list(hand)].sum() - 20) for hand in itertools.combinations(range(9), 4)]
    assert rank_test(x, y) == pytest.approx(np.mean([d >= away - 1e-9 for d in dealt]))
    many = [value for value in x for _ in range(10)], [value for value in y for _ in range(10)]
    assert rank_test(*many) == pytest.approx(mannwhitneyu(*many, method="asymptotic").pvalue)


def test_p_does_not_depend_on_the_scale_and_is_symmetric():
    generator = np.random.default_rng(5)
    x, y = np.exp(generator.normal(size=9)), np.exp(generator.normal(size=13))
    assert rank_test(x, y) == rank_test(np.log(x), np.log(y)) == pytest.approx(rank_test(y, x))


def test_the_shift_is_the_median_of_all_differences_and_its_interval_two_of_them():
    # 2/C(8,4) = 1/35 < 5 %: of 4 and 4 the interval is that from the lowest difference to the highest.
    assert shift([0, 1, 2, 3], [10, 11, 12, 13]) == Shift(10.0, 7.0, 13.0)
    assert shift([0, 1, 2], [10, 11, 12]) == Shift(10.0, None, None)
    assert shift([5], [6]) == Shift(1.0, None, None)


@pytest.mark.parametrize("n, m", [(4, 4), (7, 9), (12, 12), (40, 40)])
def test_the_interval_excludes_0_exactly_when_the_test_finds_a_difference(n, m):
    generator = np.random.default_rng(n * m)
    for _ in range(100):
        x, y = generator.normal(size=n), generator.normal(1, size=m)
        found = shift(x, y)
        if abs(rank_test(x, y) - 0.05) > 0.002 or n + m <= 60:
            assert (found.low <= 0 <= found.high) == (rank_test(x, y) > 0.05)


@pytest.mark.parametrize("n", [5, 12, 40])
def test_the_interval_covers_the_true_shift_as_often_as_it_says(n):
    generator = np.random.default_rng(n)
    hits = 0
    for _ in range(TRIALS):
        x, y = generator.exponential(size=n), 0.25 + generator.exponential(size=n)
        found = shift(x, y)
        hits += found.low <= 0.25 <= found.high
    assert 0.95 - 3 * math.sqrt(0.95 * 0.05 / TRIALS) <= hits / TRIALS <= 0.985


def test_the_fewest_values_for_a_level():
    assert least_p(4, 4) == pytest.approx(rank_test(range(4), range(4, 8))) == pytest.approx(2 / 70)
    assert [least_values(0.05 / series) for series in (1, 39, 300)] == [4, 7, 8]
    for n in (4, 7, 8):
        assert least_p(n, n) < least_p(n - 1, n - 1)


def test_holm_by_hand():
    corrected = holm({"a": 0.02, "b": 0.001, "c": 0.02, "d": 0.9})
    assert list(corrected) == ["b", "a", "c", "d"]
    assert list(corrected.values()) == pytest.approx([0.004, 0.06, 0.06, 0.9])
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0} and holm({}) == {}
