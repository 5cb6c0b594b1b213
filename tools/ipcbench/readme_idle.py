# SPDX-License-Identifier: MIT
"""README.md's part about waiting: what it costs while nothing comes."""

from __future__ import annotations

from .readme_runs import caption, newest, scaled_cell
from .rundir import RunDir
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
            *(
                scaled_cell(rows.get((question, backend, codec)), 100 / SILENCE_NS, "%")
                for question in QUESTIONS.values()
            ),
        ]
        for backend, codec in names
    ]
    return (
        f"{table(['', *QUESTIONS], body)}\n\n"
        "CPU time of sender, receiver and helper over 2 s in which nothing comes, with the message that ends them, as a share "
        f"of one CPU [its interval], by `tools/run --profile idle`; {caption(there)}\n"
    )
