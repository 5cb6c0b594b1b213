# SPDX-License-Identifier: MIT
"""Google Benchmark 1.7.1's JSON, both ways: a program's one row into a run row, run rows into benchmark.json.

`real_time` is ns per message (a full round trip for latency), `cpu_time` CPU ns per message over all peers, the
counters are named as the columns of runs.csv. `compare.py` of Debian's libbenchmark-tools reads what is written here.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from .rundir import RUN_COLUMNS, SCHEMA, RunDir, write_json

_COUNTERS = tuple(
    column
    for column in ("messages", *RUN_COLUMNS[RUN_COLUMNS.index("cpu_ns_per_message") :])
    if column not in ("latency_kind", "asked_capacity_bytes", "steal_percent")
)


class BadResult(Exception):
    """A program's JSON that is no result: the reason for a failed row."""


def read_result(path: Path, series: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(columns of runs.csv, context) from the JSON that one process run wrote for one series.

    Raises BadResult when the file is not there, is not JSON, has not exactly this series or reports an error.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        context, benchmarks = document["context"], document["benchmarks"]
        names = [row["name"] for row in benchmarks]
    except FileNotFoundError:
        raise BadResult("wrote no result") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadResult(f"unreadable result: {type(error).__name__}: {error}") from None
    if names != [series]:
        raise BadResult(f"result of {names or 'no series'} instead of {series}")
    row = benchmarks[0]
    if row.get("error_occurred"):
        raise BadResult(str(row.get("error_message") or "error without a message"))
    columns = {column: row[column] for column in _COUNTERS if column in row}
    columns["batches"] = row.get("iterations")
    columns["real_time_ns"] = row.get("real_time")
    columns.setdefault("cpu_ns_per_message", row.get("cpu_time"))
    for column, value in columns.items():
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise BadResult(f"{column} is {value!r}, not a number")
    if columns["real_time_ns"] <= 0:
        raise BadResult(f"real_time is {columns['real_time_ns']!r}, not positive")
    for column in ("messages", "batches", "capacity_bytes"):
        if column in columns:
            columns[column] = int(columns[column])
    columns["latency_kind"] = row.get("label") or None
    return columns, _anonymous(context)


def _anonymous(context: dict[str, Any]) -> dict[str, Any]:
    """The context without what says where and on whose machine it was: runs are published."""
    kept = {key: value for key, value in context.items() if key != "host_name"}
    if "executable" in kept:
        kept["executable"] = Path(kept["executable"]).name
    return kept


def write_benchmark(rundir: RunDir) -> Path:
    """Writes benchmark.json: a row for each ok process run; the context says what tools/compare asks for."""
    rows = [row for row in rundir.runs() if row["status"] == "ok"]
    counts = Counter(row["series"] for row in rows)
    families = {name: index for index, name in enumerate(counts)}
    document = {
        "context": _context(rundir),
        "benchmarks": [
            _benchmark_row(row, families[row["series"]], counts[row["series"]]) for row in rows
        ],
    }
    path = rundir.path / "benchmark.json"
    write_json(path, document)
    return path


def _context(rundir: RunDir) -> dict[str, Any]:
    """What plan.json kept of the first series' launch, with the schema, and the machine and build type where they are known."""
    environment = rundir.environment()
    machine, build = (environment.get(key) or {} for key in ("machine", "build"))
    context = {"ipcbench_schema": SCHEMA, **rundir.plan().get("context", {})}
    if machine.get("machine8"):
        context["ipcbench_machine"] = machine["machine8"]
    if build.get("build_type"):  # CPython's program, if it was launched first, has none
        context.setdefault("ipcbench_build_type", build["build_type"].lower())
    return context


def _benchmark_row(row: dict[str, Any], family: int, repetitions: int) -> dict[str, Any]:
    out = {
        "name": row["series"],
        "family_index": family,
        "per_family_instance_index": 0,
        "run_name": row["series"],
        "run_type": "iteration",
        "repetitions": repetitions,
        "repetition_index": row["block"],
        "threads": 1,
        "iterations": row["batches"],
        "real_time": row["real_time_ns"],
        "cpu_time": row["cpu_ns_per_message"],
        "time_unit": "ns",
    }
    if row["latency_kind"] is not None:
        out["label"] = row["latency_kind"]
    out.update({column: row[column] for column in _COUNTERS if row[column] is not None})
    return out
