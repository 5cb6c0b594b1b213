# SPDX-License-Identifier: MIT
"""README.md's part about waiting: what it costs while nothing comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .readme_runs import caption, newest
from .rundir import RunDir
from .tables import digits
from .verdict_page import table

SILENCE_NS = 2e9  # kSilence of bench/harness/senders.h
QUESTIONS = {"pipe": "pipe_idle_cost", "queue": "queue_idle_cost"}


def waiting(run: RunDir) -> str:
    """The share of a CPU that a waiting receiver takes, of the newest run under results/idle/. Raises ReadmeError."""
    there = newest(run.path.parent.parent / "idle")
    rows = {
        (row["question"], row["backend"], row["codec"] or ""): row
        for row in there.summary()
        if row["question"] in QUESTIONS.values()
    }
    names = sorted({key[1:] for key in rows})
    body = [
        [
            f"`{backend}`" + (", objects" if codec else ""),
            *(_share(rows.get((question, backend, codec))) for question in QUESTIONS.values()),
        ]
        for backend, codec in names
    ]
    return (
        f"{table(['', *QUESTIONS], body)}\n\n"
        "CPU time of sender, receiver and helper over 2 s in which nothing comes, with the message that ends them, as a share "
        f"of one CPU [its interval], by `tools/run --profile idle`; {caption(there)}\n"
    )


def _share(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    if row["median"] is None:
        return "failed"
    median, low, high = (
        None if row[k] is None else digits(100 * row[k] / SILENCE_NS)
        for k in ("median", "low", "high")
    )
    return f"{median} %" if low is None else f"{median} % [{low}, {high}]"
