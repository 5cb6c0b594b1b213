# SPDX-License-Identifier: MIT
"""From intervals to verdicts: of one cell, and of one claim and language over all its cells. Knows no files.

A ratio is oriented so that more than 1 means X is better. With margin m a cell holds when the whole interval lies
above the bound 1 + m and fails when it lies below; a failing cell is `equivalent` inside 1/(1+m) .. 1+m and `reversed` below
that. Otherwise it is undecided, and without an interval there is no verdict. A target has a bound of its own, at_least,
and no such tags.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import Any

from .claim_data import Claim
from .stats import Interval, blocks_needed

HOLDS, FAILS, DEPENDS, UNDECIDED, NONE = "holds", "fails", "depends", "undecided", "no verdict"
EQUIVALENT, REVERSED = "equivalent", "reversed"
SIZE = "size"
KEY_ORDER = ("pair", "metric", "placement", SIZE, "objects")


@dataclass(frozen=True, eq=False)
class Cell:
    """One comparison. `x` and `y` are series names, `x_median` and `y_median` in the unit of `column`.

    `keys` are the values by which cells differ (KEY_ORDER, then others). `ratio` leaves out the blocks that are `set_aside`:
    those in which the best of a side was chosen, and beside them those that lack a value. `more` is about how many further blocks of the whole run would decide an
    undecided cell (None: too near the margin to say), or how many are missing for any verdict.
    """

    x: str
    y: str
    column: str
    keys: Mapping[str, Any]
    ratio: Interval
    x_median: float | None
    y_median: float | None
    verdict: str
    tag: str = ""
    more: int | None = None
    failed: int = 0
    set_aside: int = 0

    @property
    def wanted(self) -> int:
        """The blocks of a run that decides it, as far as that is known."""
        return self.set_aside + self.ratio.n + (self.more or 0)


@dataclass(frozen=True)
class Verdict:
    """One claim in one language. `cell_confidence` is what each cell's interval was asked for.

    `blocks` is the largest number of blocks that any cell has, with those that are set aside; `least` is what an interval
    takes here. `depends_on` names the keys that separate the cells that hold from those that fail. `profile` is the one of tools/run that measures these cells for a verdict.
    """

    claim: Claim
    language: str
    outcome: str
    cells: list[Cell]
    cell_confidence: float
    blocks: int
    least: int
    profile: str
    depends_on: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def count(self, verdict: str) -> int:
        return sum(cell.verdict == verdict for cell in self.cells)

    @property
    def wanted(self) -> int:
        """The blocks of a run in which each cell has an interval."""
        return max([self.least, *(c.wanted for c in self.cells if c.verdict == NONE)])


def judge_cell(
    logs: Sequence[float],
    ratio: Interval,
    bound: float,
    confidence: float,
    least: int,
    tagged: bool,
) -> dict[str, Any]:
    """verdict, tag (if it is to have one) and more of a cell, from its blocks' ln(ratio) and the interval of the ratio."""
    if ratio.low is None or ratio.high is None:
        return {"verdict": NONE, "more": least - ratio.n}
    if ratio.low > bound:
        return {"verdict": HOLDS}
    if ratio.high < bound:
        if not tagged:
            return {"verdict": FAILS}
        tag = REVERSED if ratio.high < 1 / bound else EQUIVALENT if ratio.low > 1 / bound else ""
        return {"verdict": FAILS, "tag": tag}
    needed = blocks_needed(logs, bound, confidence)
    if (
        needed is not None and needed <= ratio.n
    ):  # these blocks have refuted that: a third more, then
        needed = ratio.n + math.ceil(ratio.n / 3)
    return {"verdict": UNDECIDED, "more": None if needed is None else needed - ratio.n}


def judge_same(ratio: Interval, margin: float, least: int, control: bool) -> dict[str, Any]:
    """The same for two series that should be equal: holds when the whole interval lies inside 1/(1+m) .. 1+m, fails
    when it lies outside; a `control`, a series against itself, also fails when the interval misses 1.
    """
    if ratio.low is None or ratio.high is None:
        return {"verdict": NONE, "more": least - ratio.n}
    bound = 1 + margin
    if ratio.high < 1 / bound or ratio.low > bound:
        return {"verdict": FAILS}
    if control and not ratio.low <= 1 <= ratio.high:
        return {"verdict": FAILS}
    if 1 / bound <= ratio.low and ratio.high <= bound:
        return {"verdict": HOLDS}
    return {"verdict": UNDECIDED}


def outcome(cells: Iterable[Cell]) -> str:
    """Of a claim: holds or fails when every cell does, depends when some hold and some fail, else what is missing."""
    seen = {cell.verdict for cell in cells}
    if {HOLDS, FAILS} <= seen:
        return DEPENDS
    if len(seen) == 1:
        return seen.pop()
    return UNDECIDED if seen else NONE


def depends_on(cells: Sequence[Cell]) -> tuple[list[str], list[list[str]]]:
    """(the fewest keys whose values tell the cells that hold from those that fail, other such sets of that number).

    Undecided cells have no say. Sets are tried in KEY_ORDER; more than one means that the cells measured cannot tell
    which of them it is. Empty when nothing separates them, or when there is nothing to separate.
    """
    decided = [cell for cell in cells if cell.verdict in (HOLDS, FAILS)]
    if len({cell.verdict for cell in decided}) < 2:
        return [], []
    names = [key for key in _names(decided) if len({cell.keys.get(key) for cell in decided}) > 1]
    for number in range(1, len(names) + 1):
        found = [list(keys) for keys in combinations(names, number) if _separates(keys, decided)]
        if found:
            return found[0], found[1:]
    return [], []


def crossovers(cells: Sequence[Cell]) -> dict[tuple[Cell, Cell], list[Cell]]:
    """Where the verdict turns between neighbouring decided sizes: (smaller, larger) cell -> one cell for each row.

    A row is what has all keys but the size in common. Rows that turn between the same sizes, the same way, are one entry.
    """
    rows: dict[Hashable, list[Cell]] = {}
    names = [name for name in _names(cells) if name != SIZE]
    for cell in cells:
        if cell.verdict in (HOLDS, FAILS) and cell.keys.get(SIZE) is not None:
            rows.setdefault(tuple(cell.keys.get(name) for name in names), []).append(cell)
    found: dict[Hashable, list[tuple[Cell, Cell]]] = {}
    for members in rows.values():
        members.sort(key=lambda cell: cell.keys[SIZE])
        for small, large in pairwise(members):
            if small.verdict != large.verdict:
                turn = (small.keys[SIZE], large.keys[SIZE], small.verdict)
                found.setdefault(turn, []).append((small, large))
    return {pairs[0]: [small for small, _ in pairs] for pairs in found.values()}


def _names(cells: Sequence[Cell]) -> list[str]:
    used = dict.fromkeys(key for cell in cells for key in cell.keys)
    return [key for key in KEY_ORDER if key in used] + [key for key in used if key not in KEY_ORDER]


def _separates(keys: Sequence[str], decided: Sequence[Cell]) -> bool:
    verdicts: dict[Hashable, str] = {}
    for cell in decided:
        place = tuple(cell.keys.get(key) for key in keys)
        if verdicts.setdefault(place, cell.verdict) != cell.verdict:
            return False
    return True
