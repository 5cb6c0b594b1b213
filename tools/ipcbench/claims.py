# SPDX-License-Identifier: MIT
"""Judges the claims of tools/claims.toml on a run folder. verdict.py says how, verdict_text.py how it reads.

A block's value is that of its process run; X and Y are paired within a block. Only runs of status ok count. A series
that was run twice a block (A/A) takes part in other claims with its side a.

The best of a side is chosen in the first third of the blocks and judged in the others: chosen and judged on the same
runs, it would look better than it is.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from .claim_data import CLAIMS, Claim, Keys, Metric, Pair, cell_sides, load_claims
from .plan import WIDEST
from .rundir import RunDir, write_text
from .series import NUMBER_KEYS, Series, parse
from .stats import log_ratios, minimum_blocks, paired_ratio, selective, simultaneous
from .verdict import (
    FAILS,
    NONE,
    SIZE,
    Cell,
    Verdict,
    depends_on,
    judge_cell,
    judge_same,
    outcome,
)
from .verdict_page import document
from .verdict_text import render_terminal

__all__ = ["judge", "render_terminal", "write"]

CONTAMINATED = (
    "the A/A pair differs from itself: the environment is contaminated, do not trust these verdicts, measure again "
    "(one in twenty clean runs looks so by chance)"
)
CHOOSERS = 3  # one block in so many chooses the best of a side
_KEY_NAMES = {"bytes": SIZE, "codec": "objects"}


class _Runs:
    """The measured runs of a folder by series: values by block, and how many failed."""

    def __init__(self, rows: list[dict[str, Any]]):
        self._rows: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self.series: dict[str, Series] = {}
        self.failed: Counter[tuple[str, str]] = Counter()
        for row in rows:
            if row["status"] == "skipped":
                continue
            name, side = row["series"], row["side"] or ""
            self.series.setdefault(name, parse(name))
            if row["status"] == "ok":
                self._rows[name, side].append(row)
            else:
                self.failed[name, side] += 1

    def blocks(self, name: str, column: str, side: str) -> dict[int, float]:
        rows = self._rows.get((name, side), ())
        return {row["block"]: row[column] for row in rows if row[column] is not None}

    @cached_property
    def total(self) -> int:
        """Blocks that the run has begun."""
        blocks = {row["block"] for rows in self._rows.values() for row in rows} - {None}
        return max(blocks) + 1 if blocks else 0

    def main_side(self, name: str) -> str:
        return "a" if (name, "a") in self._rows or (name, "a") in self.failed else ""


def judge(run: RunDir, claims_file: Path = CLAIMS) -> list[Verdict]:
    """One verdict a claim and language for which the run measured at least one cell.

    Raises RunDirError and ClaimError.
    """
    runs, plan = _Runs(run.runs()), run.plan()
    verdicts = []
    for claim in load_claims(claims_file):
        languages = list(dict.fromkeys(pair.language for pair in claim.pairs)) or [""]
        for language in languages:
            comparisons = list(_comparisons(claim, language, runs, plan.get("wait_class", {})))
            if comparisons:
                verdicts.append(_verdict(claim, language, comparisons, runs, plan))
    control = [verdict for verdict in verdicts if not verdict.claim.pairs]
    if any(cell.verdict == FAILS for verdict in control for cell in verdict.cells):
        for verdict in verdicts:
            verdict.notes.insert(0, CONTAMINATED)
    return verdicts


def write(run: RunDir, verdicts: list[Verdict] | None = None) -> Path:
    """Writes verdicts.md into the run folder and returns its path. `verdicts`: those of judge(), to save the work."""
    path = run.path / "verdicts.md"
    write_text(path, document(run, judge(run) if verdicts is None else verdicts))
    return path


@dataclass(frozen=True)
class _Comparison:
    """One cell: its keys, (series, side) of X and of Y, whether they were chosen as the best, and the first block that counts."""

    metric: Metric
    keys: Mapping[str, Any]
    x: tuple[str, str]
    y: tuple[str, str]
    best: bool = False
    since: int = 0

    def sides(self, runs: _Runs) -> tuple[dict[int, float], dict[int, float]]:
        """Values by block, the better-if-more side first: their ratio is above 1 where X is better. Of a value that is 0,
        below what its clock can tell, there is no ratio: it does not count."""
        x, y = (
            {
                block: value
                for block, value in runs.blocks(name, self.metric.column, side).items()
                if block >= self.since and value > 0
            }
            for name, side in (self.x, self.y)
        )
        return (x, y) if self.metric.better == "higher" else (y, x)


def _comparisons(
    claim: Claim, language: str, runs: _Runs, wait_class: Mapping[str, str]
) -> Iterator[_Comparison]:
    """Each cell that the run has."""
    for metric in claim.metrics:
        if not claim.pairs:
            for name, series in runs.series.items():
                if series.question == metric.x and runs.main_side(name) == "a":
                    keys = {"series": name, "metric": metric.name}
                    yield _Comparison(metric, keys, (name, "a"), (name, "b"))
            continue
        for pair in claim.pairs:
            if pair.language == language:
                yield from _of_pair(pair, metric, runs, wait_class)


def _of_pair(
    pair: Pair, metric: Metric, runs: _Runs, wait_class: Mapping[str, str]
) -> Iterator[_Comparison]:
    compared = cell_sides(pair, metric, runs.series.values(), wait_class)
    for key in sorted(compared, key=_order):
        xs, ys = compared[key]
        best = len(xs) + len(ys) > 2
        since = runs.total // CHOOSERS if best else 0
        x, y = (_best(side, metric, runs, since) for side in (xs, ys))
        keys = {"pair": pair.name, "metric": metric.name}
        keys |= {_KEY_NAMES.get(k, k): v for k, v in key}
        sides = ((name, runs.main_side(name)) for name in (x, y))
        yield _Comparison(metric, keys, *sides, best, since)


def _order(key: Keys) -> tuple[Any, ...]:
    return tuple((k, v if k in NUMBER_KEYS else 0, str(v)) for k, v in key)


def _best(candidates: list[Series], metric: Metric, runs: _Runs, until: int) -> str:
    """The series with the best median before block `until`; one without any good run only when there is no other."""

    def rank(series: Series) -> float:
        name = series.name
        blocks = runs.blocks(name, metric.column, runs.main_side(name))
        values = [value for block, value in blocks.items() if block < until]
        if not values:
            return -float("inf")
        return median(values) if metric.better == "higher" else -median(values)

    return max(candidates, key=rank).name


def _verdict(
    claim: Claim,
    language: str,
    comparisons: list[_Comparison],
    runs: _Runs,
    plan: Mapping[str, Any],
) -> Verdict:
    confidence = _cell_confidence(claim, comparisons, runs)
    least = minimum_blocks(confidence)
    cells = [_cell(claim, item, runs, confidence, least) for item in comparisons]
    notes = []
    if not plan.get("verdict", True):
        cells = [_without_verdict(cell) for cell in cells]
        notes.append(f"profile {plan.get('profile')} only shows that everything works")
    if plan.get("state") == "partial":
        notes.append("the run is partial: some of its blocks are missing")
    keys, others = depends_on(cells)
    if others:
        told = " or ".join(" and ".join(other) for other in others[:3])
        notes.append(f"the cells of this run cannot tell {' and '.join(keys)} from {told}")
    if failed := sum(
        runs.failed[side] for side in {side for item in comparisons for side in (item.x, item.y)}
    ):
        runs_failed = "1 process run" if failed == 1 else f"{failed} process runs"
        notes.append(f"{runs_failed} failed; their blocks do not count")
    zeros = {
        (name, side, item.metric.column, block)
        for item in comparisons
        for name, side in (item.x, item.y)
        for block, value in runs.blocks(name, item.metric.column, side).items()
        if value == 0
    }
    if zeros:
        notes.append(
            f"{len(zeros)} values are 0, below what their clock can tell; their blocks do not count"
        )
    profile = (plan.get("profile") if plan.get("verdict", True) else None) or WIDEST
    return Verdict(
        claim=claim,
        language=language,
        outcome=outcome(cells),
        cells=cells,
        cell_confidence=confidence,
        blocks=max(cell.set_aside + cell.ratio.n for cell in cells),
        least=least,
        profile=profile,
        depends_on=keys,
        notes=notes,
    )


def _cell_confidence(claim: Claim, comparisons: list[_Comparison], runs: _Runs) -> float:
    """What each interval is asked for. The best of a side may be a pair that is judged anyway: it counts once."""
    distinct = {(item.x, item.y, item.metric.column, item.best): item for item in comparisons}
    if claim.same:
        return simultaneous(claim.confidence, len(distinct))
    samples = [log_ratios(*item.sides(runs)) for item in distinct.values()]
    return selective(samples, math.log(claim.bound), claim.confidence)


def _cell(claim: Claim, item: _Comparison, runs: _Runs, confidence: float, least: int) -> Cell:
    over, under = item.sides(runs)
    x_values, y_values = (over, under) if item.metric.better == "higher" else (under, over)
    ratio = paired_ratio(over, under, confidence)
    if claim.same:
        result = judge_same(ratio, claim.margin, least, control=not claim.pairs)
    else:
        logs = log_ratios(over, under)
        tagged = claim.at_least is None
        result = judge_cell(logs, ratio, claim.bound, confidence, least, tagged)
    if item.best and result.get("more") is not None:
        result["more"] = max(1, _with_choosers(ratio.n + result["more"]) - runs.total)
    return Cell(
        x=item.x[0],
        y=item.y[0],
        column=item.metric.column,
        keys=item.keys,
        ratio=ratio,
        x_median=median(x_values.values()) if x_values else None,
        y_median=median(y_values.values()) if y_values else None,
        failed=runs.failed[item.x] + runs.failed[item.y],
        set_aside=runs.total - ratio.n if item.best else 0,
        **result,
    )


def _with_choosers(judging: int) -> int:
    """The fewest blocks of which so many judge."""
    return judging + (judging - 1) // (CHOOSERS - 1)


def _without_verdict(cell: Cell) -> Cell:
    return replace(cell, verdict=NONE, tag="", more=None)
