# SPDX-License-Identifier: MIT
"""For tests: run folders with chosen values, so that the right answer is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .gbench import write_benchmark
from .rundir import SCHEMA, RunDir
from .series import parse
from .summary import HEADLINES, kind_of
from .summary import write as write_summary

WAIT_CLASS = {
    "os_pipe": "block",
    "unix_stream": "block",
    "pipe_locked": "block",
    "pipe_feeder": "block",
    "spinning": "spin",
    "null": "block",
    "cpython_pipe_duplex": "block",
    "cpython_pipe_oneway": "block",
    "cpython_queue": "block",
    "cpython_simple_queue": "block",
}
ENVIRONMENT = {
    "schema": 1,
    "start": "2026-01-02T03:04:05Z",
    "machine": {
        "machine8": "0123abcd",
        "cpu_model": "Test CPU",
        "cpus": 2,
        "memory_gib": 8,
        "hypervisor": "virtual machine",
    },
    "system": {"os": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.1.0", "python": "3.11.2"},
    "build": {
        "compiler": "g++ (Debian 12.2.0-14) 12.2.0",
        "build_type": "Release",
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "dirty": False,
    },
    "noise": [],
}


def around(value: float, blocks: int = 12, sigma: float = 0.02, seed: int = 0) -> list[float]:
    """`blocks` values whose median is exactly `value`: symmetric in the logarithm, in random order."""
    logs = np.linspace(-2, 2, blocks) * sigma
    return list(value * np.exp(np.random.default_rng(seed).permutation(logs)))


def make_run(
    path: Path,
    values: Mapping[str, Sequence[float | None]],
    plan: Mapping[str, Any] | None = None,
) -> RunDir:
    """Writes a run folder in which series (or 'series side') have these headline values by block; None is a failed run."""
    path.mkdir(parents=True, exist_ok=True)
    run = RunDir(path)
    blocks = max(len(column) for column in values.values())
    run.write_plan(
        {
            "schema": SCHEMA,
            "run": path.name,
            "state": "complete",
            "profile": "quick",
            "verdict": True,
            "seed": 1,
            "blocks": blocks,
            "batches": 5,
            "wait_class": WAIT_CLASS,
            "context": {"date": "2026-01-02T03:04:05+00:00", "num_cpus": 2},
            **(plan or {}),
        }
    )
    run.write_environment(ENVIRONMENT)
    for block in range(blocks):
        for position, (cell, column) in enumerate(values.items()):
            if block < len(column):
                name, _, side = cell.partition(" ")
                run.append_run(_row(path.name, name, side, block, position, column[block]))
    write_summary(run)
    write_benchmark(run)
    return run


def _row(
    run: str, name: str, side: str, block: int, position: int, value: float | None
) -> dict[str, Any]:
    series = parse(name)
    row = {"schema": SCHEMA, "run": run, "series": name, **series.columns(), "side": side}
    row.update(block=block, position=position, utc="2026-01-02T03:04:05Z")
    if value is None:
        return {**row, "status": "failed", "reason": "a peer died"}
    column, _, _ = HEADLINES[kind_of(series.question)]
    if series.backend.endswith("_rtt"):  # a floor that is a round trip
        column = "p50_ns"
    if column == "messages_per_second":
        row["real_time_ns"] = 1e9 / value
    elif column == "p50_ns":
        row.update(real_time_ns=1.1 * value, latency_kind="rtt")
    row.update(status="ok", messages=1000, batches=5, asked_capacity_bytes=65536)
    return {**row, "capacity_bytes": 65536, "cpu_ns_per_message": 900.0, column: value}
