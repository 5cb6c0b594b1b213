# SPDX-License-Identifier: MIT
"""What is read from the instruments of others, and what the tables say of targets met and missed."""

import pytest

from ipcbench import quality
from ipcbench.launch import ProgramError

PERF_PIPE = """# Running 'sched/pipe' benchmark:
# Executed 20000 pipe operations between two processes

     Total time: 0.039 [sec]

       1.997100 usecs/op
         500726 ops/sec
"""
PERF_MESSAGING = """# Running 'sched/messaging' benchmark:
# 20 sender and receiver processes per group
# 1 groups == 40 processes run

     Total time: 0.100 [sec]
"""
SOCKPERF = """sockperf: Summary: Round trip is 7.114 usec
sockperf: Total 139000 observations; each percentile contains 1390.00 observations
sockperf: ---> percentile 75.000 =    7.205
sockperf: ---> percentile 50.000 =    6.910
"""


def found(stream=10.0, ping=9.0, ratio=1.02, width=0.01):
    def record(median):
        return {"median": median, "low": median * (1 - width), "high": median * (1 + width)}

    names = [quality.STREAM, quality.PING, quality.CLOCK]
    names += [name for i in quality.MEASURED for name in (i.series, *quality.runs_of(i))]
    return {
        "rounds": 12,
        "times": {name: record(2000.0) for name in names} | {quality.STREAM: record(stream)},
        "ping over clock": record(ping),
        "ratios": {name: record(ratio) for i in quality.MEASURED for name in quality.runs_of(i)},
        "commit": "0123456789ab",
    }


@pytest.fixture
def says(monkeypatch):
    """Has each program print that text."""
    return lambda text: monkeypatch.setattr(quality, "_output", lambda argv: text)


def test_perf_output_is_read_in_nanoseconds(says, tmp_path):
    says(PERF_PIPE)
    assert quality.perf_pipe(tmp_path, [0, 1]) == pytest.approx(1997.1)
    says(PERF_MESSAGING)
    assert quality.perf_messaging(tmp_path, [0, 1]) == pytest.approx(0.1e9 / 1_600_000)


def test_sockperf_output_is_read_in_nanoseconds(says, tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "_on", lambda cpu, *argv: ["sleep", "60"])  # the server
    says(SOCKPERF)
    assert quality.sockperf_tcp(tmp_path, [0, 1]) == pytest.approx(6910)


def test_output_of_our_instruments_is_read_in_nanoseconds(says, tmp_path):
    says("312.25\n")
    assert quality.zmq_thr(0)(tmp_path, [0, 1]) == pytest.approx(312.25)
    assert quality.group_stream(0)(tmp_path, [0, 1]) == pytest.approx(312.25)
    assert quality.line_rtt(0)(tmp_path, [0, 1]) == pytest.approx(312.25)
    says("9120 4.00\n")
    assert quality.tcp_rtt(1)(tmp_path, [0, 1]) == pytest.approx(9120)
    says("")
    for mine in (quality.zmq_thr(0), quality.tcp_rtt(1), quality.group_stream(1)):
        with pytest.raises(ProgramError, match="printed no"):
            mine(tmp_path, [0, 1])


def test_other_output_is_an_error(says, tmp_path):
    says("perf: command not found")
    with pytest.raises(ProgramError, match="no .*usecs/op"):
        quality.perf_pipe(tmp_path, [0, 1])


def test_targets_that_are_met_say_so_and_where():
    page = quality.render(found())
    assert "missed" not in page and "undecided" not in page
    assert "(0123456789ab)" in page


@pytest.mark.parametrize("missed", [{"stream": 12.5}, {"ping": 10.5}])
def test_a_missed_target_says_so(missed):
    assert quality.render(found(**missed)).count("**missed**") == 1


@pytest.mark.parametrize("ratio", [1.15, 0.85])
def test_an_instrument_that_differs_says_so(ratio):
    assert quality.render(found(ratio=ratio)).count("**missed**") == len(quality.INSTRUMENTS)


def test_the_steps_lead_from_the_instrument_to_ours():
    numbers = found()
    tcp = next(i for i in quality.INSTRUMENTS if i.name.startswith("sockperf"))
    for i, name in enumerate([*quality.runs_of(tcp)][1:], start=1):
        numbers["times"][name] = {"median": 1000.0 * i, "low": None, "high": None}
    table = (
        quality.render(numbers).split(f"| from `{tcp.name}` to `{tcp.series}`")[1].split("\n\n")[0]
    )
    lines = table.splitlines()[2:]
    assert lines[0].startswith("| (the first) | 2000 ns") and lines[-1].startswith(
        "| the rest (ours)"
    )
    assert [line.split(" | ")[:2] for line in lines[1:-1]] == [
        [f"| {step.adds}", f"{1000 * i} ns"] for i, step in enumerate(tcp.steps, start=1)
    ]


def test_an_interval_across_the_target_decides_nothing():
    assert quality.render(found(ratio=1.08, width=0.05)).count("undecided") == len(
        quality.INSTRUMENTS
    )


def test_without_an_interval_nothing_is_decided():
    page = quality.render(found() | {"ping over clock": {"median": 9.0, "low": None, "high": None}})
    assert page.count("undecided") == 1
