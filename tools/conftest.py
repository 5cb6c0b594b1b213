# SPDX-License-Identifier: MIT
"""Fixtures of the tools' tests: the real programs, and a profile small enough to measure in a test."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TINY = """
[tiny]
summary = "two series, enough to see that everything is there"
blocks = 3
batches = 2
run_seconds = 0.01
min_run_seconds = 0.01
budget_seconds = 30
batch_ms = 1
capacity = 65536
disk_mib = 1
verdict = true
aa = ["pipe_latency/cpython_pipe_oneway/bytes:16/placement:same"]

[[tiny.select]]
question = ["pipe_latency"]
backend = ["cpython_pipe_duplex", "cpython_pipe_oneway"]
bytes = 16
codec = ""
placement = "same"

[[tiny.select]]
question = "queue_throughput"
backend = "cpython_simple_queue"
bytes = 16
producers = 1
consumers = 1
placement = "same"
"""


@pytest.fixture(scope="session")
def cpython_program() -> Path:
    """The one benchmark program that needs no build."""
    return ROOT / "bench" / "cpython" / "bench_cpython"


@pytest.fixture(scope="session")
def built_programs(cpython_program) -> list[Path]:
    """CPython's program and the C++ ones of the debug (else the release) build; skips where none is built."""
    families = ("pipe", "queue", "shared", "process", "manager", "floor")
    for preset in ("debug", "release"):
        names = (f"bench_{family}" for family in families)
        programs = [ROOT / "build" / preset / name for name in names]
        if all(program.is_file() for program in programs):
            return [*programs, cpython_program]
    pytest.skip("the C++ programs are not built")


@pytest.fixture
def tiny_profiles(tmp_path) -> Path:
    """A profiles.toml with the one profile `tiny`: 3 series, one of them the A/A pair, 3 blocks."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path
