# SPDX-License-Identifier: MIT
"""tools/run on a real program: what it writes, what it refuses, and that nothing is lost when it is stopped."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from ipcbench import measure, run
from ipcbench.rundir import RunDir

TOOLS = Path(__file__).resolve().parent.parent
FILES = {"benchmark.json", "runs.csv", "summary.csv", "histograms.csv", "environment.json"}
FILES |= {"verdicts.md", "plots", "plan.json"}
SERIES = 3  # of the profile `tiny`; one of them is the A/A pair, so 4 process runs a block


def the_folder(out):
    (folder,) = out.iterdir()
    return RunDir(folder)


def broken(tmp_path, program, series, does):
    """A program like `program`, except that it does `does` when it is to run `series`."""
    path = tmp_path / "bench_broken"
    path.write_text(
        f'#!/bin/sh\ncase "$*" in *--list*) ;; *{series}*) {does} ;; esac\nexec {program} "$@"\n'
    )
    path.chmod(0o755)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, cpython_program):
    """(exit status, run folder) of one whole run of profile tiny."""
    from conftest import TINY

    base = tmp_path_factory.mktemp("finished")
    (base / "tiny.toml").write_text(TINY)
    arguments = ["--profile", "tiny", "--seed", "7", "--out", str(base / "out")]
    code = run.main(arguments, [cpython_program], base / "tiny.toml")
    return code, the_folder(base / "out")


def test_a_run_folder_has_everything(finished):
    code, folder = finished
    assert code == 0
    assert {path.name for path in folder.path.iterdir()} == FILES
    assert re.fullmatch(r"\d{8}T\d{6}Z_[0-9a-f]{12}_[0-9a-f]{8}", folder.path.name)
    plan = folder.plan()
    assert (plan["state"], plan["done"], plan["seed"]) == ("complete", 4 * 3, 7)
    assert folder.environment()["seed"] == 7 and folder.environment()["end"]
    assert set(folder.environment()["other_load_by_block"]) == {"0", "1", "2"}
    assert list(folder.path.glob("plots/*.svg")) and list(folder.path.glob("plots/*.png"))


def test_every_cell_ran_once_in_every_block_and_the_a_a_pair_twice(finished):
    _, folder = finished
    runs = folder.runs()
    keys = {(row["block"], row["series"], row["side"]) for row in runs}
    assert len(runs) == len(keys) == 4 * 3 and {row["status"] for row in runs} == {"ok"}
    pair = {row["side"] for row in runs if "oneway" in row["series"]}
    assert pair == {"a", "b"} and {row["run"] for row in runs} == {folder.path.name}
    for block in range(3):
        assert [r["position"] for r in runs if r["block"] == block] == [0, 1, 2, 3]


def test_compared_sides_got_one_message_count(finished):
    _, folder = finished
    counts = {row["messages"] for row in folder.runs() if row["question"] == "pipe_latency"}
    assert len(counts) == 1


def test_latency_has_percentiles_and_histograms_and_throughput_has_rates(finished):
    _, folder = finished
    for row in folder.runs():
        if row["question"] == "pipe_latency":
            assert row["latency_kind"] == "rtt" and row["p50_ns"] > 0
            assert row["messages_per_second"] is None or row["messages_per_second"] > 0
        else:
            assert row["p50_ns"] is None and row["messages_per_second"] > 0
        assert row["cpu_ns_per_message"] > 0 and row["asked_capacity_bytes"] == 65536
    histograms = folder.histograms()
    names = {row["series"] for row in histograms}
    assert names == {row["series"] for row in folder.runs() if row["question"] == "pipe_latency"}
    assert all(row["low_ns"] < row["high_ns"] and row["count"] > 0 for row in histograms)


def test_the_summary_has_one_row_a_series(finished):
    _, folder = finished
    rows = folder.summary()
    assert len(rows) == SERIES and sorted(row["n"] for row in rows) == [3, 3, 3]


def test_debians_compare_py_reads_benchmark_json(finished):
    _, folder = finished
    compare = Path("/usr/share/benchmark/compare.py")
    if not compare.exists():
        pytest.skip("libbenchmark-tools is not installed")
    path = str(folder.path / "benchmark.json")
    command = ["/usr/bin/python3", str(compare), "--no-color", "filters", path]
    done = subprocess.run(
        [*command, "cpython_pipe_oneway", "cpython_pipe_duplex"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert "[cpython_pipe_oneway vs. cpython_pipe_duplex]" in done.stdout
    assert "/bytes:16/placement:same" in done.stdout


def commands():
    """The command lines of all processes; the programs that we launch name files in the folder for scratch files."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            pass


def wait_for_rows(process, out, count):
    for _ in range(6000):
        files = list(out.glob("*/runs.csv"))
        if files and files[0].read_text().count("\n") > count:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError("no rows within a minute")


@pytest.mark.parametrize(
    ("signum", "rows"), [(signal.SIGINT, 5), (signal.SIGTERM, 5), (signal.SIGINT, 0)]
)
def test_a_stopped_run_keeps_what_it_has_and_resumes_exactly_the_rest(
    tmp_path, tiny_profiles, cpython_program, signum, rows, capsys
):
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    script = (
        "import sys; from pathlib import Path; from ipcbench.run import main; "
        "sys.exit(main(sys.argv[3:], [Path(sys.argv[1])], Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", script, str(cpython_program), str(tiny_profiles)]
    process = subprocess.Popen(
        [*command, "--profile", "tiny", "--blocks", "8", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TOOLS), "TMPDIR": str(scratch)},
    )
    wait_for_rows(process, out, rows)
    while not [p for p in commands() if str(scratch) in p]:
        assert process.poll() is None
    process.send_signal(signum)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 128 + signum
    folder = the_folder(out)
    assert f"--resume {folder.path}" in said and signum.name in said
    kept = (folder.path / "runs.csv").read_text()
    assert folder.plan()["state"] == "partial" and rows <= len(folder.runs()) < 4 * 8
    missing = FILES - {path.name for path in folder.path.iterdir()}
    assert missing <= (set() if rows else {"histograms.csv", "plots"})
    assert not list(scratch.iterdir()) and not [p for p in commands() if str(scratch) in p]

    assert run.main(["--resume", str(folder.path)], [cpython_program], tiny_profiles) == 0
    assert "complete" == folder.plan()["state"]
    assert (folder.path / "runs.csv").read_text().startswith(kept)
    runs = folder.runs()
    cells = [(row["block"], row["series"], row["side"]) for row in runs]
    assert len(cells) == len(set(cells)) == 4 * 8
    histograms = {(row["series"], row["block"]) for row in folder.histograms()}
    latency = {(r["series"], r["block"]) for r in runs if r["question"] == "pipe_latency"}
    assert histograms == latency


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"machine8": "00000000"}, "measured with machine8 00000000"),
        ({"kernel": "1.0"}, "measured with kernel 1.0"),
        ({"commit": "feed"}, "measured with commit feed"),
        ({"schema": 0}, "measured with schema 0"),
        ({"programs": {}}, "measured with programs {}"),
    ],
)
def test_a_run_of_another_machine_build_or_schema_is_not_continued(
    finished, cpython_program, capsys, change, complaint
):
    _, folder = finished
    plan = folder.plan()
    folder.write_plan(plan | change)
    try:
        assert run.main(["--resume", str(folder.path)], [cpython_program]) == 2
        assert complaint in capsys.readouterr().err
    finally:
        folder.write_plan(plan)


def test_a_crash_is_a_failed_row_with_its_reason_and_the_run_goes_on(
    tmp_path, tiny_profiles, cpython_program, capsys
):
    # Breaks after calibration: only a launch with --batches=2 crashes.
    does = 'case "$*" in *--batches=2*) echo lost my peer >&2; kill -SEGV $$ ;; esac'
    program = broken(tmp_path, cpython_program, "simple_queue", does)
    arguments = ["--profile", "tiny", "--blocks", "4", "--out", str(tmp_path / "out")]
    assert run.main(arguments, [program], tiny_profiles) == 3
    rows = the_folder(tmp_path / "out").runs()
    failed = [row for row in rows if row["status"] == "failed"]
    assert [row["reason"] for row in failed] == 3 * ["ended by SIGSEGV: lost my peer"] + [
        "not launched: failed 3 times before"
    ]
    assert all("simple_queue" in row["series"] and row["real_time_ns"] is None for row in failed)
    assert sum(row["status"] == "ok" for row in rows) == 3 * 4
    assert "lost my peer" in capsys.readouterr().out


def test_a_program_that_hangs_is_ended_and_the_run_goes_on(
    tmp_path, tiny_profiles, cpython_program, monkeypatch
):
    monkeypatch.setattr(measure, "BATCH_LIMIT", 1)
    monkeypatch.setattr(measure, "LAUNCH_LIMIT", 1.0)
    does = 'case "$*" in *--batches=2*) exec sleep 600 ;; esac'
    program = broken(tmp_path, cpython_program, "simple_queue", does)
    arguments = ["--profile", "tiny", "--blocks", "1", "--out", str(tmp_path / "out")]
    assert run.main(arguments, [program], tiny_profiles) == 3
    rows = the_folder(tmp_path / "out").runs()
    (failed,) = [row for row in rows if row["status"] == "failed"]
    assert re.fullmatch(r"no end after [0-9]+ s, killed", failed["reason"])
    assert len(rows) == 4 and "simple_queue" in failed["series"]


def command_of(first, program, profiles):
    """tools/run in a process of its own, over this program and these profiles, after `first`."""
    script = (
        "import sys; from pathlib import Path; from ipcbench import run\n"
        f"{first}sys.exit(run.main(sys.argv[3:], [Path(sys.argv[1])], Path(sys.argv[2])))"
    )
    return [sys.executable, "-c", script, str(program), str(profiles)]


def test_a_disk_that_fills_meanwhile_loses_nothing_and_the_run_resumes(
    tmp_path, tiny_profiles, cpython_program, capsys
):
    # From the first process run on no file may grow beyond this, which the histograms of a few do.
    script = (
        "import resource; from ipcbench import measure; all = measure.measure\n"
        "def limited(*given):\n"
        "  resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY)); all(*given)\n"
        "measure.measure = limited\n"
    )
    command = command_of(script, cpython_program, tiny_profiles)
    full = subprocess.run(
        [*command, "--profile", "tiny", "--blocks", "12", "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TOOLS)},
        timeout=600,
    )
    folder = the_folder(tmp_path / "out")
    assert full.returncode == 2, full.stderr
    assert "finished runs are kept" in full.stderr and f"--resume {folder.path}" in full.stderr
    assert 0 < len(folder.runs()) < 4 * 12
    assert run.main(["--resume", str(folder.path)], [cpython_program], tiny_profiles) == 0
    rows = folder.runs()
    assert len({(row["block"], row["series"], row["side"]) for row in rows}) == len(rows) == 4 * 12
    counted, measured = Counter(), Counter()
    for row in folder.histograms():
        counted[row["series"], row["block"]] += row["count"]
    for row in rows:
        if row["question"] == "pipe_latency":
            measured[row["series"], row["block"]] += row["messages"] * row["batches"]
    assert counted == measured


@pytest.mark.parametrize("last", ["profile tiny", "measuring takes"])
def test_a_reader_who_has_enough_ends_the_run_which_can_be_resumed_once_it_has_begun(
    tmp_path, tiny_profiles, cpython_program, last
):
    command = command_of("", cpython_program, tiny_profiles)
    with subprocess.Popen(
        [*command, "--profile", "tiny", "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TOOLS)},
    ) as child:
        while not child.stdout.readline().startswith(last):
            assert child.poll() is None
        child.stdout.close()
        said = child.stderr.read()
    assert child.returncode == 128 + signal.SIGPIPE and said == ""
    if last != "measuring takes":  # it is noticed at the next line, whenever that comes
        return
    folder = the_folder(tmp_path / "out")
    with open(folder.path / "runs.csv", "a", encoding="utf-8") as runs:
        runs.write("1,half a line")  # as of one that was killed
    assert run.main(["--resume", str(folder.path)], [cpython_program], tiny_profiles) == 0


def test_a_program_that_is_built_anew_meanwhile_ends_the_run_and_what_was_finished_is_kept(
    tmp_path, tiny_profiles, cpython_program, capsys
):
    does = 'case "$*" in *--batches=2*) touch "$0" ;; esac'
    program = broken(tmp_path, cpython_program, "simple_queue", does)
    arguments = ["--profile", "tiny", "--seed", "3", "--out", str(tmp_path / "out")]
    assert run.main(arguments, [program], tiny_profiles) == 1
    assert "bench_broken was built anew while it was measured" in capsys.readouterr().err
    folder = the_folder(tmp_path / "out")
    assert folder.plan()["state"] == "partial"
    assert all("simple_queue" not in row["series"] for row in folder.runs())
    assert len(folder.runs()) == folder.plan()["order"][0].split().index(queue_cell(folder))


def queue_cell(folder):
    cells = folder.plan()["cells"]
    return str(next(i for i, cell in enumerate(cells) if "simple_queue" in cell))


def test_a_series_that_cannot_be_calibrated_is_a_failed_row_and_is_left_out(
    tmp_path, tiny_profiles, cpython_program, capsys
):
    program = broken(tmp_path, cpython_program, "duplex", "echo no pipes today >&2; exit 3")
    arguments = ["--profile", "tiny", "--out", str(tmp_path / "out")]
    assert run.main(arguments, [program], tiny_profiles) == 3
    folder = the_folder(tmp_path / "out")
    (failed,) = [row for row in folder.runs() if row["status"] == "failed"]
    assert failed["block"] is None and failed["reason"] == "exit 3: no pipes today"
    assert folder.plan()["state"] == "complete"


def test_an_estimate_over_the_budget_is_said_before_it_starts(
    tmp_path, tiny_profiles, cpython_program, capsys
):
    text = tiny_profiles.read_text()
    budget = next(line for line in text.splitlines() if line.startswith("budget_seconds"))
    tiny_profiles.write_text(text.replace(budget, "budget_seconds = 0.001"))
    arguments = ["--profile", "tiny", "--out", str(tmp_path / "out"), "--blocks", "1"]
    assert run.main(arguments, [cpython_program], tiny_profiles) == 0
    assert "that is over the" in capsys.readouterr().out


def test_the_list_may_be_read_in_part(tmp_path, cpython_program):
    script = f"from pathlib import Path; from ipcbench.run import main; main(['--list'], [Path({str(cpython_program)!r})])"
    done = subprocess.run(
        ["bash", "-c", f'/usr/bin/python3 -c "{script}" | head -n 1; echo "${{PIPESTATUS[0]}}"'],
        capture_output=True,
        text=True,
        cwd=Path(run.__file__).parent.parent,
    )
    assert (
        done.stderr == ""
        and done.stdout.startswith("array_copy/")
        and done.stdout.split()[1] in ("0", "141")
    )


def test_a_program_that_does_not_list_is_named(tmp_path, tiny_profiles, capsys):
    program = tmp_path / "bench_mute"
    program.write_text("#!/bin/sh\necho nonsense\n")
    program.chmod(0o755)
    arguments = ["--profile", "tiny", "--out", str(tmp_path / "out")]
    assert run.main(arguments, [program], tiny_profiles) == 1
    assert "bench_mute --list" in capsys.readouterr().err
