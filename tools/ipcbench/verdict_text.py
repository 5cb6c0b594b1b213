# SPDX-License-Identifier: MIT
"""Verdicts as people read them: sentences, and the tables of a terminal. verdict_page.py has the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .claim_data import Fact
from .series import PLACEMENTS, natural
from .summary import family_of
from .tables import bytes_text, digits
from .verdict import (
    DEPENDS,
    EQUIVALENT,
    FAILS,
    HOLDS,
    NONE,
    REVERSED,
    SIZE,
    UNDECIDED,
    Cell,
    Verdict,
    crossovers,
    outcome,
)

LEGEND = (
    "ratio above 1: X is better. fails=: equal within the margin, fails<: Y is better, ?: undecided, "
    "-: no verdict, !: with failed runs. Second line: the interval. verdicts.md has the medians of each cell and the "
    "command that measures it again."
)
FORESEEN = 100  # more blocks than these are no forecast
_MARK = {HOLDS: " holds", FAILS: " fails", UNDECIDED: " ?", NONE: " -"}
_TAG = {EQUIVALENT: "=", REVERSED: "<", "": ""}
_STYLE = {HOLDS: "green", FAILS: "red", UNDECIDED: "yellow", NONE: "dim"}
_TITLE_KEYS = ("pair", "objects")  # of a table; its columns are sizes, its rows all other keys


def title(verdict: Verdict) -> str:
    """'Pipe outperforms Queue (CPython)'."""
    return f"{verdict.claim.sentence} ({verdict.language or verdict.claim.id})"


def sentence(verdict: Verdict) -> str:
    """The whole verdict in one sentence."""
    text = f"{title(verdict)}: {answer(verdict)}"
    if verdict.claim.same and verdict.outcome == UNDECIDED:
        ratios = [cell.ratio for cell in verdict.cells]
        agree = sum(r.low is not None and r.low <= 1 <= r.high for r in ratios)
        text += f"; the interval contains 1 in {agree}"
    return text


def render_facts(facts: Sequence[Fact]) -> RenderableType:
    """What is decided by trying it, for a terminal."""
    table = Table(box=box.SIMPLE, title="Decided by trying it (tools/test)", title_justify="left")
    for name in ("", "said", "of", "verdict"):
        table.add_column(name)
    for fact in facts:
        for verdict in fact.verdicts:
            table.add_row(fact.id, fact.sentence, verdict.language, verdict.said)
    return table


def answer(verdict: Verdict) -> str:
    """'holds in all 16 cells measured', 'depends on size: holds in 8, fails in 8 of 16 cells', ..."""
    cells, total = verdict.cells, _cells(len(verdict.cells))
    if verdict.outcome == HOLDS:
        return f"holds in {_all(len(cells))} measured"
    if verdict.outcome == FAILS:
        return f"fails in {_all(len(cells))} measured{_tags(cells)}"
    if verdict.outcome == DEPENDS:
        keys = " and ".join(verdict.depends_on)
        turns = dict.fromkeys(turn for part in parts(verdict) for turn, _ in turning(part))
        span = f"; crossover {next(iter(turns))}" if len(turns) == 1 else ""
        return (
            f"depends on {keys}: {counts(cells)} of {total}{_tags(cells)}{span}{_missing(verdict)}"
        )
    if verdict.outcome == UNDECIDED:
        return f"undecided: {counts(cells)} of {total}{_missing(verdict)}"
    if any(cell.more is None for cell in cells):
        return f"no verdict: {'; '.join(verdict.notes) or 'too few blocks'}"
    return f"no verdict: needs at least {verdict.wanted} blocks for {total}, this run has {verdict.blocks}"


def counts(cells: Sequence[Cell]) -> str:
    """'holds in 3, fails in 2, undecided in 1'."""
    number = {v: sum(c.verdict == v for c in cells) for v in (HOLDS, FAILS, UNDECIDED, NONE)}
    return ", ".join(f"{verdict} in {n}" for verdict, n in number.items() if n)


def _cells(number: int) -> str:
    return f"{number} cell{'' if number == 1 else 's'}"


def _all(number: int) -> str:
    return "the one cell" if number == 1 else f"all {number} cells"


def _tags(cells: Sequence[Cell]) -> str:
    parts = [
        f"{word} in {n}"
        for word in (EQUIVALENT, REVERSED)
        if (n := sum(c.tag == word for c in cells))
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _missing(verdict: Verdict) -> str:
    """What the cells without a decision need."""
    out = ""
    undecided = [c.more for c in verdict.cells if c.verdict == UNDECIDED]
    known = [more for more in undecided if more is not None and more <= FORESEEN]
    near = len(undecided) - len(known)
    if known:
        what = (
            "it"
            if len(known) == 1 and not near
            else f"{len(known)} of them"
            if near
            else "the rest"
        )
        out += f"; {_blocks(max(known))} would decide {what}"
    if near and not verdict.claim.same:
        out += f"; {near} would take over {FORESEEN} more blocks"
    if verdict.count(NONE):
        out += f"; {verdict.count(NONE)} need at least {verdict.wanted} blocks"
    return out


def _blocks(number: int) -> str:
    return f"about {number} more block{'' if number == 1 else 's'}"


def turning(cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """The crossovers of a part: ('between 4 KiB (holds) and 64 KiB (fails)', 'round trip same; round trip cross')."""
    out = []
    for ends, rows in crossovers(cells).items():
        small, large = (f"{bytes_text(end.keys[SIZE])} ({end.verdict})" for end in ends)
        where = "; ".join(" ".join(map(str, row_keys(row))) for row in rows)
        out.append((f"between {small} and {large}", where))
    return out


def cell_words(cell: Cell) -> str:
    """The verdict on one cell with its tag, what it lacks and how many runs failed."""
    text = cell.verdict + (f" ({cell.tag})" if cell.tag else "")
    if cell.verdict == UNDECIDED:
        foreseen = cell.more is not None and cell.more <= FORESEEN
        text += f", {_blocks(cell.more)}" if foreseen else f", over {FORESEEN} more blocks"
    if cell.verdict == NONE and cell.more is not None:
        text += f": needs at least {cell.wanted} blocks"
    if cell.failed:
        text += f"; {cell.failed} failed run{'s' if cell.failed > 1 else ''}"
    return text


def ratio_text(cell: Cell) -> str:
    return "" if cell.ratio.median is None else digits(cell.ratio.median)


def interval_text(cell: Cell) -> str:
    if cell.ratio.low is None or cell.ratio.high is None:
        return ""
    return f"{digits(cell.ratio.low)}-{digits(cell.ratio.high)}"


def part_title(cells: Sequence[Cell]) -> str:
    """The heading of the cells of one pair and codec: 'os_pipe against pipe_locked, bytes: holds in 2 of 2 cells, ...'."""
    what = ", ".join(part_names(cells[0]))
    found = outcome(cells)
    text = f"{found} in {_all(len(cells))}" if found in (HOLDS, FAILS) else counts(cells)
    if "pair" not in cells[0].keys:
        return f"{what}: {text}" + "".join(
            f"; `{c.keys['series']}` {ratio_text(c)} [{interval_text(c)}]" for c in cells
        )
    medians = [c.ratio.median for c in cells if c.verdict in (HOLDS, FAILS) and c.ratio.median]
    if medians:
        ends = dict.fromkeys((digits(min(medians)), digits(max(medians))))
        text += f", ratio {' to '.join(ends)}" + (
            " where decided" if len(medians) < len(cells) else ""
        )
    return f"{what}: {text}"


def part_names(cell: Cell) -> list[str]:
    """Pair and kind of payload, where one is carried: ['os_pipe against pipe_locked', 'bytes']."""
    if "pair" not in cell.keys:
        return ["each series, side a against side b"]
    codec = cell.keys.get("objects")
    if not any(carries(name) for name in (cell.x, cell.y)):
        return [cell.keys["pair"]]
    return [cell.keys["pair"], f"objects ({codec})" if codec else "bytes"]


def carries(name: str) -> bool:
    """Whether a series carries messages: not where values are shared, processes started, or a floor measured."""
    return family_of(name.partition("/")[0]) in ("pipe", "queue")


def parts(verdict: Verdict) -> list[list[Cell]]:
    """The cells by pair and codec, each part in the order metric, placement, other keys, size."""
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in verdict.cells:
        groups.setdefault(tuple(cell.keys.get(key) for key in _TITLE_KEYS), []).append(cell)
    names = [pair.name for pair in verdict.claim.pairs]
    order = sorted(groups, key=lambda k: (names.index(k[0]) if k[0] in names else 0, k[1] or ""))
    metrics = [metric.name for metric in verdict.claim.metrics]
    return [sorted(groups[key], key=lambda cell: _cell_order(cell, metrics)) for key in order]


def _cell_order(cell: Cell, metrics: list[str]) -> tuple[Any, ...]:
    return (metrics.index(cell.keys["metric"]), *_row_order(cell), cell.keys.get(SIZE) or 0)


def _row_order(cell: Cell) -> tuple[Any, ...]:
    place = cell.keys.get("placement")
    return (
        PLACEMENTS.index(place) if place in PLACEMENTS else -1,
        *(natural(str(key)) for key in row_keys(cell)),
    )


def row_keys(cell: Cell) -> tuple[Any, ...]:
    """The values of all keys but pair, objects and size: the label of a table's row."""
    return tuple(v for k, v in cell.keys.items() if k not in (*_TITLE_KEYS, SIZE))


def render_terminal(verdicts: Sequence[Verdict]) -> RenderableType:
    """For each claim and language one bold sentence and a table a pair, made for 100 columns."""
    if not verdicts:
        return Text("No claim judged: this run has not measured both sides of any of their cells.")
    out: list[RenderableType] = []
    for verdict in verdicts:
        out.append(Text(sentence(verdict), style="bold"))
        out += [Text(f"  {note}", style="yellow") for note in verdict.notes]
        for cells in parts(verdict):
            out += [Text(), Text(part_title(cells))]
            out += [Text(f"crossover {turn}: {where}") for turn, where in turning(cells)]
            out.append(_table(cells))
        out.append(Text())
    return Group(*out, Text(LEGEND, style="dim"))


def _table(cells: Sequence[Cell]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    rows: dict[tuple[Any, ...], dict[int | None, Cell]] = {}
    for cell in cells:
        rows.setdefault(row_keys(cell), {})[cell.keys.get(SIZE)] = cell
    labels = [k for k in cells[0].keys if k not in (*_TITLE_KEYS, SIZE)]
    for label in labels:
        table.add_column("on" if label == "placement" else label, no_wrap=True)
    sizes = sorted({cell.keys.get(SIZE) for cell in cells}, key=lambda size: size or 0)
    for size in sizes:
        table.add_column(bytes_text(size) or "ratio", justify="right", no_wrap=True)
    for values, by_size in rows.items():
        table.add_row(*map(str, values), *(_terminal_cell(by_size.get(size)) for size in sizes))
    return table


def _terminal_cell(cell: Cell | None) -> Text:
    if cell is None:
        return Text()
    mark = _MARK[cell.verdict] + _TAG[cell.tag] + ("!" if cell.failed else "")
    text = Text(ratio_text(cell) + mark, style=_STYLE[cell.verdict])
    if interval := interval_text(cell):
        text.append(f"\n{interval}", style="dim")
    return text
