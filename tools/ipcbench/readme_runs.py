# SPDX-License-Identifier: MIT
"""What the generated parts of README.md share: the runs that they quote, and how they say things."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import Any

from . import claims
from .claim_data import Claim
from .rundir import RunDir
from .tables import bytes_text, digits, interval_text
from .verdict_page import machine_text, table
from .verdict_text import sentence

PLACEMENTS = {"same": "both processes on one CPU", "cross": "on different CPUs"}
OURS = "this project"  # the source of the claims that are targets


class ReadmeError(Exception):
    """README.md or its reference run cannot be used: what, where, what would be valid. Tools exit 2."""


def run_folders(folder: Path) -> list[Path]:
    """The run folders there, the newest first."""
    return sorted((p for p in folder.glob("*") if (p / "runs.csv").exists()), reverse=True)


def newest(folder: Path) -> RunDir:
    """Raises ReadmeError when there is none."""
    for path in run_folders(folder):
        return RunDir(path)
    raise ReadmeError(f"{folder}: no run folder; results/README.md says how to record one")


def caption(run: RunDir, page: str = "") -> str:
    """Which run it is, how long, where, and what it warns of; `page` is the file in its folder that is linked to."""
    environment = run.environment()
    folder = f"results/{run.path.parent.name}/{run.path.name}"
    return (
        f"run [{run.path.name}]({folder}/{page}), {run.plan().get('blocks')} blocks, {machine_text(environment)}. "
        f"Its warnings: {warnings(environment)}."
    )


def warnings(environment: Mapping[str, Any]) -> str:
    """What a run warns of, without the names of its series."""
    said = environment.get("noise") or []
    return (
        "; ".join(re.sub(r"( series (?:are|took) [^:]*): .*", r"\1", text) for text in said)
        or "none"
    )


def not_measured(skipped: Iterable[Mapping[str, Any]]) -> str:
    """Why cells of a table are empty, and which backends it lacks: the reasons of these rows of runs.csv."""
    backends: dict[str, set[str]] = {}
    for row in skipped:
        backends.setdefault(row["reason"], set()).add(row["backend"])
    said = (
        f"{reason} ({', '.join(f'`{name}`' for name in sorted(names))})"
        for reason, names in sorted(backends.items())
    )
    return f"Not measured: {'; '.join(said)}." if backends else ""


def figure(run: RunDir, name: str, text: str) -> str:
    """The figure of that name as a paragraph; empty where the run has none."""
    picture = run.path / "plots" / f"{name}.png"
    if not picture.exists():
        return ""
    folder = f"results/{run.path.parent.name}/{run.path.name}"
    return f"![{text}]({folder}/plots/{picture.name})\n\n"


Cells = Mapping[str, tuple[Any, ...]]  # title -> (question, bytes, processes, placement)


def time_table(run: RunDir, cells: Cells, wanted: Callable[[str], bool] = lambda _: True) -> str:
    """A row a backend, in each cell the time that one operation takes [its interval]."""
    rows = {
        (row["question"], row["bytes"], row["processes"], row["placement"], row["backend"]): row
        for row in run.summary()
        if row["median"] is not None
    }
    names = sorted({key[-1] for key in rows if key[:-1] in cells.values() and wanted(key[-1])})
    body = [
        [f"`{name}`", *(time_cell(rows.get((*cell, name))) for cell in cells.values())]
        for name in names
    ]
    return table(["", *cells], body)


def time_cell(row: Mapping[str, Any] | None) -> str:
    """A summary row as the time that one operation takes."""
    if row is None:
        return ""
    if row["unit"] == "1/s":
        ends = (row["low"], row["high"])
        low, high = (1e9 / end if end is not None else None for end in reversed(ends))
        row = {**row, "unit": "ns", "median": 1e9 / row["median"], "low": low, "high": high}
    return " ".join(filter(None, interval_text(row)))


def scaled_cell(row: Mapping[str, Any] | None, factor: float, unit: str) -> str:
    """The median of a summary row times `factor`, with its interval; empty without a row."""
    if row is None:
        return ""
    if row["median"] is None:
        return "failed"
    median, low, high = (
        None if row[end] is None else digits(factor * row[end]) for end in ("median", "low", "high")
    )
    return f"{median} {unit}" if low is None else f"{median} {unit} [{low}, {high}]"


def median_cell(row: Mapping[str, Any] | None) -> str:
    """The median of a summary row, its interval, and how many times the floor it is; empty without a row."""
    if row is None:
        return ""
    floor = f" x{digits(row['x_floor'])}" if row["x_floor"] is not None else ""
    return " ".join(filter(None, interval_text(row))) + floor


def is_about(claim: Claim, questions: Container[str]) -> bool:
    return any(metric.x in questions for metric in claim.metrics)


def said_of(run: RunDir, questions: Container[str]) -> str:
    """The verdicts on what others say of these questions, a line each, with their notes."""
    lines = []
    for judged in claims.judge(run):
        if judged.claim.source != OURS and is_about(judged.claim, questions):
            lines += [f"- **{sentence(judged)}**", *(f"  - {note}" for note in judged.notes)]
    return "\n".join(lines)


def longest(backend: Mapping[str, Any]) -> str:
    """Frames of 2^31 bytes and more are no limit that anybody meets."""
    most, unsized = backend["max_message"], backend["unsized_message"]
    text = "any" if most >= 2**31 - 1 else bytes_text(most) if most else "none"
    return f"{text}, {bytes_text(unsized)} unless told" if 0 < unsized < most else text
