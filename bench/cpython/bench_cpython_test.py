# SPDX-License-Identifier: MIT
"""The program as its users launch it: documents, files, exit status, signals, killed peers."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("bench_cpython")
NAME = re.compile(
    r"((pipe|queue)_(latency|throughput|idle_cost)|value_update|array_(copy|handoff)|lock_handoff"
    r"|process_start|pool_(apply|map|once)|(cpu|io)_bound|context_switch|manager_(call|connect))/cpython_\w+"
    r"(/bytes:\d+)?(/codec:pickle)?(/op:(\d+x\d+ms|\w+))?(/producers:[124]/consumers:[124])?"
    r"(/(processes|clients):[124])?"
    r"/placement:(same|cross|free)"
)
LATENCY = "^pipe_latency/cpython_pipe_duplex/bytes:64/placement:same$"
ENDLESS = "^pipe_throughput/cpython_pipe_oneway/bytes:64/placement:free$"
HELPED = "^queue_throughput/cpython_manager_queue/bytes:64/.*:1/consumers:1/placement:free$"


def launch(*arguments, **options):
    command = [PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, **options)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    """Whether a process runs; one that nobody reaped yet has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.01)


def works(pid):
    """Whether a process has used 30 ms of CPU time: more than it takes to start."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system) >= 0.03 * os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def in_a_long_batch(time_limit, series=ENDLESS, processes=2):
    """The program with its helper, if it has one, and two peers in a batch that takes very long:
    (program, their process ids in that order, the consumer before the producer)."""
    command = [PROGRAM, f"--benchmark_filter={series}", "--messages=2000000000"]
    command += [f"--time_limit={time_limit}", "--benchmark_format=json"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **streams) as process:
        try:
            eventually(lambda: len(children(process.pid)) == processes)
            peers = children(process.pid)
            eventually(lambda: all(works(peer) for peer in peers))
            yield process, peers
        finally:
            process.kill()


@pytest.fixture
def endless():
    with in_a_long_batch(60) as running:
        yield running


def test_the_list_document_is_well_formed():
    done = launch("--list")
    assert done.returncode == 0 and not done.stderr
    document = json.loads(done.stdout)
    assert document["program"] == "bench_cpython"
    backends = {backend["name"]: backend for backend in document["backends"]}
    families = {backend["family"] for backend in backends.values()}
    assert families == {"pipe", "queue", "shared", "process", "manager"}
    names = [series["name"] for series in document["series"]]
    messages, huge, idle, shared, processes, managers = 468, 28, 7, 32, 54, 72
    others = shared + processes + managers
    assert len(set(names)) == len(names) == messages + huge + idle + others
    for series in document["series"]:
        assert NAME.fullmatch(series["name"])
        pairs = "/".join(f"{key}:{value}" for key, value in series["keys"].items())
        assert series["name"] == f"{series['question']}/{series['backend']}/{pairs}"
        family = backends[series["backend"]]["family"]
        if family in ("pipe", "queue"):
            metric = series["metric"]
            assert series["question"] == f"{family}_{'idle_cost' if metric == 'cost' else metric}"
        assert series["wait_class"] == "block"
    assert launch("--benchmark_list_tests").stdout.split() == names


def test_a_silence_is_reported_with_what_it_costs(tmp_path):
    out = tmp_path / "out.json"
    silence = "^pipe_idle_cost/cpython_pipe_oneway/bytes:64/placement:cross$"
    done = launch(f"--benchmark_filter={silence}", "--batches=1", f"--benchmark_out={out}")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(out.read_text())["benchmarks"]
    assert row["real_time"] > 2e9 and 0 < row["cpu_ns_per_message"] < 2e8 and row["messages"] == 1
    assert "messages_per_second" not in row and row["name"] in done.stdout


def test_a_latency_row_has_the_schema_of_google_benchmark(tmp_path):
    out, histograms = tmp_path / "out.json", tmp_path / "histograms.csv"
    done = launch(
        f"--benchmark_filter={LATENCY}",
        "--messages=600",
        "--batches=2",
        "--benchmark_format=json",
        f"--benchmark_out={out}",
        "--benchmark_out_format=json",
        "--benchmark_context=block=3,seed=7",
        f"--histogram_out={histograms}",
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document == json.loads(out.read_text())
    context = document["context"]
    assert context["library_build_type"] == "release" and context["python"].startswith("3.")
    assert (context["block"], context["seed"]) == ("3", "7")
    (row,) = document["benchmarks"]
    assert row["name"] == row["run_name"] == LATENCY.strip("^$")
    assert (row["run_type"], row["iterations"], row["time_unit"]) == ("iteration", 2, "ns")
    assert (row["label"], row["messages"]) == ("rtt", 600)
    assert 0 < row["p50_ns"] <= row["p90_ns"] <= row["p99_ns"] <= row["max_ns"]
    assert "p999_ns" not in row
    assert 0 < row["real_time"] <= row["max_ns"] and "messages_per_second" not in row
    assert row["cpu_time"] == row["cpu_ns_per_message"] > 0
    assert row["voluntary_switches_per_message"] > 0.5  # they take turns on one CPU
    with open(histograms) as file:
        buckets = list(csv.DictReader(file))
    assert sum(int(bucket["count"]) for bucket in buckets) == 1200
    assert {bucket["series"] for bucket in buckets} == {row["name"]}
    assert all(int(bucket["low_ns"]) < int(bucket["high_ns"]) for bucket in buckets)


def test_a_throughput_row_has_no_latency():
    done = launch(
        "--benchmark_filter=^queue_throughput/cpython_queue/bytes:64/.*2/consumers:2/.*:same$",
        "--messages=200",
        "--batches=2",
        "--benchmark_format=json",
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["benchmarks"]
    assert "label" not in row and not [key for key in row if key.startswith(("p", "max"))][1:]
    assert row["capacity_bytes"] == 65536
    assert row["real_time"] == pytest.approx(1e9 / row["messages_per_second"])
    assert row["bytes_per_second"] == pytest.approx(64 * row["messages_per_second"])


def test_the_console_table_has_a_line_per_series():
    done = launch(f"--benchmark_filter={LATENCY}", "--messages=50", "--batches=1")
    head, line = done.stdout.splitlines()
    assert head.startswith("Benchmark") and line.startswith(LATENCY.strip("^$")) and "p50=" in line


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--benchmark_min_time=1"], "refused.*--messages"),
        (["--benchmark_repetitions=3"], "refused"),
        (["--benchmark_enable_random_interleaving=true"], "refused"),
        (["--mesages=5"], "unknown argument '--mesages=5'.*--messages="),
        (["pipe"], "unknown argument"),
        (["--messages=0"], "whole number from 1"),
        (["--messages"], "needs a value"),
        (["--batches=two"], "whole number"),
        (["--capacity=-1"], "whole number"),
        (["--time_limit=0"], "more than 0"),
        (["--time_limit=nan"], "more than 0"),
        (["--benchmark_format=csv"], "console or json"),
        (["--benchmark_out_format=csv"], "valid is json"),
        (["--benchmark_context=novalue"], "key=value"),
        (["--benchmark_filter=("], "regular expression"),
        (["--benchmark_filter=^pipe$"], "no series matches.*pipe_latency/cpython_pipe_duplex/"),
        ([f"--benchmark_filter={LATENCY}", "--benchmark_out=/nowhere/x"], "No such file"),
    ],
)
def test_wrong_usage_is_explained_and_exits_2(arguments, complaint):
    done = launch(*arguments)
    assert done.returncode == 2 and not done.stdout
    assert re.search(complaint, done.stderr, re.DOTALL) and "Traceback" not in done.stderr


def test_on_one_cpu_cross_is_skipped_with_its_reason():
    one = {min(os.sched_getaffinity(0))}
    pin = {"preexec_fn": lambda: os.sched_setaffinity(0, one)}
    listed = json.loads(launch("--list", **pin).stdout)["series"]
    skipped = {
        series["keys"]["placement"]
        for series in listed
        if series["skip"] and series["backend"] != "cpython_raw_value"
    }
    assert skipped == {"cross"}
    cross = ["--benchmark_filter=pipe_latency/.*duplex/bytes:64/placement:cross"]
    done = launch(*cross, "--messages=9", "--benchmark_format=json", **pin)
    assert done.returncode == 0 and not done.stderr
    (row,) = json.loads(done.stdout)["benchmarks"]
    assert row["error_message"].startswith("skipped: ") and "two CPUs" in row["error_message"]


@pytest.fixture
def helped():
    with in_a_long_batch(60, HELPED, 3) as running:
        yield running


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_peer_is_an_error_row_and_exit_3(endless, victim):
    process, peers = endless
    os.kill(peers[victim], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 3
    (row,) = json.loads(stdout)["benchmarks"]
    name = ("consumer 0", "producer 0")[victim]
    assert (
        row["error_occurred"] and row["error_message"] == f"{name} was killed by signal 9 (Killed)"
    )
    assert f"{name} was killed" in stderr and "Traceback" not in stderr
    assert not any(alive(peer) for peer in peers)


def test_a_stopped_peer_is_an_error_row_after_the_time_limit():
    with in_a_long_batch(1) as (process, peers):
        os.kill(peers[0], signal.SIGSTOP)
        stdout, _ = process.communicate(timeout=600)
    assert process.returncode == 3
    assert "time limit of 1 s passed" in json.loads(stdout)["benchmarks"][0]["error_message"]
    assert not any(alive(peer) for peer in peers)


@pytest.mark.parametrize("send", [os.kill, os.killpg])
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_program_and_its_peers(endless, number, status, send):
    process, peers = endless
    send(process.pid, number)
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == status and not stderr
    assert not any(alive(peer) for peer in peers)


def test_a_peer_leaves_signals_that_ask_to_end_to_the_program(endless):
    process, peers = endless
    os.kill(peers[0], signal.SIGTERM)
    time.sleep(0.2)
    assert alive(peers[0]) and process.poll() is None


def test_peers_do_not_outlive_a_killed_program(endless):
    process, peers = endless
    process.kill()
    eventually(lambda: not any(alive(peer) for peer in peers))


def test_a_killed_helper_is_an_error_row_and_exit_3(helped):
    process, running = helped
    os.kill(running[0], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=600)
    assert process.returncode == 3 and "Traceback" not in stderr
    (row,) = json.loads(stdout)["benchmarks"]
    assert row["error_message"] == "manager was killed by signal 9 (Killed)"
    assert not any(alive(each) for each in running)


@pytest.mark.parametrize("send", [os.kill, os.killpg])
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_helper_with_the_program(helped, number, status, send):
    process, running = helped
    send(process.pid, number)
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == status and not stderr
    assert not any(alive(each) for each in running)


def test_a_helper_does_not_outlive_a_killed_program(helped):
    process, running = helped
    process.kill()
    eventually(lambda: not any(alive(each) for each in running))
