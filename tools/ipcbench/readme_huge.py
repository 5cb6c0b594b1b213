# SPDX-License-Identifier: MIT
"""README.md's part about huge messages: how many bytes a second go through."""

from __future__ import annotations

from .readme_runs import caption, newest, scaled_cell
from .rundir import RunDir
from .tables import bytes_text
from .verdict_page import table

PLACEMENTS = ("same", "cross")


def huge(run: RunDir) -> str:
    """Streams of huge messages, of the newest run under results/huge/. Raises ReadmeError."""
    there = newest(run.path.parent.parent / "huge")
    rows = {}
    for row in there.summary():
        family, _, metric = row["question"].partition("_")
        if metric == "throughput" and row["backend"] != "null":
            who = (family, row["backend"], row["codec"] or "")
            rows[(*who, row["placement"], row["bytes"])] = row
    sizes = sorted({key[-1] for key in rows})
    cells = [(place, size) for place in PLACEMENTS for size in sizes]
    head = [f"{bytes_text(size)}, {place}" for place, size in cells]
    body = [
        [
            f"`{backend}`" + (", objects" if codec else ""),
            family,
            *(
                scaled_cell(rows.get((family, backend, codec, *cell)), cell[-1] / 1e9, "GB/s")
                for cell in cells
            ),
        ]
        for family, backend, codec in sorted({key[:3] for key in rows})
    ]
    return (
        f"{table(['', 'family', *head], body, head)}\n\n"
        "Bytes per second from one producer to one consumer [the interval of the median]; "
        f"{caption(there)}\n"
    )
