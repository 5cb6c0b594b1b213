# SPDX-License-Identifier: MIT
"""How good is the measurement itself? Each answer comes from interleaved process runs on the machine at hand.

The loops: what `null` takes for a message of 64 bytes, and for a round trip over what one reading of the clock takes.
The transports: what a series takes against an instrument made by others that measures the same, or nearly so.
"""

from __future__ import annotations

import math
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .child import Interrupted, Stop
from .launch import Launch, ProgramError, list_program, process_run
from .stats import Interval, median_interval, paired_ratio

BATCHES = 5
STREAM = "pipe_throughput/null/bytes:64/placement:cross"
PING = "pipe_latency/null/bytes:64/placement:cross"
CLOCK = "floor/clock_read"
WITHIN = 0.10  # what an instrument may differ by

PERF_LOOPS = 100_000
GROUP_LOOPS = 500  # of perf's messaging: 20 senders send to 20 receivers each
GROUP_MESSAGES = 20 * 20 * GROUP_LOOPS
SOCKPERF_SECONDS = 1
SOCKPERF_PORT = 11119
ZMQ_MESSAGES = 1_000_000


@dataclass(frozen=True)
class Instrument:
    """A measurement made by others, beside the series of ours that is nearest to it.

    `nanoseconds` takes (build folder, CPUs as placement:cross spreads peers) and gives ns per what the series counts.
    `column` of runs.csv is what it is compared with. `differs`: what the two do not do alike.
    """

    name: str
    series: str
    column: str
    differs: str
    nanoseconds: Callable[[Path, list[int]], float]


def first_number(pattern: str, output: str, who: str) -> float:
    """What the pattern's group finds. Raises ProgramError with the output when it finds nothing."""
    found = re.search(pattern, output)
    if found is None:
        raise ProgramError(f"{who} printed no {pattern}:\n{output}")
    return float(found[1])


def _output(argv: list[str]) -> str:
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise ProgramError(f"{' '.join(argv)}: {error}") from None
    return ended.stdout


def _on(cpu: int, *argv: str) -> list[str]:
    return ["taskset", "-c", str(cpu), *argv]


def perf_pipe(build: Path, cpus: list[int]) -> float:
    """A message of 4 bytes there and one back, on one CPU."""
    argv = _on(cpus[-1], "perf", "bench", "sched", "pipe", "-l", str(PERF_LOOPS))
    return first_number(r"([0-9.]+) usecs/op", _output(argv), "perf bench sched pipe") * 1000


def perf_messaging(build: Path, cpus: list[int]) -> float:
    """A message of 100 bytes from one of 20 senders to one of 20 receivers, on one CPU."""
    argv = _on(cpus[-1], "perf", "bench", "sched", "messaging", "-g", "1", "-l", str(GROUP_LOOPS))
    seconds = first_number(r"Total time: ([0-9.]+)", _output(argv), "perf bench sched messaging")
    return seconds * 1e9 / GROUP_MESSAGES


def sockperf_tcp(build: Path, cpus: list[int]) -> float:
    """A round trip of 64 bytes over TCP, on one CPU."""
    at = ["-i", "127.0.0.1", "-p", str(SOCKPERF_PORT), "--tcp"]
    server = subprocess.Popen(
        _on(cpus[-1], "sockperf", "server", *at),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(0.3)  # until it listens
        client = ["sockperf", "ping-pong", *at, "-m", "64", "-t", str(SOCKPERF_SECONDS)]
        said = _output(_on(cpus[-1], *client, "--full-rtt"))
    finally:
        server.kill()
        server.wait()
    return first_number(r"percentile 50.000 *= *([0-9.]+)", said, "sockperf") * 1000


def zmq_thr(build: Path, cpus: list[int]) -> float:
    """A message of 64 bytes over ipc://, from one CPU to another, at the receiver."""
    where = [str(cpus[1 % len(cpus)]), str(cpus[0])]  # sender, receiver: as the peers are placed
    said = _output([str(build / "zmq_thr"), "64", str(ZMQ_MESSAGES), *where])
    return first_number(r"^([0-9.]+)$", said.strip(), "zmq_thr")


INSTRUMENTS = (
    Instrument(
        "perf bench sched pipe",
        "pipe_latency/os_pipe/bytes:16/placement:same",
        "real_time_ns",
        "messages of 4 bytes; here each is stamped, written, read and checked",
        perf_pipe,
    ),
    Instrument(
        "perf bench sched messaging",
        "pipe_throughput/unix_stream/bytes:64/placement:same",
        "real_time_ns",
        "20 senders and 20 receivers of 100 bytes, read one by one; here one of each, and the receiver reads ahead",
        perf_messaging,
    ),
    Instrument(
        "sockperf ping-pong --tcp",
        "pipe_latency/tcp_loopback/bytes:64/placement:same",
        "p50_ns",
        "medians both; here every byte is written and checked",
        sockperf_tcp,
    ),
    Instrument(
        "zmq_thr, libzmq's method for PAIR",
        "pipe_throughput/zmq_pair/bytes:64/placement:cross",
        "real_time_ns",
        "there up to 2000 messages wait, nobody asks for the end and nobody touches the bytes; here 64 KiB wait, and "
        "a send asks for a slot and for the end",
        zmq_thr,
    ),
)


def our_time(build: Path, series: str, column: str, stop: Stop) -> float:
    """That column of one process run, ns per message (a round trip for latency). Raises ProgramError."""
    program = build / f"bench_{series.split('_')[0].split('/')[0]}"
    result = process_run(Launch(program, series, None, BATCHES, 65536, 10, 60), stop)
    if result.columns["status"] != "ok":
        raise ProgramError(f"{series}: {result.columns['reason']}")
    return float(result.columns[column])


def measure(build: Path, rounds: int, stop: Stop, report: Callable[[int], None]) -> dict[str, Any]:
    """Medians with intervals in ns, and the ratios of series to instrument paired by round. `report` hears of each round.

    Raises ProgramError, and Interrupted after a signal.
    """
    cpus = list_program(build / "bench_pipe", stop)[
        "cpus"
    ]  # the last is where they put placement:same
    jobs: dict[str, Callable[[], float]] = {}
    columns = dict.fromkeys((STREAM, PING, CLOCK), "real_time_ns")
    for name, column in (columns | {i.series: i.column for i in INSTRUMENTS}).items():
        jobs[name] = lambda name=name, column=column: our_time(build, name, column, stop)
    for instrument in INSTRUMENTS:
        jobs[instrument.name] = lambda i=instrument: i.nanoseconds(build, cpus)
    times: dict[str, dict[int, float]] = {name: {} for name in jobs}
    for number in range(rounds):
        for name in list(jobs) if number % 2 == 0 else list(jobs)[::-1]:
            if stop.signum is not None:
                raise Interrupted
            times[name][number] = jobs[name]()
        report(number + 1)
    over_clock = [times[PING][i] - times[CLOCK][i] for i in range(rounds)]
    return {
        "rounds": rounds,
        "times": {name: _record(median_interval(list(v.values()))) for name, v in times.items()},
        "ping over clock": _record(median_interval(over_clock)),
        "ratios": {
            i.name: _record(paired_ratio(times[i.series], times[i.name])) for i in INSTRUMENTS
        },
    }


def _record(interval: Interval) -> dict[str, Any]:
    return {"median": interval.median, "low": interval.low, "high": interval.high}


def within(record: Mapping[str, Any], low: float, high: float) -> str:
    """met when the whole interval lies between, missed when it lies outside, else undecided."""
    if record["low"] is None or record["high"] is None:
        return "undecided"
    if low <= record["low"] and record["high"] <= high:
        return "met"
    return "**missed**" if record["high"] < low or high < record["low"] else "undecided"


def render(found: Mapping[str, Any]) -> str:
    """The tables of README.md. Targets are those of the project; a missed one says so."""

    def text(record: Mapping[str, Any], digits: int, unit: str = "") -> str:
        numbers = f"{record['median']:.{digits}f}{unit}"
        if record["low"] is not None:
            numbers += f" [{record['low']:.{digits}f}, {record['high']:.{digits}f}]"
        return numbers

    times, over = found["times"], found["ping over clock"]
    lines = [
        "| the loops | measured | target | |",
        "|---|---|---|---|",
        f"| `{STREAM}`, a message | {text(times[STREAM], 1, ' ns')} | at most 12 ns | {within(times[STREAM], -math.inf, 12)} |",
        f"| `{PING}`, a round trip beyond `{CLOCK}` ({text(times[CLOCK], 1, ' ns')}) | {text(over, 1, ' ns')} "
        f"| at most 10 ns | {within(over, -math.inf, 10)} |",
        "",
        "| ours | theirs | ours / theirs | within 10 % | what differs |",
        "|---|---|---|---|---|",
    ]
    for i in INSTRUMENTS:
        ratio = found["ratios"][i.name]
        lines.append(
            f"| `{i.series}` {text(times[i.series], 0, ' ns')} | `{i.name}` {text(times[i.name], 0, ' ns')} "
            f"| {text(ratio, 3)} | {within(ratio, 1 - WITHIN, 1 + WITHIN)} | {i.differs} |"
        )
    where = ", ".join(found[key] for key in ("machine", "commit", "date") if found.get(key))
    lines += [
        "",
        f"Medians of {found['rounds']} interleaved process runs each [their intervals of at least 95 %], by "
        f"`tools/quality`{f' ({where})' if where else ''}.",
    ]
    return "\n".join(lines) + "\n"
