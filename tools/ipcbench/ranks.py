# SPDX-License-Identifier: MIT
"""Two independent samples compared by ranks: an exact test, the shift between them with its interval, Holm's correction.

Nothing is assumed of the distributions. The samples are process runs of one series, of the one build and of the other.

The test is Wilcoxon's, Mann and Whitney's: of all ways to deal the pooled values out to the two samples, in how many
are the ranks as unequal as they are? They are counted one by one, ties included: percentiles come from histograms, so
ties are common. The shift is Hodges and Lehmann's: the median of all differences between a value of the one and a value
of the other. Its interval are order statistics of these differences; ties only make it wider than it need be. It takes
4 values on each side for 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

EXACT_VALUES = 60  # in both samples together; beyond, the normal approximation is as good


@dataclass(frozen=True)
class Shift:
    """How much higher the second sample lies. `low` and `high` are None when there are too few values for the interval."""

    estimate: float
    low: float | None
    high: float | None


def rank_test(x: Sequence[float], y: Sequence[float]) -> float:
    """The p value, two-sided, of x and y being from one distribution. REQUIRES: neither is empty."""
    pooled = np.concatenate([np.asarray(x, float), np.asarray(y, float)])
    _, group, sizes = np.unique(pooled, return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(sizes) - sizes + 1)[
        group
    ]  # twice the middle rank of each value's ties
    n, total = len(x), len(pooled)
    away = abs(int(doubled[:n].sum()) - n * (total + 1))
    if total <= EXACT_VALUES:
        sums, shares = _rank_sums(n, tuple(sorted(doubled.tolist())))
        return min(1.0, float(shares[np.abs(sums - n * (total + 1)) >= away].sum()))
    variance = n * (total - n) / (total * (total - 1)) * float(((doubled - total - 1.0) ** 2).sum())
    if variance == 0:
        return 1.0
    return min(1.0, 2 * NormalDist().cdf(-max(0.0, away - 1) / math.sqrt(variance)))


def shift(x: Sequence[float], y: Sequence[float], confidence: float = 0.95) -> Shift:
    """y - x with an interval that covers the true shift with at least `confidence`. REQUIRES: neither is empty."""
    ends = np.sort(np.subtract.outer(np.asarray(y, float), np.asarray(x, float)), axis=None)
    k = _rank_of_end(len(x), len(y), 1 - confidence)
    estimate = float(np.median(ends))
    return (
        Shift(estimate, float(ends[k - 1]), float(ends[-k])) if k else Shift(estimate, None, None)
    )


def least_p(n: int, m: int) -> float:
    """What rank_test gives when all of n values lie above all of m others: no p value is lower."""
    return min(1.0, 2 / math.comb(n + m, n))


def least_values(level: float) -> int:
    """The fewest values a sample, the same of both, with which rank_test can reach a p value of `level`."""
    n = 1
    while least_p(n, n) > level:
        n += 1
    return n


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p values corrected for their number, after Holm: whoever believes all those below 5 % is wrong, in any of them, at
    most once in 20 times, however they hang together."""
    corrected, worst = {}, 0.0
    for place, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        worst = max(worst, min(1.0, (len(p_values) - place) * p_values[name]))
        corrected[name] = worst
    return corrected


@lru_cache(maxsize=64)
def _rank_sums(n: int, doubled: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(sums, shares): how the sum of n of these doubled ranks is distributed when any n are equally likely."""
    ways = np.zeros((n + 1, sum(doubled[-n:]) + 1))
    ways[0, 0] = 1
    for rank in doubled:  # each is dealt to the n, or it is not
        ways[1:, rank:] += ways[:-1, :-rank]
    return np.arange(ways.shape[1]), ways[n] / math.comb(len(doubled), n)


@lru_cache(maxsize=64)
def _rank_of_end(n: int, m: int, allowed: float) -> int:
    """The largest k with which the k-th lowest and the k-th highest difference err in at most `allowed`; 0: there is none."""
    allowed *= 1 + 1e-9
    if n + m > EXACT_VALUES:
        sigma = math.sqrt(n * m * (n + m + 1) / 12)
        return max(0, math.floor(n * m / 2 + 0.5 + NormalDist().inv_cdf(allowed / 2) * sigma))
    _, shares = _rank_sums(n, tuple(range(2, 2 * (n + m) + 1, 2)))
    below = np.cumsum(
        shares[n * (n + 1) :: 2]
    )  # P(U <= u): so many of the n * m pairs are turned round
    return int(np.searchsorted(2 * below, allowed, side="right"))
