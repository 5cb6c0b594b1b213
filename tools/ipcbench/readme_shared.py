# SPDX-License-Identifier: MIT
"""README.md's parts about shared values: what locks and memories cost, and what they promise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import claims
from .claim_data import Claim
from .readme_runs import OURS, PLACEMENTS, caption, longest, newest
from .rundir import RunDir
from .summary import OTHERS
from .tables import bytes_text, interval_text
from .verdict_page import table
from .verdict_text import sentence

# Columns of the table of locks: title -> (question, bytes, processes, placement).
LOCK_CELLS = {
    "add one, alone": ("value_update", None, 1, "same"),
    "2 on two CPUs": ("value_update", None, 2, "cross"),
    "4 on two CPUs": ("value_update", None, 4, "free"),
    "64 B, read mostly, 2 on two CPUs": ("value_read_mostly", 64, 2, "cross"),
    "handed over on one CPU": ("lock_handoff", None, 2, "same"),
    "on two": ("lock_handoff", None, 2, "cross"),
}
MEMORY_CELLS = {
    f"{bytes_text(size)}, {place}": ("array_handoff", size, None, place)
    for place in PLACEMENTS
    for size in (64, 4096, 65536, 1048576)
}


def shared_values(run: RunDir) -> str:
    """What locks and memories cost, of the newest run under results/shared/. Raises ReadmeError."""
    run_there = newest(run.path.parent.parent / "shared")
    rows = {
        (row["question"], row["bytes"], row["processes"], row["placement"], row["backend"]): row
        for row in run_there.summary()
        if row["median"] is not None
    }

    def lines(cells: Mapping[str, tuple[Any, ...]], wanted: Callable[[str], bool]) -> str:
        names = sorted({key[-1] for key in rows if key[:-1] in cells.values() and wanted(key[-1])})
        body = [
            [f"`{name}`", *(_time_cell(rows.get((*cell, name))) for cell in cells.values())]
            for name in names
        ]
        return table(["", *cells], body)

    locks = lines(LOCK_CELLS, lambda name: name.startswith(("anonymous+", "cpython_")))
    memories = lines(MEMORY_CELLS, lambda name: True)
    said = []
    for judged in claims.judge(run_there):
        if judged.claim.source != OURS and is_about_shared(judged.claim):
            said += [f"- **{sentence(judged)}**", *(f"  - {note}" for note in judged.notes)]
    return (
        f"Time for one operation, all processes together [its interval].\n\n"
        f"{locks}\n\n{_figure(run_there)}A payload there and back, written into an array, told of by a semaphore of that kind, and read (p50):\n\n"
        f"{memories}\n\n" + "\n".join(said) + f"\n\nOf {caption(run_there)}\n"
    )


def is_about_shared(claim: Claim) -> bool:
    return any(metric.x in OTHERS for metric in claim.metrics)


def _figure(run: RunDir) -> str:
    picture = run.path / "plots" / "shared_locks.png"
    if not picture.exists():
        return ""
    return f"![Adding one, by lock](results/shared/{run.path.name}/plots/{picture.name})\n\n"


def _time_cell(row: Mapping[str, Any] | None) -> str:
    """A summary row as the time that one operation takes."""
    if row is None:
        return ""
    if row["unit"] == "1/s":
        ends = (row["low"], row["high"])
        low, high = (1e9 / end if end is not None else None for end in reversed(ends))
        row = {**row, "unit": "ns", "median": 1e9 / row["median"], "low": low, "high": high}
    return " ".join(filter(None, interval_text(row)))


def shared(listed: Sequence[Mapping[str, Any]]) -> str:
    """The memories and the locks of shared values, and CPython's, as the programs list them."""
    of = {
        family: sorted(
            (b for b in listed if b["family"] == family), key=lambda backend: backend["name"]
        )
        for family in ("memory", "lock", "shared")
    }
    memories = table(
        ["memory", "how", "left by a crash", "needs"],
        [[f"`{b['name']}`", b["summary"], b["leftovers"], b["needs"]] for b in of["memory"]],
    )
    head = ["lock", "how", "kind", "value", "killed: holding / waiting", "in words"]
    locks = table(
        head + ["left by a crash", "needs"],
        [
            [
                f"`{b['name']}`",
                b["summary"],
                _lock_kind(b),
                longest(b),
                f"{b['killed']['sending']} / {b['killed']['receiving']}" if b["exclusive"] else "",
                b["on_kill"],
                b["leftovers"],
                b["needs"],
            ]
            for b in of["lock"]
        ],
    )
    python = table(
        ["CPython's", "how", "in words"],
        [[f"`{b['name']}`", b["summary"], b["on_kill"]] for b in of["shared"]],
    )
    return f"{memories}\n\n{locks}\n\n{python}\n"


def _lock_kind(lock: Mapping[str, Any]) -> str:
    if lock["exclusive"]:
        return "excludes writers" if lock["reads_alone"] else "excludes all others"
    return "atomic operations" if lock["exchanging"] else "none"
