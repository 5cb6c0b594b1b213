# SPDX-License-Identifier: MIT
"""How good is the measurement itself? Two answers, each from interleaved process runs on the machine at hand.

The loops: what `null` takes for a message of 64 bytes, and for a round trip over what one reading of the clock takes.
The pipe: os_pipe's mean round trip of 16 bytes on one CPU, against `perf bench sched pipe` on the same CPU.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .child import Interrupted, Stop
from .launch import Launch, ProgramError, list_program, process_run
from .stats import Interval, median_interval, paired_ratio

PERF_LOOPS = 100_000
BATCHES = 5
STREAM = "pipe_throughput/null/bytes:64/placement:cross"
PING = "pipe_latency/null/bytes:64/placement:cross"
CLOCK = "floor/clock_read"
PIPE = "pipe_latency/os_pipe/bytes:16/placement:same"
PERF = "perf bench sched pipe"

_PERF_RESULT = re.compile(r"([0-9.]+) usecs/op")


def perf_nanoseconds(output: str) -> float:
    """ns per operation (a message there and one back) from what `perf bench sched pipe` printed.

    Raises ProgramError when it printed something else.
    """
    found = _PERF_RESULT.search(output)
    if found is None:
        raise ProgramError(f"{PERF} printed no usecs/op:\n{output}")
    return float(found[1]) * 1000


def perf_pipe(cpu: int) -> float:
    """ns per round trip of one process run of perf's own benchmark on this CPU. Raises ProgramError."""
    argv = ["taskset", "-c", str(cpu), "perf", "bench", "sched", "pipe", "-l", str(PERF_LOOPS)]
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise ProgramError(f"{' '.join(argv)}: {error}") from None
    return perf_nanoseconds(ended.stdout)


def real_time(build: Path, series: str, stop: Stop) -> float:
    """ns per message (a round trip for latency) of one process run. Raises ProgramError."""
    program = build / f"bench_{series.split('_')[0].split('/')[0]}"
    result = process_run(Launch(program, series, None, BATCHES, 65536, 10, 60), stop)
    if result.columns["status"] != "ok":
        raise ProgramError(f"{series}: {result.columns['reason']}")
    return float(result.columns["real_time_ns"])


def measure(build: Path, rounds: int, stop: Stop, report: Callable[[int], None]) -> dict[str, Any]:
    """Medians with intervals, in ns, and the ratio pipe / perf paired by round. `report` hears of each round.

    Raises ProgramError, and Interrupted after a signal.
    """
    cpu = list_program(build / "bench_pipe", stop)["cpus"][-1]  # where they put placement:same
    times: dict[str, dict[int, float]] = {name: {} for name in (STREAM, PING, CLOCK, PIPE, PERF)}
    for number in range(rounds):
        order = list(times) if number % 2 == 0 else list(times)[::-1]
        for name in order:
            if stop.signum is not None:
                raise Interrupted
            value = perf_pipe(cpu) if name == PERF else real_time(build, name, stop)
            times[name][number] = value
        report(number + 1)
    over_clock = [times[PING][i] - times[CLOCK][i] for i in range(rounds)]
    return {
        "rounds": rounds,
        "cpu": cpu,
        **{name: _record(median_interval(list(values.values()))) for name, values in times.items()},
        "ping over clock": _record(median_interval(over_clock)),
        "pipe to perf": _record(paired_ratio(times[PIPE], times[PERF])),
    }


def _record(interval: Interval) -> dict[str, Any]:
    return {"median": interval.median, "low": interval.low, "high": interval.high}


def render(found: Mapping[str, Any]) -> str:
    """The table of README.md. Targets are those of the project; a missed one says so."""

    def cell(name: str, digits: int, unit: str) -> str:
        record = found[name]
        numbers = f"{record['median']:.{digits}f}{unit}"
        if record["low"] is not None:
            numbers += f" [{record['low']:.{digits}f}, {record['high']:.{digits}f}]"
        return numbers

    def met(yes: bool) -> str:
        return "met" if yes else "**missed**"

    stream, ping = found[STREAM]["median"], found["ping over clock"]["median"]
    ratio = found["pipe to perf"]["median"]
    lines = [
        "| check | measured | target | |",
        "|---|---|---|---|",
        f"| `{STREAM}`, a message | {cell(STREAM, 1, ' ns')} | at most 12 ns | {met(stream <= 12)} |",
        f"| `{PING}`, a round trip beyond `{CLOCK}` ({cell(CLOCK, 1, ' ns')}) | {cell('ping over clock', 1, ' ns')} "
        f"| at most 10 ns | {met(ping <= 10)} |",
        f"| `{PIPE}` (mean, {cell(PIPE, 0, ' ns')}) to `{PERF}` on the same CPU ({cell(PERF, 0, ' ns')}) "
        f"| {cell('pipe to perf', 3, '')} | within 10 % | {met(0.9 <= ratio <= 1.1)} |",
        "",
        f"Medians of {found['rounds']} interleaved process runs each [95 % interval], by `tools/quality`.",
    ]
    return "\n".join(lines) + "\n"
