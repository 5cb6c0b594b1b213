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
GROUP_LOOPS = (
    4000  # of perf's messaging: 20 senders send to 20 receivers each; its time includes their start
)
GROUP_MESSAGES = 20 * 20 * GROUP_LOOPS
SOCKPERF_SECONDS = 1
SOCKPERF_PORT = 11119
TCP_ROUND_TRIPS = 50_000
ZMQ_MESSAGES = 1_000_000
LINE_ROUND_TRIPS = 200_000

Measured = Callable[[Path, list[int]], float]


@dataclass(frozen=True)
class Step:
    """What lies between an instrument and ours, a part of it: the instrument's measurement with that added."""

    adds: str  # to the step before it, or to the instrument
    nanoseconds: Measured


@dataclass(frozen=True)
class Instrument:
    """A measurement made by others, beside the series of ours that is nearest to it.

    `nanoseconds` takes (build folder, CPUs as placement:cross spreads peers) and gives ns per what the series counts.
    `column` of runs.csv is what it is compared with. `differs`: what the two do not do alike, of those made by others. `steps` go from the
    instrument towards the series, each with those before it.
    """

    name: str
    series: str
    column: str
    differs: str
    nanoseconds: Measured
    steps: tuple[Step, ...] = ()


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


def _told(build: Path, program: str, *arguments: int) -> float:
    """The number that an instrument made here prints."""
    said = _output([str(build / program), *map(str, arguments)])
    return first_number(r"^([0-9.]+)$", said.strip(), program)


def _apart(cpus: list[int]) -> tuple[int, int]:
    """Those of the one who sends first and of the other, as placement:cross spreads peers."""
    return cpus[1 % len(cpus)], cpus[0]


def perf_pipe(build: Path, cpus: list[int]) -> float:
    """A message of 4 bytes there and one back, on one CPU."""
    argv = _on(cpus[-1], "perf", "bench", "sched", "pipe", "-l", str(PERF_LOOPS))
    return first_number(r"([0-9.]+) usecs/op", _output(argv), "perf bench sched pipe") * 1000


def perf_messaging(build: Path, cpus: list[int]) -> float:
    """A message of 100 bytes from one of 20 senders to one of 20 receivers, on one CPU."""
    argv = _on(cpus[-1], "perf", "bench", "sched", "messaging", "-g", "1", "-l", str(GROUP_LOOPS))
    seconds = first_number(r"Total time: ([0-9.]+)", _output(argv), "perf bench sched messaging")
    return seconds * 1e9 / GROUP_MESSAGES


def group_stream(added: int) -> Measured:
    """A message over unix sockets, on one CPU, with so much as it is in unix_stream (see group_stream.cc)."""
    return lambda build, cpus: _told(build, "group_stream", GROUP_MESSAGES, cpus[-1], added)


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


def tcp_rtt(added: int) -> Measured:
    """A round trip of 64 bytes over TCP on one CPU with so much of tcp_loopback added (see tcp_rtt.cc)."""

    def nanoseconds(build: Path, cpus: list[int]) -> float:
        argv = [str(build / "tcp_rtt"), "64", str(TCP_ROUND_TRIPS), str(cpus[-1]), str(added)]
        return first_number(r"^([0-9.]+) ", _output(argv), "tcp_rtt")

    return nanoseconds


def zmq_thr(added: int) -> Measured:
    """A message of 64 bytes over ipc://, from one CPU to another, at the receiver, with so much of zmq_pair added (see
    zmq_thr.cc; 0: ZeroMQ's method)."""
    return lambda build, cpus: _told(build, "zmq_thr", 64, ZMQ_MESSAGES, *_apart(cpus), added)


def line_rtt(added: int) -> Measured:
    """A round trip of 48 bytes over cache lines, between two CPUs, with so much of shm_ring_spin added (see
    line_rtt.cc)."""
    return lambda build, cpus: _told(build, "line_rtt", LINE_ROUND_TRIPS, *_apart(cpus), added)


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
        "40 processes, their start and end in the time, messages of 100 bytes read one by one; here two processes that run already, and the receiver reads ahead",
        perf_messaging,
        (
            Step("without the start and the end of the processes", group_stream(0)),
            Step("one sender and one receiver", group_stream(1)),
            Step("the receiver reads ahead", group_stream(2)),
            Step("messages of 68 bytes", group_stream(3)),
        ),
    ),
    Instrument(
        "sockperf ping-pong --tcp",
        "pipe_latency/tcp_loopback/bytes:64/placement:same",
        "p50_ns",
        "medians both; here each way has a connection of its own, see below",
        sockperf_tcp,
        (
            Step("our loop in place of theirs: `tcp_rtt`, one connection", tcp_rtt(0)),
            Step("a connection each way: 4 segments a round trip, not 2", tcp_rtt(1)),
            Step("the backend's socket buffers of 32 KiB", tcp_rtt(2)),
            Step("a length before each message, reading ahead", tcp_rtt(3)),
        ),
    ),
    Instrument(
        "zmq_thr, libzmq's method for PAIR",
        "pipe_throughput/zmq_pair/bytes:64/placement:cross",
        "real_time_ns",
        "there up to 2000 messages wait, nobody asks for the end and nobody touches the bytes, see below",
        zmq_thr(0),
        (
            Step("every byte is written and read", zmq_thr(1)),
            Step(
                "no more than 64 KiB wait: a slot taken and given back for each message", zmq_thr(2)
            ),
            Step("a send asks whether the other is still there", zmq_thr(3)),
            Step("a receive that must wait waits for the end as well", zmq_thr(4)),
        ),
    ),
)


# Not of others: what the least that can be done becomes on its way to a mechanism.
LADDERS = (
    Instrument(
        "line_rtt, a bare line each way",
        "pipe_latency/shm_ring_spin/bytes:48/placement:cross",
        "p50_ns",
        "",
        line_rtt(0),
        (
            Step("each message in the next of 1024 lines", line_rtt(1)),
            Step("the word that will publish the next one is cleared before", line_rtt(2)),
            Step("both say how far they are", line_rtt(3)),
            Step("both look whether the other is there, for each message", line_rtt(4)),
            Step("a pause between two looks for a message", line_rtt(5)),
            Step(
                "(what shm_ring does not do: the sender looks into its next line, at which the receiver looks)",
                line_rtt(6),
            ),
        ),
    ),
)
MEASURED = INSTRUMENTS + LADDERS


def runs_of(instrument: Instrument) -> dict[str, Measured]:
    """The instrument and its steps, by the names of their times."""
    steps = {f"{instrument.name} + {step.adds}": step.nanoseconds for step in instrument.steps}
    return {instrument.name: instrument.nanoseconds} | steps


def our_time(build: Path, series: str, column: str, stop: Stop) -> float:
    """That column of one process run, ns per message (a round trip for latency). Raises ProgramError."""
    program = build / f"bench_{series.split('_')[0].split('/')[0]}"
    result = process_run(Launch(program, series, None, BATCHES, 65536, 10, 60), stop)
    if result.columns["status"] != "ok":
        raise ProgramError(f"{series}: {result.columns['reason']}")
    return float(result.columns[column])


def measure(build: Path, rounds: int, stop: Stop, report: Callable[[int], None]) -> dict[str, Any]:
    """Medians with intervals in ns, and ratios paired by round: of series to instrument under the instrument's name, of
    step to instrument under the step's. `report` hears of each round.

    Raises ProgramError, and Interrupted after a signal.
    """
    cpus = list_program(build / "bench_pipe", stop)[
        "cpus"
    ]  # the last is where they put placement:same
    jobs: dict[str, Callable[[], float]] = {}
    columns = dict.fromkeys((STREAM, PING, CLOCK), "real_time_ns")
    for name, column in (columns | {i.series: i.column for i in MEASURED}).items():
        jobs[name] = lambda name=name, column=column: our_time(build, name, column, stop)
    for instrument in MEASURED:
        for name, measured in runs_of(instrument).items():
            jobs[name] = lambda m=measured: m(build, cpus)
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
            name: _record(paired_ratio(times[i.series if name == i.name else name], times[i.name]))
            for i in MEASURED
            for name in runs_of(i)
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
    # Not all have steps, or were measured since there were these.
    explained = [i for i in MEASURED if i.steps and all(name in times for name in runs_of(i))]
    if explained:
        lines += ["", "<details><summary>From theirs to ours, step by step</summary>"]
    for i in explained:
        lines += [
            "",
            f"| from `{i.name}` to `{i.series}`, added to the line before | time | / the first |",
            "|---|---|---|",
            f"| (the first) | {text(times[i.name], 0, ' ns')} | 1 |",
        ]
        for step, name in zip(i.steps, [*runs_of(i)][1:]):
            lines.append(
                f"| {step.adds} | {text(times[name], 0, ' ns')} | {text(found['ratios'][name], 3)} |"
            )
        lines.append(
            f"| the rest (ours) | {text(times[i.series], 0, ' ns')} | {text(found['ratios'][i.name], 3)} |"
        )
    if explained:
        lines += ["", "</details>"]
    where = ", ".join(found[key] for key in ("machine", "commit", "date") if found.get(key))
    lines += [
        "",
        f"Medians of {found['rounds']} interleaved process runs each [their intervals of at least 95 %], by "
        f"`tools/quality --rounds {found['rounds']}`{f' ({where})' if where else ''}.",
    ]
    return "\n".join(lines) + "\n"
