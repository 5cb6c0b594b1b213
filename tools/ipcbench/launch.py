# SPDX-License-Identifier: MIT
"""Asks a benchmark program: what it can measure, and for one process run of one series."""

from __future__ import annotations

import csv
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .child import Interrupted, Stop, run_child
from .gbench import BadResult, read_result

LIST_SECONDS = 60


class ProgramError(Exception):
    """A program that does not answer as it should: what was started and what it said."""


def list_program(program: Path, stop: Stop) -> dict[str, Any]:
    """The document that `program --list` prints. Raises ProgramError, and Interrupted after a signal."""
    try:
        ended = run_child([str(program), "--list"], stop, LIST_SECONDS)
        if stop.signum is not None:
            raise Interrupted
        if ended.code != 0:
            raise ValueError(ended.reason())
        document = json.loads(ended.out)
        if not all(isinstance(document[key], list) for key in ("series", "backends")):
            raise ValueError("'series' and 'backends' are not lists")
        return document
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProgramError(f"{program} --list: {error}") from None


@dataclass(frozen=True)
class Launch:
    """One process run that is to be made. messages None: the program calibrates itself."""

    program: Path
    series: str
    messages: int | None
    batches: int
    capacity: int
    batch_limit: int  # seconds after which the program itself gives a batch up
    limit: float  # seconds after which the program is ended


@dataclass(frozen=True)
class Result:
    """What became of a process run: columns of runs.csv (status, reason and the measured ones) and its histogram."""

    columns: dict[str, Any]
    histogram: list[dict[str, Any]]
    context: dict[str, Any]
    seconds: float


def escape(name: str) -> str:
    """A series name as a regular expression that RE2, std::regex and Python understand alike."""
    return "".join("\\" + c if c in r"\.[]{}()*+?^$|" else c for c in name)


def process_run(launch: Launch, stop: Stop) -> Result:
    """Launches the program for one series. Never raises for what the program does: that is a failed row."""
    with tempfile.TemporaryDirectory(prefix="ipcbench-") as scratch:
        result, histogram = Path(scratch, "result.json"), Path(scratch, "histogram.csv")
        argv = [
            str(launch.program),
            f"--benchmark_filter=^{escape(launch.series)}$",
            f"--batches={launch.batches}",
            f"--capacity={launch.capacity}",
            f"--time_limit={launch.batch_limit}",
            f"--benchmark_out={result}",
            "--benchmark_out_format=json",
            f"--histogram_out={histogram}",
        ]
        if launch.messages is not None:
            argv.append(f"--messages={launch.messages}")
        before = _cpu_ticks()
        try:
            ended = run_child(argv, stop, launch.limit)
        except OSError as error:
            return Result({"status": "failed", "reason": f"cannot start: {error}"}, [], {}, 0.0)
        steal = _steal_percent(before, _cpu_ticks())
        asked = {"messages": launch.messages, "batches": launch.batches}
        columns = {**asked, "asked_capacity_bytes": launch.capacity, "steal_percent": steal}
        try:
            measured, context = read_result(result, launch.series)
            if ended.code != 0:
                raise BadResult(ended.reason())
            rows = _read_histogram(histogram, launch.series)
        except BadResult as error:
            reason = str(error)
            if ended.code not in (0, 3) or ended.timed_out or reason == "wrote no result":
                reason = ended.reason()
            columns.update(status="failed", reason=" ".join(reason.split()))
            return Result(columns, [], {}, ended.seconds)
        columns.update(measured, status="ok")
        return Result(columns, rows, context, ended.seconds)


def _read_histogram(path: Path, series: str) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        counts = ("low_ns", "high_ns", "count")
        return [{c: int(row[c]) for c in counts} for row in rows if row["series"] == series]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise BadResult(f"unreadable histogram: {type(error).__name__}: {error}") from None


def _cpu_ticks() -> tuple[int, int] | None:
    """(stolen, all) clock ticks of all CPUs since the boot, from /proc/stat; None where it has no steal column."""
    try:
        words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
        ticks = [int(word) for word in words[1:9]]
    except (OSError, ValueError):
        return None
    return (ticks[7], sum(ticks)) if len(ticks) == 8 else None


def _steal_percent(before: tuple[int, int] | None, after: tuple[int, int] | None) -> float | None:
    """Share of CPU time that the hypervisor gave to others, in percent of all CPUs; None when not known."""
    if before is None or after is None or after[1] <= before[1]:
        return None
    return 100.0 * (after[0] - before[0]) / (after[1] - before[1])
