# SPDX-License-Identifier: MIT
"""README.md's parts about shared values: what locks and memories cost, and what they promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .readme_runs import PLACEMENTS, caption, figure, longest, newest, said_of, time_table
from .rundir import RunDir
from .summary import SHARED
from .tables import bytes_text
from .verdict_page import table

# Columns of the table of locks: title -> (question, bytes, processes, placement).
LOCK_CELLS = {
    "add one, alone": ("value_update", None, 1, "same"),
    "2 on two CPUs": ("value_update", None, 2, "cross"),
    "4 on two CPUs": ("value_update", None, 4, "free"),
    "64 B, read mostly, 2 on two CPUs": ("value_read_mostly", 64, 2, "cross"),
    "handed over on one CPU": ("lock_handoff", None, 2, "same"),
    "on two": ("lock_handoff", None, 2, "cross"),
}
COPY_CELLS = {
    bytes_text(size): ("array_copy", size, None, "same") for size in (64, 4096, 65536, 1048576)
}
HANDOFF_CELLS = {
    f"{bytes_text(size)}, {place}": ("array_handoff", size, None, place)
    for place in PLACEMENTS
    for size in (64, 4096, 65536, 1048576)
}


def shared_values(run: RunDir) -> str:
    """What locks and memories cost, of the newest run under results/shared/. Raises ReadmeError."""
    run_there = newest(run.path.parent.parent / "shared")
    locks = time_table(
        run_there,
        LOCK_CELLS,
        lambda name: name.startswith(("anonymous+", "cpython_")) or name.endswith("+futex"),
    )
    return (
        f"Time for one operation, all processes together [its interval].\n\n"
        f"{locks}\n\n{figure(run_there, 'shared_locks', 'Adding one, by lock')}An array written as a whole and read back as a whole, by one process, without a lock but for `cpython_array`:\n\n"
        f"{time_table(run_there, COPY_CELLS)}\n\n"
        f"A payload there and back, written into an array, told of by a semaphore of that kind, and read (p50):\n\n"
        f"{time_table(run_there, HANDOFF_CELLS)}\n\n{figure(run_there, 'array_handoff', 'Handing over an array, against sending it')}{said_of(run_there, SHARED)}\n\nOf {caption(run_there)}\n"
    )


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
