# SPDX-License-Identifier: MIT
"""Medians with exact intervals: distribution-free, by order statistics.

The sample is a list of process runs (or of blocks), never of messages. Of n independent values the k-th smallest and
the k-th largest enclose the median of their distribution with probability 1 - 2 P(B < k), B ~ Binomial(n, 1/2),
whatever that distribution is. The widest interval (k = 1) reaches 1 - 2^(1-n), so 95 % needs 6 values.

Many intervals at once ask for more. All of m right with 95 % takes 1 - 0.05/m of each (Bonferroni: `simultaneous`).
At most 5 % wrong among those that decide something takes less, and is what verdicts over many cells want
(Benjamini-Hochberg: `selective`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

MINIMUM_RUNS = 6
POWER = 0.8  # of blocks_needed: the chance that so many blocks decide
MANY_BLOCKS = 10_000


@dataclass(frozen=True)
class Interval:
    """A median and the interval that covers the true one with at least `confidence`.

    `low`, `high` and `confidence` are None when n is too small for the confidence that was asked, `median` is None
    when n is 0. `confidence` is what was achieved; order statistics come in steps, so it is at least what was asked.
    """

    n: int
    median: float | None
    low: float | None
    high: float | None
    confidence: float | None


def minimum_blocks(confidence: float) -> int:
    """The fewest values with which an interval of this confidence exists; never below MINIMUM_RUNS."""
    _check_confidence(confidence)
    n = MINIMUM_RUNS
    while 2 * _tail(n, 1) > _allowed(confidence):
        n += 1
    return n


def simultaneous(confidence: float, cells: int) -> float:
    """The confidence that each of `cells` intervals needs so that all are right at once (Bonferroni)."""
    _check_confidence(confidence)
    return 1 - (1 - confidence) / max(cells, 1)


def selective(samples: Iterable[Sequence[float]], threshold: float, confidence: float) -> float:
    """The confidence that the interval of each sample's median needs so that, of those whose interval lies on one side
    of `threshold`, a share of at most 1 - `confidence` is expected to be wrong.

    That is Benjamini and Hochberg's procedure over the two-sided sign tests against the threshold, and the intervals
    that match it (Benjamini and Yekutieli 2005): with r of m samples decided, 1 - r (1 - confidence) / m each. It holds
    for samples that are independent or positively dependent.
    """
    _check_confidence(confidence)
    tests = sorted(_sign_test(sample, threshold) for sample in samples)
    share = (1 - confidence) / max(len(tests), 1)
    decided = [r for r, p in enumerate(tests, 1) if p <= r * share * (1 + 1e-9)]
    return 1 - (decided[-1] if decided else 1) * share


def _sign_test(sample: Sequence[float], threshold: float) -> float:
    """Two-sided p-value of the median being `threshold`; 1 for fewer values than an interval takes."""
    n = len(sample)
    if n < MINIMUM_RUNS:
        return 1.0
    fewer = min(sum(x <= threshold for x in sample), sum(x >= threshold for x in sample))
    return min(1.0, 2 * _tail(n, fewer + 1))


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """The median of `values` (independent, any order, any unit) with its exact interval.

    Raises ValueError when a value is not finite or `confidence` is not between 0 and 1.
    """
    _check_confidence(confidence)
    ordered = sorted(float(value) for value in values)
    if not all(map(math.isfinite, ordered)):
        raise ValueError("median_interval: a value is not finite")
    n = len(ordered)
    if n == 0:
        return Interval(0, None, None, None, None)
    median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    if n < minimum_blocks(confidence):
        return Interval(n, median, None, None, None)
    k = 1
    while 2 * _tail(n, k + 1) <= _allowed(confidence):
        k += 1
    return Interval(n, median, ordered[k - 1], ordered[n - k], 1 - 2 * _tail(n, k))


def paired_ratio(
    x: Mapping[int, float], y: Mapping[int, float], confidence: float = 0.95
) -> Interval:
    """x / y from blocks (block number -> value): the median of ln(x/y) over the blocks in both, exponentiated.

    Raises ValueError when a value is not positive and finite.
    """
    logs = median_interval(log_ratios(x, y), confidence)
    exp = lambda value: None if value is None else math.exp(value)  # noqa: E731
    return Interval(logs.n, exp(logs.median), exp(logs.low), exp(logs.high), logs.confidence)


def log_ratios(x: Mapping[int, float], y: Mapping[int, float]) -> list[float]:
    """ln(x/y) of each block that both have, by block number. Raises ValueError as paired_ratio does."""
    blocks = sorted(x.keys() & y.keys())
    for side in (x, y):
        for block in blocks:
            if not (math.isfinite(side[block]) and side[block] > 0):
                raise ValueError(f"block {block}: {side[block]!r} is not positive and finite")
    return [math.log(x[block] / y[block]) for block in blocks]


def blocks_needed(logs: Sequence[float], threshold: float, confidence: float = 0.95) -> int | None:
    """About how many blocks in all would put the interval of the ratio on one side of `threshold` (> 0).

    With so many blocks the interval is clear of the threshold in POWER of all tries, if the ratios go on as the `logs`
    (see log_ratios) did: normal, with their median and a spread taken from their quartiles. At least
    minimum_blocks(confidence). None when it would take more than MANY_BLOCKS, or when there are fewer than 2 blocks.
    """
    from scipy.stats import binom  # slow to load, and only undecided cells need it

    least = minimum_blocks(confidence)
    if len(logs) < 2:
        return None
    lower, median, upper = np.percentile(np.asarray(logs, float), (25, 50, 75))
    sigma = (upper - lower) / (NormalDist().inv_cdf(0.75) - NormalDist().inv_cdf(0.25))
    distance = abs(median - math.log(threshold))
    beyond = 0.5 if distance == 0 else NormalDist().cdf(-distance / sigma) if sigma else 0.0
    n = np.arange(least, MANY_BLOCKS + 1)
    k = binom.ppf(_allowed(confidence) / 2, n, 0.5)  # the smallest k with P(B <= k) >= that
    k -= binom.cdf(k, n, 0.5) > _allowed(confidence) / 2  # now the largest with P(B <= k) <= that
    enough = n[binom.cdf(k, n, beyond) >= POWER]
    return int(enough[0]) if len(enough) else None


def spread(values: Sequence[float]) -> float | None:
    """(p75 - p25) / median: how far the middle half of the values lies apart. None for fewer than 2 or median 0."""
    if len(values) < 2:
        return None
    lower, median, upper = np.percentile(np.asarray(values, float), (25, 50, 75))
    return float((upper - lower) / median) if median else None


def _tail(n: int, k: int) -> float:
    """P(B < k) for B ~ Binomial(n, 1/2)."""
    return sum(math.comb(n, i) for i in range(k)) / 2**n


def _allowed(confidence: float) -> float:
    return (1 - confidence) * (
        1 + 1e-9
    )  # 1 - 2^-5 asked is 1 - 2^-5 achieved, in floating point too


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}, not between 0 and 1")
