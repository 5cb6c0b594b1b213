# SPDX-License-Identifier: MIT
"""Results as tables for a terminal of 100 columns: a question each, a row a backend, a column a message size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .series import FLOOR, PLACEMENTS, natural
from .summary import HEADLINES, kind_of

WIDTH = 100
_CELL = 17  # columns that one size takes
_NOUNS = {
    "latency": "round trip, p50, lower is better",
    "throughput": "messages per second, higher is better",
    "cost": "CPU time of all while one waits for 2 s, lower is better",
}
_LABELS = ("backend", "on", "how", "peers")

Row = Mapping[str, Any]


def console(stderr: bool = False) -> Console:
    """Colours and the terminal's own width on a terminal (at least WIDTH), plain text of WIDTH columns elsewhere."""
    plain = Console(stderr=stderr, highlight=False)
    if plain.is_terminal:
        return Console(stderr=stderr, highlight=False, width=max(WIDTH, plain.width))
    return Console(stderr=stderr, highlight=False, width=WIDTH, no_color=True)


def quantity(value: float, unit: str) -> tuple[float, str]:
    """(divisor, unit) in which `value` reads well: ns, us, ms, s or 1/s, k/s, M/s."""
    steps = (
        ((1, "ns"), (1e3, "us"), (1e6, "ms"), (1e9, "s"))
        if unit == "ns"
        else ((1, "/s"), (1e3, "k/s"), (1e6, "M/s"))
    )
    return next(step for step in reversed(steps) if value >= step[0] or step is steps[0])


def digits(value: float) -> str:
    """Three significant digits, never in powers of ten: 0.123, 1.23, 12.3, 123, 1235."""
    if value == 0:
        return "0"
    for limit, places in ((0.9995, 3), (9.995, 2), (99.95, 1)):
        if abs(value) < limit:
            return f"{value:.{places}f}"
    return f"{value:.0f}"


def bytes_text(size: int | None) -> str:
    if size is None:
        return ""
    for factor, unit in ((2**20, "MiB"), (2**10, "KiB")):
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} B"


def interval_text(row: Row) -> tuple[str, str]:
    """("62.3 us", "[61.9, 63.0]") of a summary row; the interval is empty when there are too few runs."""
    if row["median"] is None:
        return "failed", ""
    divisor, unit = quantity(row["median"], row["unit"])
    if row["low"] is None:
        return f"{digits(row['median'] / divisor)} {unit}", ""
    low, high = (digits(row[end] / divisor) for end in ("low", "high"))
    return f"{digits(row['median'] / divisor)} {unit}", f"[{low}, {high}]"


def _condition(row: Row) -> tuple[Any, ...]:
    """What a row of the table has in common beside the backend: placement, objects or bytes, how many peers."""
    place = PLACEMENTS.index(row["placement"]) if row["placement"] in PLACEMENTS else -1
    peers = tuple(row[key] or 0 for key in ("producers", "consumers", "clients", "processes"))
    return (place, row["codec"] is not None, natural(row["op"] or ""), *peers)


def _best(rows: Iterable[Row], wait_class: Mapping[str, str], better_high: bool) -> set[str]:
    """The series with the best median among those alike in all but the backend and of one wait class."""
    best: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row["median"] is None or row["backend"] == "null":
            continue
        key = (_condition(row), row["bytes"], wait_class.get(row["backend"], ""))
        other = best.get(key)
        if other is None or (row["median"] > other["median"]) == better_high:
            best[key] = row
    return {row["series"] for row in best.values()}


def _cell(row: Row | None, best: set[str]) -> Text:
    if row is None:
        return Text("-", style="dim")
    value, interval = interval_text(row)
    text = Text(value, style="red" if row["median"] is None else "")
    if row["x_floor"] is not None:
        text.append(f" {row['x_floor']:.{1 if row['x_floor'] < 9.95 else 0}f}x", style="dim")
    if row["series"] in best:
        text.append(" *", style="bold")
        text.stylize("green")
    if interval:
        text.append("\n" + interval, style="dim")
    return text


def _label(row: Row) -> tuple[str, str, str, str]:
    """(backend, placement, codec or op, producers x consumers) of a table's row, empty where the series has none."""
    peers = f"{row['producers']}x{row['consumers']}" if row["producers"] else ""
    peers = peers or (str(row["processes"]) if row["processes"] else "")
    return row["backend"], row["placement"] or "", row["codec"] or row["op"] or "", peers


def question_tables(rows: Sequence[Row], wait_class: Mapping[str, str]) -> list[RenderableType]:
    """The tables of one question, split over the sizes so that each fits in WIDTH columns."""
    question = rows[0]["question"]
    kind = kind_of(question)
    better_high = HEADLINES[kind][2]
    best = _best(rows, wait_class, better_high)
    lines: dict[tuple[Any, ...], dict[int | None, Row]] = {}
    for row in rows:
        lines.setdefault((_condition(row), row["backend"]), {})[row["bytes"]] = row
    labels = {key: _label(next(iter(cells.values()))) for key, cells in lines.items()}
    shown = [i for i in range(4) if any(label[i] for label in labels.values())]
    used = sum(
        2 + max(map(len, (_LABELS[i], *(label[i] for label in labels.values())))) for i in shown
    )
    sizes = sorted({row["bytes"] for row in rows}, key=lambda size: size or 0)
    parts = -(-len(sizes) // max(1, (WIDTH - used - 1) // _CELL))
    width = -(-len(sizes) // parts)
    sheets: list[RenderableType] = [_title(f"{question}: {_NOUNS[kind]}")]
    for start in range(0, len(sizes), width):
        columns = sizes[start : start + width]
        table = _table()
        for i in shown:
            table.add_column(_LABELS[i], no_wrap=True)
        for size in columns:
            table.add_column(bytes_text(size) or "any", justify="right", no_wrap=True)
        previous = None
        for key in sorted(lines, key=lambda condition_backend: condition_backend[0]):
            cells = [lines[key].get(size) for size in columns]
            if not any(cells):
                continue
            if previous not in (None, key[0]):
                table.add_section()
            previous = key[0]
            table.add_row(*(labels[key][i] for i in shown), *(_cell(c, best) for c in cells))
        sheets.append(table)
    return sheets


def _title(text: str) -> Text:
    return Text(text, style="bold")


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)


def _floor_table(rows: Iterable[Row]) -> Table:
    table = _table()
    for column in ("floor", "median", "interval"):
        table.add_column(column, justify="left" if column == "floor" else "right", no_wrap=True)
    for row in rows:
        value, interval = interval_text(row)
        table.add_row(row["series"].removeprefix("floor/"), value, interval)
    return table


def results(rows: Sequence[Row], wait_class: Mapping[str, str]) -> RenderableType:
    """All tables of a summary (rows of summary.csv) and what their signs mean."""
    parts: list[RenderableType] = []
    for question in dict.fromkeys(row["question"] for row in rows):
        asked = [row for row in rows if row["question"] == question]
        if question == FLOOR:
            parts += [
                _title("floor: bare operations of this machine, to measure the others by"),
                _floor_table(asked),
            ]
        else:
            parts += question_tables(asked, wait_class)
    parts.append(
        Text(
            "[low, high]: interval of the median over process runs (95 % or more). *: best of its wait class on that "
            "placement. 1.4x: times the floor.",
            style="dim",
        )
    )
    return Group(*parts)
