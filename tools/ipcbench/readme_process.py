# SPDX-License-Identifier: MIT
"""README.md's part about processes: what it costs to start them, to give them tasks, and what several do together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import claims
from .readme_runs import caption, figure, newest, said_of, time_cell, time_table
from .rundir import RunDir
from .series import FLOOR, natural
from .summary import PROCESSES, median_switches, series_of
from .tables import digits
from .verdict import EQUIVALENT, FAILS, HOLDS, NONE, REVERSED, UNDECIDED
from .verdict_page import table
from .verdict_text import interval_text, ratio_text

GIBIBYTE = 1 << 30
START_CELLS = {
    "small parent, one CPU": ("process_start", None, None, "same"),
    "any CPU": ("process_start", None, None, "free"),
    "parent of 1 GiB, one CPU": ("process_start", GIBIBYTE, None, "same"),
    "1 GiB, any CPU": ("process_start", GIBIBYTE, None, "free"),
}
POOL_CELLS = {
    "one call, one CPU": ("pool_apply", None, 1, "same"),
    "one call, any CPU": ("pool_apply", None, 1, "free"),
    **{
        f"map, {n} workers".replace("1 workers", "1 worker"): ("pool_map", None, n, "free")
        for n in (1, 2, 4)
    },
}
WORK_CELLS = {
    f"{what}, {n}": (question, None, n, "free")
    for question, what in (("cpu_bound", "computing"), ("io_bound", "waiting"))
    for n in (1, 2, 4)
}
ONCE = "pool_once"
OUTCOMES = {
    (HOLDS, ""): "faster",
    (FAILS, ""): "not faster",
    (FAILS, EQUIVALENT): "as fast",
    (FAILS, REVERSED): "slower",
    (UNDECIDED, ""): "undecided",
    (NONE, ""): "too few blocks",
}
TURNS = "context_switch"  # the question, and the beginning of the names of its floors
ABOUT = {*PROCESSES, FLOOR}


def processes(run: RunDir) -> str:
    """Of the newest run under results/process/. Raises ReadmeError."""
    there = newest(run.path.parent.parent / "process")
    return (
        "Start and join, for one [its interval]:\n\n"
        f"{time_table(there, START_CELLS)}\n\n"
        "A task that squares a number, the time for one. One call: `apply` after `apply`, by a pool of one worker that was made before. "
        "Map: a map of 1000 tasks, divided by 1000; `process_per_task` forks a process for each instead, so many at a time:\n\n"
        f"{time_table(there, POOL_CELLS)}\n\n"
        f"{figure(there, 'processes', 'Starting processes, and giving work to pools')}"
        "So many tasks, once, with a pool of two that is made for them and ended, or with a process for each, two at a time:\n\n"
        f"{bursts(there)}\n\n"
        "The pool's rate, as a multiple of the processes' [its interval]:\n\n"
        f"{paid(there)}\n\n"
        "A unit of work by so many workers, all together; computing is another unit in CPython than in C++, waiting is 1 ms in both:\n\n"
        f"{time_table(there, WORK_CELLS)}\n\n"
        "Two who take turns on one CPU: CPython's by semaphores, and with the interpreter's lock where they are threads; ours, the "
        "floors, by a futex:\n\n"
        f"{turns(there)}\n\n"
        f"{said_of(there, ABOUT)}\n\nOf {caption(there)}\n"
    )


def bursts(run: RunDir) -> str:
    """A row a number of tasks and their length, a column a way: the time until all is done and ended."""
    rows = {
        (row["op"], row["backend"]): row
        for row in run.summary()
        if row["question"] == ONCE and row["median"] is not None
    }
    names = sorted({backend for _, backend in rows})
    body = [
        [burst_text(op), *(time_cell(rows.get((op, name))) for name in names)]
        for op in sorted({op for op, _ in rows}, key=burst)
    ]
    return table(["", *(f"`{name}`" for name in names)], body)


def paid(run: RunDir) -> str:
    """A row a number of tasks, a column a language and a length: how many times as fast the pool is, by the paired runs."""
    cells: dict[int, dict[str, str]] = {}
    for judged in claims.judge(run):
        for cell in judged.cells:
            if cell.x.startswith(ONCE):
                ms, tasks = burst(cell.keys["op"])
                interval = interval_text(cell).replace("-", ", ")
                words = f"{ratio_text(cell)} [{interval}]: {OUTCOMES[cell.verdict, cell.tag]}"
                cells.setdefault(tasks, {})[f"{judged.language}, {ms} ms"] = words
    columns = sorted({column for row in cells.values() for column in row}, key=natural)
    body = [[str(n), *(cells[n].get(column, "") for column in columns)] for n in sorted(cells)]
    return table(["tasks", *columns], body)


def burst(op: str) -> tuple[int, int]:
    """Of 16x1ms: 1 ms, 16 tasks."""
    tasks, ms = op.removesuffix("ms").split("x")
    return int(ms), int(tasks)


def burst_text(op: str) -> str:
    ms, tasks = burst(op)
    return f"{tasks} task{'s' * (tasks > 1)} of {ms} ms"


def turns(run: RunDir) -> str:
    """The time of a turn, until the other one has it, and how many context switches that takes."""
    taken = series_of(run.runs(), "ok")
    body = []
    for row in sorted(run.summary(), key=lambda row: row["backend"]):
        about = (
            row["question"] == TURNS
            or row["question"] == FLOOR
            and row["backend"].startswith(TURNS)
        )
        if about and row["median"] is not None:
            switches = median_switches(taken[row["series"]])
            body.append(
                [
                    f"`{row['backend']}`",
                    time_cell(row),
                    "" if switches is None else digits(switches),
                ]
            )
    return table(["", "a turn", "context switches a turn"], body)


def ways(listed: Sequence[Mapping[str, Any]]) -> str:
    """The ways to have something done, as the programs list them."""
    rows = sorted((b for b in listed if b["family"] == "process"), key=lambda b: b["name"])
    return (
        table(
            ["way", "how", "after"], [[f"`{b['name']}`", b["summary"], b["source"]] for b in rows]
        )
        + "\n"
    )
