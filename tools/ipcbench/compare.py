# SPDX-License-Identifier: MIT
"""Compares two builds: is NEW slower than BASE, series by series? The judge of tools/compare; compare_page.py writes it.

A series has one number a process run (its headline), and the two samples are those of BASE and of NEW. What is compared
is time: per round trip, per message (for throughput), per operation of a floor. A slow-down is confirmed when the rank
test, corrected for the number of series, says that there is a difference, and when the estimate of the difference is
more than the threshold. Neither is enough alone: with enough runs a difference of 0.1 % is significant, and with few of
them 30 % is noise.

The correction is Holm's, not Benjamini and Hochberg's. A gate fails by one series, so what must be rare is any false
alarm at all; Benjamini and Hochberg promise only that few of the alarms are false. Holm's holds however the series hang
together, and those of one run do: they share the machine and its disturbances. Series with too few runs to reach the
corrected level at all take no part; which they are is known from the numbers of runs alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from .compare_input import Side
from .ranks import Shift, holm, least_p, least_values, rank_test, shift
from .series import parse
from .summary import HEADLINES, kind_of

LEVEL = 0.05  # of all series together
CONFIDENCE = 0.95  # of the interval of each
SLOWER, FASTER, FEW = "slower", "faster", "too few runs"
FAILED_IN_NEW = "only in BASE: failed in NEW"  # in Comparison.alone
SMALL = "changed by less than the threshold"
EXCLUDED = "no slow-down over the threshold"
OPEN = "too noisy to exclude a slow-down"


@dataclass(frozen=True)
class Change:
    """One series in both. `ratio`: time of NEW over that of BASE, so above 1 is slower, with its own interval.

    `base` and `new` are medians in `unit`, `runs` the process runs of each side. `p` is corrected; None: too few runs.
    """

    series: str
    unit: str
    base: float
    new: float
    runs: tuple[int, int]
    ratio: Shift
    p: float | None
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """`changes` in the order of series for people. `least` is how many runs a side a verdict takes; `tested` series got one.

    `alone`: series that only one side measured -> which, and what is known of it on the other. `threshold` is a share.
    """

    base: Side
    new: Side
    threshold: float
    changes: list[Change]
    tested: int
    least: int
    alone: dict[str, str]
    warnings: list[str]

    def of(self, verdict: str) -> list[Change]:
        return [change for change in self.changes if change.verdict == verdict]


def compare(base: Side, new: Side, threshold: float, warnings: Sequence[str] = ()) -> Comparison:
    """Judges every series that both sides measured. `threshold` is a share: 0.1 is 10 %."""
    names = _sorted(base.values.keys() & new.values.keys())
    level = LEVEL / max(1, len(names))
    counts = {name: (len(base.values[name]), len(new.values[name])) for name in names}
    p_values = holm(
        {
            name: rank_test(base.values[name], new.values[name])
            for name in names
            if least_p(*counts[name]) <= level
        }
    )
    changes = [
        _change(name, base.values[name], new.values[name], p_values.get(name), threshold)
        for name in names
    ]
    notes = list(warnings)
    floors = [c for c in changes if c.verdict in (SLOWER, FASTER) and c.series.startswith("floor/")]
    if floors:
        notes.append(
            f"{' and '.join(f'`{c.series}`' for c in floors[:3])} changed, which no backend takes part in: the machine "
            "was not the same for both sides, or the compiler; measure again, in turns"
        )
    return Comparison(
        base,
        new,
        threshold,
        changes,
        len(p_values),
        least_values(level),
        _alone(base, new),
        notes,
    )


def _change(
    name: str, base: Sequence[float], new: Sequence[float], p: float | None, threshold: float
) -> Change:
    _, unit, higher_is_better = HEADLINES[kind_of(parse(name).question)]
    x, y = ([math.log(value) for value in values] for values in (base, new))
    logs = shift(y, x, CONFIDENCE) if higher_is_better else shift(x, y, CONFIDENCE)
    exp = lambda value: None if value is None else math.exp(value)  # noqa: E731
    ratio = Shift(math.exp(logs.estimate), exp(logs.low), exp(logs.high))
    verdict = _verdict(ratio, p, 1 + threshold)
    runs = (len(base), len(new))
    return Change(name, unit, median(base), median(new), runs, ratio, p, verdict)


def _verdict(ratio: Shift, p: float | None, bound: float) -> str:
    if p is None:
        return FEW
    if p <= LEVEL and ratio.estimate > bound:
        return SLOWER
    if p <= LEVEL and ratio.estimate < 1 / bound:
        return FASTER
    if p <= LEVEL:
        return SMALL
    return OPEN if ratio.high is None or ratio.high > bound else EXCLUDED


def _alone(base: Side, new: Side) -> dict[str, str]:
    """'only in BASE', 'only in BASE: failed in NEW'. A series that neither side has a number of is not named."""
    out = {}
    for side, other, names in ((base, new, ("BASE", "NEW")), (new, base, ("NEW", "BASE"))):
        for series in _sorted(side.values.keys() - other.values.keys()):
            why = f": {other.lost[series]} in {names[1]}" if series in other.lost else ""
            out[series] = f"only in {names[0]}{why}"
    return out


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: parse(name).sort_key())
