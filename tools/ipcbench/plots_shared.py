# SPDX-License-Identifier: MIT
"""The figures of shared values, of processes and of managers: what one operation takes, by lock, memory, or way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from . import plot_style as style
from .plot_data import Data, Nothing
from .series import PLACEMENTS

Row = Mapping[str, Any]  # of the summary
MEMORY = "anonymous+"  # every lock is measured on this one
OURS, THEIRS = style.Look(style.COLD[0], "o"), style.Look(style.WARM[0], "o", hollow=True)
# Panels, in rows of two: what KEYS are of its series -> title.
KEYS = ("question", "bytes", "processes", "placement")
CROWDS = {
    ("value_update", None, 1, "same"): "one process",
    ("value_update", None, 2, "same"): "two on one CPU",
    ("value_update", None, 2, "cross"): "two on different CPUs",
    ("value_update", None, 4, "free"): "four, any CPU",
}
WORK = {
    ("process_start", None, None, "same"): "start and join, one CPU",
    ("process_start", None, None, "free"): "start and join, any CPU",
    ("process_start", 1 << 30, None, "same"): "from a parent of 1 GiB, one CPU",
    ("process_start", 1 << 30, None, "free"): "from a parent of 1 GiB, any CPU",
    ("pool_apply", None, 1, "same"): "a pool's call, one CPU",
    ("pool_apply", None, 1, "free"): "a pool's call, any CPU",
    ("pool_map", None, 1, "free"): "a task of a map, 1 worker",
    ("pool_map", None, 2, "free"): "a task of a map, 2 workers",
}
CALL_KEYS = ("question", "op", "bytes", "placement")
CALLS = {
    (question, op, size, placement): f"{title}, {where}"
    for question, op, size, title in (
        ("manager_call", "dict_set", None, "setting an item of a dict"),
        ("manager_call", "dict_get", 65536, "getting one of 64 KiB"),
        ("manager_call", "queue_put_get", None, "put and get of a queue"),
        ("manager_pipelined", "dict_set", None, "setting an item, 16 in a message"),
        ("manager_connect", None, None, "connecting for one call"),
    )
    for placement, where in (("same", "one CPU"), ("cross", "two CPUs"))
}
# Arrays, and the pipes that they are compared with.
CARRIERS = {
    ("array_handoff", "anonymous+futex"): style.Look(style.WARM[0], "o"),
    ("array_handoff", "anonymous+posix_sem"): style.Look(style.WARM[1], "s"),
    ("array_handoff", "cpython_array_semaphore"): style.Look(style.WARM[1], "s", hollow=True),
    **{
        ("pipe_latency", name): look
        for (_, name), look in style.looks(
            [("pipe", "os_pipe"), ("pipe", "cpython_pipe_oneway")]
        ).items()
    },
}


def shared_locks(data: Data) -> style.Sheet:
    """Time for one addition, all processes together: a panel a crowd, a row a lock, the best on top."""
    return _ranking(
        data,
        CROWDS,
        "Adding one to a shared value, by lock (lower is better)",
        "Time for one addition, all processes together. Hollow: CPython's own. Who sleeps for a lock that others "
        "hold is woken late, and the others go on meanwhile. The panels at the left have a scale of their own.",
        "One addition (time; lower is better)",
    )


def processes(data: Data) -> style.Sheet:
    """Time to start and join a process, and for a task of a pool: a row a way, the best on top."""
    return _ranking(
        data,
        WORK,
        "Starting processes and threads, and giving work to pools (lower is better)",
        "Time for one, of tasks all workers together. Hollow: CPython's own. Panels of a column have one scale.",
        "One process or task (time; lower is better)",
    )


def managers(data: Data) -> style.Sheet:
    """Time for a call of one client: a row a way to the server, the best on top."""
    alone = [row for row in data.rows if row["clients"] == 1]
    return _ranking(
        replace(data, rows=alone),
        CALLS,
        "Calls of a manager's objects (lower is better)",
        "Time for one, by one client. Hollow: CPython's own. Panels of a column have one scale.",
        "One call (time; lower is better)",
        CALL_KEYS,
    )


def array_handoff(data: Data) -> style.Sheet:
    """A payload there and back through an array in shared memory, and through a pipe, against its size."""
    rows = [
        row
        for row in data.rows
        if (row["question"], row["backend"]) in CARRIERS
        and row.get("median")
        and not (row["codec"] or row["op"])
    ]
    handed = [row for row in rows if row["question"] == "array_handoff"]
    arrays = {row["bytes"] for row in handed}
    places = [p for p in PLACEMENTS if any(row["placement"] == p for row in handed)]
    rows = [row for row in rows if row["bytes"] in arrays and row["placement"] in places]
    if len(arrays) < 2:
        raise Nothing("needs array_handoff with two sizes")
    found = {(row["question"], row["backend"]) for row in rows}
    headings = {"Array in shared memory": "array_handoff", "Pipe of bytes": "pipe_latency"}
    groups = [
        style.Group(
            heading,
            [
                (backend.removeprefix(MEMORY), look.line())
                for (asked, backend), look in CARRIERS.items()
                if asked == question and (asked, backend) in found
            ],
        )
        for heading, question in headings.items()
    ]
    sheet = style.Sheet(
        "Handing over an array, against sending it (lower is better)",
        [3.2],
        len(places),
        f"{style.POINTS} The array is written, told of by a semaphore of that kind, and read; the pipe's bytes are written and "
        f"read as well. Hollow: CPython's own.\n{data.conditions}",
        [group for group in groups if group.entries],
        share_y=True,
    )
    for place, ax in zip(places, sheet.panels[0]):
        ax.set_title(f"{place} ({style.WHERE[place]})", loc="left")
        ax.set_yscale("log")
        style.size_axis(ax, arrays)
        for carrier, look in CARRIERS.items():
            own = [
                r
                for r in rows
                if (r["question"], r["backend"], r["placement"]) == (*carrier, place)
            ]
            own.sort(key=lambda row: row["bytes"])
            if own:
                bars = list(zip(*map(_bars, own)))
                x, y = [row["bytes"] for row in own], [row["median"] for row in own]
                ax.errorbar(x, y, yerr=bars, elinewidth=1.0, capsize=2.0, **look.line())
    sheet.label("Array size (bytes)", "Round trip, p50 (time)", style.TIME)
    return sheet


def _bars(row: Row) -> tuple[float, float]:
    """The lengths of the bars below and above a median; 0 without interval."""
    low, high = (row["median"] if row[k] is None else row[k] for k in ("low", "high"))
    return row["median"] - low, high - row["median"]


def _ranking(
    data: Data, cells: Mapping[tuple, str], title: str, note: str, x: str, keys: tuple = KEYS
) -> style.Sheet:
    """A panel a cell, with the times of one operation, the shortest on top."""
    ranked = {cell: _times(data.rows, cell, keys) for cell in cells}
    if not any(ranked.values()):
        raise Nothing("needs " + " or ".join(sorted({cell[0] for cell in cells})))
    pairs = [list(cells)[i : i + 2] for i in range(0, len(cells), 2)]
    pairs = [pair for pair in pairs if any(ranked[cell] for cell in pair)]
    heights = [max(len(ranked[cell]) for cell in pair) for pair in pairs]
    sheet = style.Sheet(
        title,
        [0.19 * rows + 0.1 for rows in heights],
        2,
        f"{style.POINTS} {note}\n{data.conditions}",
        ranking=True,
    )
    for pair, rows, panels in zip(pairs, heights, sheet.panels):
        for cell, ax in zip(pair, panels):
            ax.set_title(cells[cell], loc="left")
            ax.set_xscale("log")
            ax.set_ylim(rows - 0.4, -0.6)
            _draw(ax, ranked[cell])
    for ax in sheet.panels[-1]:
        ax.set_xlabel(x)
        style.log_units(ax.xaxis, style.TIME, 4)
    return sheet


def _times(rows: Iterable[Row], cell: tuple, keys: tuple) -> list[dict[str, Any]]:
    """The rows of a cell as times (ns) of one operation, the shortest first. Of memories one."""
    out = []
    for row in rows:
        if tuple(row[key] for key in keys) != cell or not row.get("median"):
            continue
        if "+" in row["backend"] and not row["backend"].startswith(MEMORY):
            continue
        ends = (1e9 / row[k] if row[k] else None for k in ("median", "high", "low"))
        out.append(dict(zip(("median", "low", "high"), ends)) | {"backend": row["backend"]})
    return sorted(out, key=lambda row: row["median"])


def _draw(ax: style.Axes, rows: Sequence[Row]) -> None:
    ax.set_yticks(range(len(rows)), [row["backend"].removeprefix(MEMORY) for row in rows])
    ax.tick_params(axis="y", length=0)
    for y, row in enumerate(rows):
        below, above = _bars(row)
        look = THEIRS if row["backend"].startswith("cpython_") else OURS
        line = look.line() | {"linestyle": "none"}
        ax.errorbar(row["median"], y, xerr=[[below], [above]], capsize=2.5, elinewidth=1.2, **line)
        style.beside(ax, y, style.scaled(row["median"], style.TIME))
    if not rows:
        style.absent(ax)
