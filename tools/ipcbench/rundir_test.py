# SPDX-License-Identifier: MIT
"""Run folders: what is written comes back, half lines are mended, foreign folders are refused."""

import os
import resource

import pytest

from ipcbench import rundir
from ipcbench.rundir import RunDir, RunDirError

ROW = {
    "schema": 1,
    "run": "r",
    "series": "pipe_latency/os_pipe/bytes:64/placement:same",
    "question": "pipe_latency",
    "backend": "os_pipe",
    "bytes": 64,
    "placement": "same",
    "block": 0,
    "status": "ok",
    "messages": 100,
    "real_time_ns": 1234.5678901234,
}


def test_a_run_row_comes_back_with_numbers_and_none_for_empty(tmp_path):
    folder = RunDir(tmp_path)
    folder.append_run({**ROW, "reason": 'said "no", twice'})
    folder.append_run({**ROW, "block": 1, "side": "a"})
    first, second = folder.runs()
    assert first["reason"] == 'said "no", twice'
    assert first["bytes"] == 64 and first["real_time_ns"] == pytest.approx(1234.5679)
    assert first["side"] is None and first["p99_ns"] is None and second["side"] == "a"
    assert (tmp_path / "runs.csv").read_text().splitlines()[0] == ",".join(rundir.RUN_COLUMNS)


def test_a_column_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such column: p42_ns"):
        RunDir(tmp_path).append_run({**ROW, "p42_ns": 1})


def test_a_half_written_line_is_dropped(tmp_path):
    folder = RunDir(tmp_path)
    folder.append_run(ROW)
    whole = (tmp_path / "runs.csv").read_text()
    with open(tmp_path / "runs.csv", "a", encoding="utf-8") as file:
        file.write("1,r,pipe_lat")
    with pytest.raises(RunDirError, match="runs.csv:3: not 36 cells"):
        folder.runs()
    folder.mend()
    assert (tmp_path / "runs.csv").read_text() == whole


def test_a_run_whose_histogram_cannot_be_written_is_not_there_at_all(tmp_path):
    folder = RunDir(tmp_path)
    row = {"series": ROW["series"], "block": 0, "low_ns": 1, "high_ns": 2, "count": 3}
    folder.append_measured(ROW, [row])
    before = [path.read_text() for path in sorted(tmp_path.iterdir())]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # as a disk that is full then
    try:
        with pytest.raises(OSError):
            folder.append_measured({**ROW, "block": 1}, [{**row, "block": 1}] * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.read_text() for path in sorted(tmp_path.iterdir())] == before


def test_a_replaced_file_is_never_seen_half_written(tmp_path):
    folder = RunDir(tmp_path)
    folder.write_plan({"state": "partial"})
    with pytest.raises(TypeError):
        folder.write_plan({"state": object()})
    with pytest.raises(ValueError):
        folder.write_summary([{"nonsense": 1}])
    assert folder.plan() == {"state": "partial"}
    assert os.listdir(tmp_path) == ["plan.json"]


def test_load_accepts_the_folder_and_its_tables(tmp_path):
    folder = RunDir(tmp_path)
    folder.append_run(ROW)
    assert rundir.load(tmp_path).path == tmp_path
    assert rundir.load(tmp_path / "runs.csv").runs() == folder.runs()


def test_load_knows_a_table_by_its_columns_whatever_its_name(tmp_path):
    folder = RunDir(tmp_path)
    folder.append_run(ROW)
    folder.write_summary([])
    (tmp_path / "runs.csv").rename(tmp_path / "mine.csv")
    loaded = rundir.load(tmp_path / "mine.csv")
    assert [row["series"] for row in loaded.runs()] == [ROW["series"]]
    assert loaded.has("runs.csv") and not loaded.has("summary.csv")  # which may be another run's
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(RunDirError, match="other.csv: neither a runs.csv nor a summary.csv.*lacks"):
        rundir.load(tmp_path / "other.csv")


def test_a_tool_that_needs_the_other_table_says_which(tmp_path):
    folder = RunDir(tmp_path)
    folder.append_run(ROW)
    folder.write_summary([])
    (tmp_path / "summary.csv").rename(tmp_path / "mine.csv")
    with pytest.raises(RunDirError, match="mine.csv: only this table was given.*needs runs.csv"):
        rundir.load(tmp_path / "mine.csv").runs()


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(RunDirError, match="neither runs.csv nor summary.csv"):
        rundir.load(tmp_path)
    with pytest.raises(RunDirError, match="no run folder"):
        rundir.load(tmp_path / "nowhere")


def test_another_schema_is_refused(tmp_path):
    folder = RunDir(tmp_path)
    folder.append_run({**ROW, "schema": 2})
    with pytest.raises(RunDirError, match="schema 2; this tool reads schema 1"):
        folder.runs()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2\n", "no column schema"),
        ("", "no column schema"),
        ("\x00\n", "cannot be read|no column"),
    ],
)
def test_a_foreign_csv_is_refused(tmp_path, text, complaint):
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(RunDirError, match=complaint):
        rundir.load(tmp_path).runs()


def test_a_word_where_a_number_belongs_is_refused_with_its_place(tmp_path):
    RunDir(tmp_path).append_run({**ROW, "p50_ns": "fast"})
    with pytest.raises(RunDirError, match="runs.csv:2: p50_ns is 'fast'"):
        RunDir(tmp_path).runs()
