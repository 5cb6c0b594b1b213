# SPDX-License-Identifier: MIT
"""README.md's part about managers: what a call of an object in a server costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .readme_runs import PLACEMENTS, caption, figure, median_cell, newest, said_of, time_cell
from .rundir import RunDir
from .summary import MANAGERS
from .tables import bytes_text
from .verdict_page import table

CALL, PIPELINED, CONNECT = "manager_call", "manager_pipelined", "manager_connect"
CROWDED = (
    "dict_set",
    "list_append",
    "queue_put_get",
)  # operations of which several clients are shown
Rows = Mapping[
    tuple[Any, ...], Mapping[str, Any]
]  # by question, op, bytes, clients, placement, backend


def managers(run: RunDir) -> str:
    """Of the newest run under results/manager/. Raises ReadmeError."""
    there = newest(run.path.parent.parent / "manager")
    rows = {
        tuple(
            row[key] for key in ("question", "op", "bytes", "clients", "placement", "backend")
        ): row
        for row in there.summary()
        if row["question"] in MANAGERS and row["median"] is not None
    }
    backends = sorted({key[-1] for key in rows})
    out = []
    for placement, where in PLACEMENTS.items():
        where = where.replace("both processes", "client and server")
        out += [f"The time for one, {where} [its interval]:", calls(rows, backends, placement)]
    out += [
        "Calls a second of so many clients together, where the scheduler puts them, for two clients and their server are more than the two CPUs that "
        "`same` and `cross` tell apart:",
        crowds(rows, backends),
        figure(there, "managers", "Calls of a manager").strip(),
        said_of(there, {*MANAGERS, "value_update"}),
        f"Of {caption(there)}",
    ]
    return "\n\n".join(filter(None, out)) + "\n"


def calls(rows: Rows, backends: list[str], placement: str) -> str:
    """A row an operation, with its payload where it has one; one client."""
    asked = dict.fromkeys(key[:3] for key in rows if key[3] == 1 and key[4] == placement)
    order = list(MANAGERS)
    body = [
        [
            title(question, op, size),
            *(time_cell(rows.get((question, op, size, 1, placement, name))) for name in backends),
        ]
        for question, op, size in sorted(
            asked, key=lambda one: (order.index(one[0]), one[1] or "", one[2] or 0)
        )
    ]
    return table(["", *(f"`{name}`" for name in backends)], body)


def title(question: str, op: str, size: int | None) -> str:
    if question == CONNECT:
        return "connect, one call, leave"
    of = f", {bytes_text(size)}" if size else ""
    return f"`{op}`{of}" + (", 16 in a message" if question == PIPELINED else "")


def crowds(rows: Rows, backends: list[str]) -> str:
    """A row an operation and a number of clients."""
    counts = sorted({key[3] for key in rows if key[4] == "free"})
    body = [
        [
            f"`{op}`, {count} client{'s' * (count > 1)}",
            *(median_cell(rows.get((CALL, op, None, count, "free", name))) for name in backends),
        ]
        for op in CROWDED
        for count in counts
        if any((CALL, op, None, count, "free", name) in rows for name in backends)
    ]
    return table(["", *(f"`{name}`" for name in backends)], body)


def servers(listed: Sequence[Mapping[str, Any]]) -> str:
    """The ways to a manager's server, as the programs list them."""
    rows = sorted((b for b in listed if b["family"] == "manager"), key=lambda b: b["name"])
    head = ["backend", "how", "wait class", "a kill", "left by a crash", "after"]
    columns = ("summary", "wait_class", "on_kill", "leftovers", "source")
    return table(head, [[f"`{b['name']}`", *(b[c] for c in columns)] for b in rows]) + "\n"
