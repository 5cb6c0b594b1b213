# SPDX-License-Identifier: MIT
"""The figure of shared values: what adding one costs under each lock."""

from __future__ import annotations

from typing import Any

from . import plot_style as style
from .plot_data import Data, Nothing

# Panels in rows of two: (processes, placement) -> title.
CELLS = {
    (1, "same"): "one process",
    (2, "same"): "two on one CPU",
    (2, "cross"): "two on different CPUs",
    (4, "free"): "four, any CPU",
}
MEMORY = "anonymous+"  # every lock is measured on this one
OURS, THEIRS = style.Look(style.COLD[0], "o"), style.Look(style.WARM[0], "o", hollow=True)


def shared_locks(data: Data) -> style.Sheet:
    """Time for one addition, all processes together: a panel a crowd, a row a lock, the best on top."""
    ranked = {cell: sorted(_rows(data, cell), key=lambda row: -row["median"]) for cell in CELLS}
    if not any(ranked.values()):
        raise Nothing("needs value_update")
    pairs = [list(CELLS)[i : i + 2] for i in range(0, len(CELLS), 2)]
    heights = [max(len(ranked[cell]) for cell in pair) for pair in pairs]
    sheet = style.Sheet(
        "Adding one to a shared value, by lock (lower is better)",
        [0.19 * max(rows, 1) + 0.1 for rows in heights],
        2,
        f"{style.POINTS} Time for one addition, all processes together. Hollow: CPython's own. Who sleeps for a lock that others "
        f"hold is woken late, and the others go on meanwhile. The panels at the left have a scale of their own.\n{data.conditions}",
        ranking=True,
    )
    for pair, rows, panels in zip(pairs, heights, sheet.panels):
        for cell, ax in zip(pair, panels):
            ax.set_title(CELLS[cell], loc="left")
            ax.set_xscale("log")
            ax.set_ylim(rows - 0.4, -0.6)
            _draw(ax, ranked[cell])
    for ax in sheet.panels[-1]:
        ax.set_xlabel("One addition (time; lower is better)")
        style.log_units(ax.xaxis, style.TIME, 4)
    return sheet


def _rows(data: Data, cell: tuple[int, str]) -> list[dict[str, Any]]:
    return [
        row
        for row in data.rows
        if row["question"] == "value_update"
        and (row["processes"], row["placement"]) == cell
        and row["median"]
        and (row["backend"].startswith(MEMORY) or row["backend"].startswith("cpython_"))
    ]


def _draw(ax: style.Axes, rows: list[dict[str, Any]]) -> None:
    ax.set_yticks(range(len(rows)), [row["backend"].removeprefix(MEMORY) for row in rows])
    ax.tick_params(axis="y", length=0)
    for y, row in enumerate(rows):
        time, low, high = (1e9 / row[k] if row[k] else None for k in ("median", "high", "low"))
        bars = [[time - low], [high - time]] if low and high else None
        look = THEIRS if row["backend"].startswith("cpython_") else OURS
        line = look.line() | {"linestyle": "none"}
        ax.errorbar(time, y, xerr=bars, capsize=2.5, elinewidth=1.2, **line)
        style.beside(ax, y, style.scaled(time, style.TIME))
    if not rows:
        style.absent(ax)
