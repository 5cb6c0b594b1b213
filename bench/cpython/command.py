# SPDX-License-Identifier: MIT
"""The command line, the same for all benchmark programs, and the way through a run.

Exit status: 0, 2 for wrong usage, 3 if a series failed, 130 and 143 after SIGINT and SIGTERM.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable

from registry import BACKENDS
from questions import HUGE_SIZES, PLACEMENTS, QUESTIONS, SIZES, Series, all_series, list_document

REFUSED = {
    "benchmark_min_time": "a batch has a fixed number of messages: use --messages and --batches",
    "benchmark_repetitions": "a process run is the unit of statistics: launch the program again",
    "benchmark_report_aggregates_only": "a process run is the unit of statistics",
    "benchmark_display_aggregates_only": "a process run is the unit of statistics",
    "benchmark_enable_random_interleaving": "the order of process runs is made by tools/run",
    "benchmark_perf_counters": "the work is done in other processes",
}


class UsageError(Exception):
    """Wrong usage; the text says what, where, and what would be valid."""


class Stopped(BaseException):
    """SIGINT or SIGTERM came; the argument is its number."""


def _switch(text: str) -> bool:
    if text not in ("", "true", "false"):
        raise ValueError("true or false")
    return text != "false"


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,10}", text) or not 0 < int(text) < 2**31:
        raise ValueError(f"a whole number from 1 to {2**31 - 1}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400:
        raise ValueError("seconds, more than 0 and at most 86400")
    return value


def _one_of(*valid: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in valid:
            raise ValueError(" or ".join(valid))
        return text

    return check


def _path(text: str) -> str:
    if not text:
        raise ValueError("the name of a file")
    return text


def _expression(text: str) -> re.Pattern:
    try:
        return re.compile("" if text == "all" else text)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from None


def _pairs(text: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(key and equals for key, equals, _ in pairs):
        raise ValueError("key=value")
    return {key: value for key, _, value in pairs}


# flag -> (what reads its value, default, explanation)
FLAGS: dict[str, tuple[Callable, object, str]] = {
    "help": (_switch, False, "print this"),
    "list": (_switch, False, "print series and backends as a JSON document"),
    "benchmark_list_tests": (_switch, False, "print the names of the series"),
    "benchmark_filter": (_expression, None, "RE: which series, searched for in the name"),
    "benchmark_format": (_one_of("console", "json"), "console", "console or json, on stdout"),
    "benchmark_out": (_path, None, "FILE that gets the result as well"),
    "benchmark_out_format": (_one_of("json"), "json", "json, of --benchmark_out"),
    "benchmark_context": (_pairs, {}, "key=value for the context, may be repeated"),
    "messages": (_count, None, "messages per batch (default: calibrated to about 20 ms)"),
    "batches": (_count, 5, "measured batches (default 5)"),
    "capacity": (_count, 65536, "capacity asked for in bytes (default 65536)"),
    "time_limit": (_seconds, 10.0, "seconds per batch until it counts as failed (default 10)"),
    "histogram_out": (_path, None, "FILE for latency histograms as CSV"),
}


def parse(arguments: list[str]) -> dict:
    """Values of all flags. Raises UsageError."""
    values: dict = {flag: default for flag, (_, default, _) in FLAGS.items()}
    for argument in arguments:
        flag, equals, text = argument.removeprefix("--").partition("=")
        if argument.startswith("--") and flag in REFUSED:
            raise UsageError(f"--{flag} is refused: {REFUSED[flag]}")
        if not argument.startswith("--") or flag not in FLAGS:
            raise UsageError(f"unknown argument {argument!r}; valid are\n{usage()}")
        read = FLAGS[flag][0]
        if not equals and read is not _switch:
            raise UsageError(f"--{flag} needs a value: --{flag}={FLAGS[flag][2]}")
        try:
            value = read(text)
        except ValueError as valid:
            raise UsageError(f"--{flag}={text}: valid is {valid}") from None
        values[flag] = values[flag] | value if flag == "benchmark_context" else value
    return values


def usage() -> str:
    """All flags, one a line."""
    lines = []
    for flag, (read, _, explanation) in FLAGS.items():
        lines.append(f"  --{flag + ('' if read is _switch else '='):<22} {explanation}")
    return "\n".join(lines)


def select(expression: re.Pattern | None) -> list[Series]:
    """The series whose names match. Raises UsageError if there are none."""
    series = all_series()
    if expression is None:
        return series
    chosen = [each for each in series if expression.search(each.name)]
    if not chosen:
        asked = [
            f"  {question}/{backend.name}/"
            for question, (uses, _) in QUESTIONS.items()
            for backend in BACKENDS.values()
            if backend.use in uses
        ]
        raise UsageError(
            f"no series matches --benchmark_filter={expression.pattern}; valid names begin with\n"
            + "\n".join(asked)
            + f"\nbytes: {', '.join(map(str, SIZES + HUGE_SIZES))}; placement: {', '.join(PLACEMENTS)};"
            + f" for example\n  {series[0].name}\n--benchmark_list_tests prints all {len(series)}"
        )
    return chosen


def main(arguments: list[str]) -> int:
    """Runs the program; returns its exit status."""
    try:
        values = parse(arguments)
        if values["help"]:
            print(usage())
            return 0
        chosen = select(values["benchmark_filter"])
        if values["list"] or values["benchmark_list_tests"]:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
        if values["list"]:
            import json

            print(json.dumps(list_document(chosen), separators=(",", ":")))
            return 0
        if values["benchmark_list_tests"]:
            print("\n".join(series.name for series in chosen))
            return 0
        return _run_stoppable(chosen, values)
    except UsageError as error:
        print(f"bench_cpython: {error}", file=sys.stderr)
        return 2


def _run_stoppable(chosen: list[Series], values: dict) -> int:
    """`_run`, ended in order by SIGINT and SIGTERM."""
    coordinator = os.getpid()

    def stop(number: int, _frame) -> None:
        if os.getpid() != coordinator:
            os._exit(128 + number)
        raise Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        return _run(chosen, values)
    except Stopped as stopped:
        return 128 + stopped.args[0]


def _run(chosen: list[Series], values: dict) -> int:
    """Measures the series and writes what was asked for. Raises UsageError for files not opened."""
    import json

    import report
    from measure import measure
    from peers import SeriesFailed

    out = _open(values, "benchmark_out")
    histograms = _open(values, "histogram_out")
    if histograms:
        print("series,low_ns,high_ns,count", file=histograms, flush=True)
    context = report.context(values["benchmark_context"])
    console = values["benchmark_format"] == "console"
    width = max(len(series.name) for series in chosen)
    if console:
        print(report.console_header(width), flush=True)
    rows, failed = [], False
    for index, series in enumerate(chosen):
        reason = series.skip()
        limits = (values["messages"], values["batches"], values["capacity"], values["time_limit"])
        try:
            result = None if reason else measure(series, *limits)
            rows.append(report.row(series, index, result, f"skipped: {reason}"))
            if histograms and result:
                for low, high, count in result.round_trips.buckets():
                    print(f"{series.name},{low},{high},{count}", file=histograms)
                histograms.flush()
        except SeriesFailed as error:
            failed = True
            rows.append(report.row(series, index, None, str(error)))
            print(f"bench_cpython: {series.name} failed: {error}", file=sys.stderr)
        if console:
            print(report.console_line(rows[-1], width), flush=True)
    document = json.dumps({"context": context, "benchmarks": rows}, indent=2)
    if not console:
        print(document)
    if out:
        print(document, file=out, flush=True)
    return 3 if failed else 0


def _open(values: dict, flag: str):
    """The file that a flag names, opened for writing; None without the flag."""
    if values[flag] is None:
        return None
    try:
        return open(values[flag], "w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--{flag}={values[flag]}: {error.strerror}") from None
