# SPDX-License-Identifier: MIT
"""Google Benchmark's JSON: results are read, anything else is a reason."""

import json

import pytest

from ipcbench.gbench import BadResult, read_result, write_benchmark
from ipcbench.rundir import RunDir

NAME = "pipe_latency/os_pipe/bytes:64/placement:same"
ROW = {
    "name": NAME,
    "run_name": NAME,
    "run_type": "iteration",
    "iterations": 5,
    "real_time": 2800.5,
}
ROW |= {"cpu_time": 2700.0, "time_unit": "ns", "label": "rtt", "messages": 400.0, "p50_ns": 2790}


def write(path, *rows):
    path.write_text(json.dumps({"context": {"num_cpus": 2}, "benchmarks": rows}))
    return path


def test_a_result_becomes_columns(tmp_path):
    columns, context = read_result(write(tmp_path / "r.json", ROW), NAME)
    assert columns["real_time_ns"] == 2800.5 and columns["cpu_ns_per_message"] == 2700.0
    assert columns["messages"] == 400 and isinstance(columns["messages"], int)
    assert (
        columns["batches"] == 5 and columns["latency_kind"] == "rtt" and columns["p50_ns"] == 2790
    )
    assert "p99_ns" not in columns and "messages_per_second" not in columns
    assert context == {"num_cpus": 2}


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "no series"),
        ([ROW, ROW], "instead of"),
        ([ROW | {"name": "floor/syscall"}], "instead of"),
        ([ROW | {"error_occurred": True, "error_message": "lost 3"}], "lost 3"),
        ([ROW | {"real_time": 0}], "not positive"),
        ([ROW | {"real_time": "fast"}], "not a number"),
        ([ROW | {"p50_ns": None}], "p50_ns is None"),
        ([{"label": "x"}], "unreadable"),
    ],
)
def test_what_is_no_result_is_refused_with_the_reason(tmp_path, rows, reason):
    with pytest.raises(BadResult, match=reason):
        read_result(write(tmp_path / "r.json", *rows), NAME)


def test_missing_and_broken_files_are_refused(tmp_path):
    with pytest.raises(BadResult, match="wrote no result"):
        read_result(tmp_path / "none.json", NAME)
    (tmp_path / "half.json").write_text('{"context": {}, "bench')
    with pytest.raises(BadResult, match="unreadable result"):
        read_result(tmp_path / "half.json", NAME)


def test_benchmark_json_has_a_row_for_each_ok_run_only(tmp_path):
    folder = RunDir(tmp_path)
    folder.write_plan({"context": {"num_cpus": 2}})
    base = {
        "schema": 1,
        "series": NAME,
        "batches": 5,
        "real_time_ns": 2800.5,
        "cpu_ns_per_message": 1,
    }
    folder.append_run(base | {"block": 0, "status": "ok", "latency_kind": "rtt"})
    folder.append_run(base | {"block": 1, "status": "failed", "reason": "lost 3"})
    folder.append_run(base | {"block": 2, "status": "ok", "p50_ns": 2790, "messages": 400})
    document = json.loads(write_benchmark(folder).read_text())
    first, second = document["benchmarks"]
    assert document["context"] == {"ipcbench_schema": 1, "num_cpus": 2}
    assert first["name"] == first["run_name"] == NAME and first["repetitions"] == 2
    assert (first["repetition_index"], second["repetition_index"]) == (0, 2)
    assert first["label"] == "rtt" and "p50_ns" not in first
    assert second["p50_ns"] == 2790 and second["messages"] == 400


def test_benchmark_json_names_schema_machine_and_build_type(tmp_path):
    folder = RunDir(tmp_path)
    folder.write_environment(
        {"machine": {"machine8": "0123abcd"}, "build": {"build_type": "Release"}}
    )
    folder.append_run({"schema": 1, "series": NAME, "status": "skipped"})

    def context():
        return json.loads(write_benchmark(folder).read_text())["context"]

    told = {"ipcbench_schema": 1, "ipcbench_machine": "0123abcd", "ipcbench_build_type": "release"}
    assert context() == told
    folder.write_plan({"context": {"ipcbench_build_type": "debug"}})  # the program knows better
    assert context() == told | {"ipcbench_build_type": "debug"}
