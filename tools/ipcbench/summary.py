# SPDX-License-Identifier: MIT
"""summary.csv from runs.csv: one row a series, its headline with an exact interval, what it is above the floor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean, median
from typing import Any

from .rundir import SCHEMA, RunDir
from .series import FLOOR, parse
from .stats import MINIMUM_RUNS, median_interval, spread


UNSTABLE = 0.10  # spread above which a series is called unstable
STEAL_PERCENT = ((15.0, "very noisy"), (5.0, "noisy"), (1.0, "moderate"))

# metric -> (column of runs.csv, unit, whether higher is better)
HEADLINES = {
    "latency": ("p50_ns", "ns", False),
    "throughput": ("messages_per_second", "1/s", True),
    "cost": ("cpu_ns_per_message", "ns", False),
    "floor": ("real_time_ns", "ns", False),
}
ROUND_TRIP = "p50_ns"  # a floor that times each round trip is compared with latencies, so it has their headline


# What questions measure whose names do not say it: those about shared values, about processes, and about managers.
SHARED = {
    "value_update": "throughput",
    "value_read_mostly": "throughput",
    "array_copy": "throughput",
    "array_handoff": "latency",
    "lock_handoff": "throughput",
}
PROCESSES = {
    "process_start": "throughput",
    "pool_apply": "throughput",
    "pool_map": "throughput",
    "pool_once": "throughput",
    "cpu_bound": "throughput",
    "io_bound": "throughput",
    "context_switch": "throughput",
}
MANAGERS = {
    "manager_call": "throughput",
    "manager_pipelined": "throughput",
    "manager_connect": "throughput",
}
OTHERS = SHARED | PROCESSES | MANAGERS


def kind_of(question: str) -> str:
    """latency, throughput, cost or floor: what a question measures. Raises ValueError for an unknown one."""
    kind = FLOOR if question == FLOOR else OTHERS.get(question, question.rsplit("_", 1)[-1])
    if kind not in HEADLINES:
        raise ValueError(
            f"question '{question}' is neither floor nor ends in _latency, _throughput or _cost, nor is it one of "
            + ", ".join(OTHERS)
        )
    return kind


def family_of(question: str) -> str:
    """pipe, queue, shared, process, manager or floor: whose backends answer a question."""
    if question in PROCESSES:
        return "process"
    return "shared" if question in SHARED else question.split("_")[0]


def headline_column(question: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """The column that tells what a series measured; `rows` are of it. Raises ValueError as kind_of does."""
    column = HEADLINES[kind_of(question)][0]
    times = question == FLOOR and any(row.get(ROUND_TRIP) is not None for row in rows)
    return ROUND_TRIP if times else column


def series_of(runs: Iterable[Mapping[str, Any]], status: str) -> dict[str, list[Mapping[str, Any]]]:
    """The runs of that status of each series, in their order."""
    out: dict[str, list[Mapping[str, Any]]] = {}
    for row in runs:
        if row["status"] == status:
            out.setdefault(row["series"], []).append(row)
    return out


def values(rows: Iterable[Mapping[str, Any]], column: str) -> list[float]:
    return [row[column] for row in rows if row[column] is not None]


def median_switches(rows: Iterable[Mapping[str, Any]]) -> float | None:
    """Context switches of all peers per message, voluntary and not: the median of these process runs of a series."""
    columns = ("voluntary_switches_per_message", "involuntary_switches_per_message")
    both = [[row[column] for column in columns] for row in rows]
    known = [sum(pair) for pair in both if None not in pair]
    return median(known) if known else None


def summarise(
    runs: list[dict[str, Any]], wait_class: Mapping[str, str], order: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Rows of summary.csv: first the series in `order`, then as runs.csv first names them; skipped series have none.

    Of a series that was run twice a block (A/A) side a counts, so that all have one value a block. `wait_class` maps a backend to its wait class and decides which floor it stands on.
    """
    runs = [row for row in runs if row["side"] != "b"]
    good, failed = series_of(runs, "ok"), series_of(runs, "failed")
    out = []
    measured = [row["series"] for row in runs if row["status"] != "skipped"]
    wanted = set(measured)
    for name in dict.fromkeys([*(name for name in order if name in wanted), *measured]):
        series, rows = parse(name), good.get(name, [])
        unit = HEADLINES[kind_of(series.question)][1]
        column = headline_column(series.question, rows)
        numbers = values(rows, column)
        head = {"schema": SCHEMA, "run": runs[0]["run"], "series": name, **series.columns()}
        row = {**head, "metric": column, "unit": unit, "n": len(numbers), "failed": 0}
        row["failed"] = len(failed.get(name, []))
        if numbers:
            interval = median_interval(numbers)
            row.update(median=interval.median, low=interval.low, high=interval.high)
            row["confidence"] = None if interval.low is None else interval.confidence
            row.update(min=min(numbers), max=max(numbers))
            row["spread"] = spread(numbers) if len(numbers) > 1 else None
            row["x_floor"] = _x_floor(row, rows, good, wait_class.get(series.backend, ""))
            cpu = values(rows, "cpu_ns_per_message")
            row["cpu_ns_per_message"] = median(cpu) if cpu else None
        row["warnings"] = "; ".join(_warnings(row, rows)) or None
        out.append(row)
    return out


def _x_floor(
    row: Mapping[str, Any],
    rows: list[Mapping[str, Any]],
    good: Mapping[str, list[Mapping[str, Any]]],
    wait_class: str,
) -> float | None:
    """How many times the floor the series takes; None where its floor was not measured in the same run.

    Latency stands on the bare wake-up (block, and adaptive where both share a CPU) or the bare cache line (spin,
    adaptive), both full round trips;
    throughput on copying the bytes once, from another CPU's cache unless both peers share one; what moves no message
    from one process to another on nothing. On placement free there is no floor: the scheduler decides from moment to moment which of them it would be.
    """
    if row["backend"] == "null":  # it moves nothing: what it takes is the loops' own cost
        return None
    if row["placement"] == "free":
        return None
    kind, placement = kind_of(row["question"]), row["placement"]
    if kind == "latency":
        sleeping = f"floor/futex_rtt/placement:{placement}"
        spinning = "floor/cacheline_rtt/placement:cross"
        adaptive = sleeping if placement == "same" else spinning
        names = {"block": sleeping, "adaptive": adaptive, "spin": spinning}
        floor = good.get(names.get(wait_class, ""))
        taken = row["median"]
    elif kind == "throughput" and row["question"] not in OTHERS:
        copy = "memcpy" if placement == "same" else "copy_cross"
        floor = good.get(f"floor/{copy}/bytes:{row['bytes']}")
        taken = 1e9 / row["median"]
    else:
        return None
    if not floor:
        return None
    bare = values(floor, ROUND_TRIP) if kind == "latency" else []
    return taken / median(bare or values(floor, "real_time_ns"))


def _warnings(row: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> list[str]:
    out = []
    if row["failed"]:
        out.append(f"{row['failed']} of {row['failed'] + len(rows)} runs failed")
    if 0 < row["n"] < MINIMUM_RUNS:
        out.append(f"{row['n']} runs: too few for an interval")
    if (share := row.get("spread")) is not None and share > UNSTABLE:
        out.append(f"unstable: spread {100 * share:.0f} %")
    steal = values(rows, "steal_percent")
    if steal and (word := steal_word(fmean(steal))):
        out.append(f"steal {fmean(steal):.1f} %: {word}")
    return out


def steal_word(percent: float) -> str | None:
    """How noisy a share of stolen CPU time is; None when it does not matter."""
    return next((word for limit, word in STEAL_PERCENT if percent > limit), None)


def noise(runs: list[dict[str, Any]], rows: list[dict[str, Any]]) -> list[str]:
    """Warnings about a whole run, from its process runs and its summary."""
    out = []
    steal = values(runs, "steal_percent")
    if steal and (word := steal_word(fmean(steal))):
        out.append(f"the hypervisor gave {fmean(steal):.1f} % of the CPU time to others: {word}")
    measured = [row for row in rows if row["n"]]
    few = [row for row in measured if row["n"] < MINIMUM_RUNS]
    if few:
        out.append(
            f"{len(few)} of {len(measured)} series have fewer than {MINIMUM_RUNS} runs: no interval"
        )
    shaky = [row for row in measured if (row.get("spread") or 0) > UNSTABLE]
    if shaky:
        names = ", ".join(row["series"] for row in shaky[:3]) + (", ..." if len(shaky) > 3 else "")
        out.append(
            f"{len(shaky)} of {len(measured)} series are unstable "
            f"(spread over {100 * UNSTABLE:.0f} %): {names}"
        )
    return out


def write(rundir: RunDir) -> list[dict[str, Any]]:
    """Writes summary.csv from runs.csv and plan.json, and returns its rows."""
    plan = rundir.plan()
    rows = summarise(rundir.runs(), plan.get("wait_class", {}), plan.get("series", ()))
    rundir.write_summary(rows)
    return rows
