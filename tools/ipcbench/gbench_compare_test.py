# SPDX-License-Identifier: MIT
"""Google Benchmark's own compare.py (Debian's libbenchmark-tools) reads benchmark.json of real runs.

`filters` replaces what the first filter matches, and what the second matches, by one text and compares the rows whose
names are then alike. results/README.md shows the filters that work on our names; they are tried here.
"""

import json
import subprocess
from pathlib import Path

import pytest

from ipcbench.run import main

COMPARE = Path("/usr/share/benchmark/compare.py")
BLOCKS = 2
SERIES = "pickle/(producers:1/consumers:1/)?placement"  # of smoke's 64 bytes


@pytest.fixture(scope="session")
def measured(tmp_path_factory, cpython_program) -> Path:
    """benchmark.json of a real run of tools/run: CPython's pipes and queues, objects of 64 bytes on one CPU."""
    out = tmp_path_factory.mktemp("runs")
    options = ["--profile", "smoke", "--blocks", str(BLOCKS), "--only", SERIES, "--out", str(out)]
    assert main(options, programs=[cpython_program]) == 0
    (path,) = out.glob("*/benchmark.json")
    return path


@pytest.fixture(scope="session")
def measured_cpp(tmp_path_factory, built_programs) -> Path:
    """The same of round trips of C++ backends, bytes, where the scheduler puts the peers (null is skipped on one CPU)."""
    out = tmp_path_factory.mktemp("runs")
    only = "_latency/(null|os_pipe|pipe_locked)/bytes:64/placement:free$"
    options = ["--profile", "full", "--blocks", str(BLOCKS), "--only", only, "--out", str(out)]
    assert main(options, programs=built_programs) == 0
    (path,) = out.glob("*/benchmark.json")
    return path


def compare(*arguments) -> list[str]:
    """The names of the rows that compare.py compares, one for each repetition; the summary line is left out."""
    argv = ["/usr/bin/python3", COMPARE, "--no-color", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    head, rule, *rows = done.stdout.splitlines()[1:]
    assert head.startswith("Benchmark") and set(rule) == {"-"}
    names = [row.rsplit(maxsplit=6)[0] for row in rows if "_pvalue" not in row]
    return [name for name in names if name != "OVERALL_GEOMEAN"]


def test_a_repetition_is_a_row_and_repetitions_are_tested(measured):
    rows = json.loads(measured.read_text())["benchmarks"]
    names = compare("benchmarks", measured, measured)
    assert sorted(names) == sorted(row["name"] for row in rows)
    assert len(set(names)) * BLOCKS == len(names) > 2 * BLOCKS


def test_filters_pipe_queue_answers_for_round_trips_of_cpython(measured):
    names = compare("filters", measured, "pipe(_duplex)?", "queue")
    text = "[pipe(_duplex)? vs. queue]"
    assert names == [f"{text}_latency/cpython_{text}/bytes:64/codec:pickle/placement:same"] * BLOCKS


def test_filters_of_question_and_backend_compare_any_two(measured):
    pipe, queue = "pipe_latency/cpython_pipe_oneway", "queue_latency/cpython_simple_queue"
    names = compare("filters", measured, pipe, queue)
    assert names == [f"[{pipe} vs. {queue}]/bytes:64/codec:pickle/placement:same"] * BLOCKS


def test_filters_compare_throughput_when_the_second_takes_the_peers_away(measured):
    pipe = "pipe_throughput/cpython_pipe_oneway|(?=/placement)"
    queue = "queue_throughput/cpython_simple_queue|/producers:1/consumers:1"
    text = f"[{pipe} vs. {queue}]"
    names = compare("filters", measured, pipe, queue)
    assert names == [f"{text}/bytes:64/codec:pickle{text}/placement:same"] * BLOCKS


def test_filters_pipe_queue_to_the_letter_compare_what_the_loops_cost(measured_cpp):
    text = "[pipe vs. queue]"
    names = compare("filters", measured_cpp, "pipe", "queue")
    assert names == [f"{text}_latency/null/bytes:64/placement:free"] * BLOCKS


def test_filters_compare_the_pair_that_shares_a_transport(measured_cpp):
    pipe, queue = "pipe_latency/os_pipe", "queue_latency/pipe_locked"
    names = compare("filters", measured_cpp, pipe, queue)
    assert names == [f"[{pipe} vs. {queue}]/bytes:64/placement:free"] * BLOCKS


def test_filters_that_match_nothing_compare_nothing(measured):
    assert compare("filters", measured, "pipe_latency/nothing", "queue") == []
