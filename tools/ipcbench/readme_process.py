# SPDX-License-Identifier: MIT
"""README.md's part about processes: what it costs to start them, to give them tasks, and what several do together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .readme_runs import caption, figure, newest, said_of, time_table
from .rundir import RunDir
from .series import FLOOR
from .summary import PROCESSES
from .verdict_page import table

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
SWITCH_CELLS = {"one switch": ("context_switch", None, 2, "same")}
ABOUT = {*PROCESSES, FLOOR}


def processes(run: RunDir) -> str:
    """Of the newest run under results/process/. Raises ReadmeError."""
    there = newest(run.path.parent.parent / "process")
    return (
        "Start and join, for one [its interval]:\n\n"
        f"{time_table(there, START_CELLS)}\n\n"
        "A small task of a pool, all workers together:\n\n"
        f"{time_table(there, POOL_CELLS)}\n\n"
        f"{figure(there, 'processes', 'Starting processes, and giving work to pools')}"
        "A unit of work by so many workers, all together; computing is another unit in CPython than in C++, waiting is 1 ms in both:\n\n"
        f"{time_table(there, WORK_CELLS)}\n\n"
        "A switch between two who take turns on one CPU, by the same semaphores:\n\n"
        f"{time_table(there, SWITCH_CELLS)}\n\n"
        f"{said_of(there, ABOUT)}\n\nOf {caption(there)}\n"
    )


def ways(listed: Sequence[Mapping[str, Any]]) -> str:
    """The ways to have something done, as the programs list them."""
    rows = sorted((b for b in listed if b["family"] == "process"), key=lambda b: b["name"])
    return (
        table(
            ["way", "how", "after"], [[f"`{b['name']}`", b["summary"], b["source"]] for b in rows]
        )
        + "\n"
    )
