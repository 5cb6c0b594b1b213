# SPDX-License-Identifier: MIT
"""Measures: calibrates the selected series, writes plan.json, then makes the process runs that the plan still lacks."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, median_low
from typing import Any

from rich.console import Console

from .child import Stop
from .claim_data import load_claims
from .environment import OtherLoad, utc_now
from .launch import Launch, Result, process_run
from .plan import (
    Calibration,
    Listed,
    Profile,
    balanced_order,
    block_groups,
    cells_of,
    comparison_group,
    fit_messages,
)
from .programs import Unchanged
from .progress import Steps
from .rundir import SCHEMA, RunDir
from .series import parse

CALIBRATION_SECONDS = 0.2  # what a calibrating launch takes, before any is known ...
SILENT_SECONDS = 4.5  # ... of a question about waiting
AROUND_SECONDS = 0.03  # what the tools take around a launch: to start it, to keep its numbers
BATCH_LIMIT = 10
LAUNCH_LIMIT = 10.0  # what a launch may take beside its batches
CALIBRATION_LIMIT = 40.0
PROBES = 5  # launches of each program that measure what a launch costs by itself
PROBE_MESSAGES = 10
DOUBTFUL = 3.0  # times the median of a comparison, from which on a calibration is repeated ...
ASKED_AGAIN = 2  # ... so many times
GIVE_UP = 3  # failures of a series after which it is not launched again


@dataclass(frozen=True)
class Calibrated:
    """`costs` of the series that answered, `failures`: the result of each that did not."""

    costs: dict[str, Calibration]
    failures: dict[str, Result]
    context: dict[str, Any]


def calibrate(
    entries: Sequence[Listed],
    programs: Mapping[str, Path],
    profile: Profile,
    seed: int,
    stop: Stop,
    console: Console,
) -> Calibrated:
    """Short launches of each series, in which the program finds its own message count, and a few of each program
    with hardly a message, which show what a launch costs by itself. Ends early after a signal.

    In random order, so that what disturbs the machine for minutes hits some series of each comparison and not all; those
    that then look too slow are asked again, twice, and the median counts: what sleeps has moments in which it need not.
    """
    per_message: dict[str, float] = {}
    answers: dict[str, list[float]] = {}
    failures: dict[str, Result] = {}
    contexts: dict[str, dict[str, Any]] = {}
    quick = [entry for entry in entries if entry.metric != "cost"]
    probes = [entry for program in programs for entry in _spread(quick, program)]
    bare: dict[str, list[float]] = {program: [] for program in programs}

    def ask(what: str, launches: Sequence[tuple[Listed, int | None]]) -> None:
        with Steps(console, what, [calibration_seconds(e) for e, _ in launches]) as steps:
            for entry, messages in launches:
                if stop.signum is not None:
                    return
                name, program = entry.series.name, programs[entry.program]
                limits = (BATCH_LIMIT, CALIBRATION_LIMIT)
                begin = time.monotonic()
                result = process_run(
                    Launch(program, name, messages, 1, profile.capacity, *limits), stop
                )
                if stop.signum is not None:
                    return
                if result.columns["status"] != "ok":
                    if name not in per_message:  # else it can be measured, and is not wanted again
                        failures[name] = result
                    steps.say(f"failed: {name}: {result.columns['reason']}")
                elif messages is None:
                    contexts[name] = result.context
                    answers.setdefault(name, []).append(result.columns["real_time_ns"])
                    per_message[name] = median(answers[name])
                else:  # with what starting and reading the program takes us
                    bare[entry.program].append(time.monotonic() - begin)
                steps.step()

    order = random.Random(seed).sample(list(entries), len(entries))
    ask("calibrating", [(e, None) for e in order] + [(e, PROBE_MESSAGES) for e in probes])
    for _ in range(ASKED_AGAIN if profile.verdict else 0):
        doubtful = {entry.series.name for entry in too_slow(entries, per_message)}
        if not doubtful:
            break
        ask("calibrating again", [(e, None) for e in order if e.series.name in doubtful])
    overhead = {program: median(took or [CALIBRATION_SECONDS]) for program, took in bare.items()}
    programs_of = {entry.series.name: entry.program for entry in entries}
    costs = {n: Calibration(ns, overhead[programs_of[n]]) for n, ns in per_message.items()}
    # Of the first in the list, whatever the order: the programs may be of different builds.
    context = next((contexts[e.series.name] for e in entries if e.series.name in contexts), {})
    return Calibrated(costs, failures, context)


def too_slow(entries: Sequence[Listed], ns_per_message: Mapping[str, float]) -> list[Listed]:
    """Those that took many times as long as the others that are compared and wait alike, slow ones and disturbed ones; and
    those that nothing is compared with."""
    groups: dict[Any, list[Listed]] = {}
    for entry in entries:
        if entry.series.name in ns_per_message:
            group = (entry.wait_class, *comparison_group(entry))
            groups.setdefault(group, []).append(entry)
    return [
        entry
        for group in groups.values()
        for entry in group
        if len(group) == 1
        or ns_per_message[entry.series.name]
        > DOUBTFUL * median_low(ns_per_message[other.series.name] for other in group)
    ]


def calibration_noise(plan: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A warning when series were calibrated far too slow: their process runs are shorter than planned, and noisier."""
    took: dict[str, list[float]] = {}
    for row in runs:
        if row["status"] == "ok" and row["real_time_ns"]:
            took.setdefault(row["series"], []).append(row["real_time_ns"])
    short = [
        name
        for name, times in sorted(took.items())
        if median(times) * DOUBTFUL < plan["series"][name]["ns_per_message"]
    ]
    if not short:
        return []
    return [
        f"{len(short)} of {len(took)} series took under a third of the time that they were calibrated at, so their "
        f"process runs are short: {', '.join(short[:3])}{', ...' if len(short) > 3 else ''}"
    ]


def calibration_seconds(entry: Listed) -> float:
    """About what calibrating it takes, before any is known."""
    return SILENT_SECONDS if entry.metric == "cost" else CALIBRATION_SECONDS


def _spread(entries: Sequence[Listed], program: str) -> list[Listed]:
    """At most PROBES of the program's series, evenly over its list."""
    own = [entry for entry in entries if entry.program == program]
    return own[:: -(-len(own) // PROBES)] if own else []


def make_plan(
    entries: Sequence[Listed],
    aa: Sequence[str],
    calibrated: Calibrated,
    profile: Profile,
    blocks: int,
    seed: int,
) -> dict[str, Any]:
    """The part of plan.json that says what is launched in which order; series that failed to calibrate are left out."""
    ready = [entry for entry in entries if entry.series.name in calibrated.costs]
    cells = cells_of([entry.series.name for entry in ready], aa)
    messages, estimate = fit_messages(ready, calibrated.costs, profile, cells, blocks)
    groups = block_groups(ready, load_claims())
    order = balanced_order([groups[name] for name, _ in cells], blocks, seed)
    series = {}
    for entry in ready:
        name = entry.series.name
        cost = calibrated.costs[name]
        series[name] = {
            "program": entry.program,
            "messages": messages[name],
            "ns_per_message": cost.ns_per_message,
            "overhead_seconds": round(cost.overhead_seconds, 4),
        }
    return {
        "schema": SCHEMA,
        "state": "partial",
        "done": 0,
        "profile": profile.name,
        "verdict": profile.verdict,
        "seed": seed,
        "blocks": blocks,
        "batches": profile.batches,
        "capacity": profile.capacity,
        "estimate_seconds": round(estimate, 1),
        "series": series,
        "aa": list(aa),
        "cells": [f"{name} {side}".strip() for name, side in cells],
        "order": [" ".join(map(str, block)) for block in order],
        "context": calibrated.context,
    }


@dataclass(frozen=True)
class Pending:
    """A process run that is planned and not made yet."""

    block: int
    position: int
    series: str
    side: str


def pending(plan: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> list[Pending]:
    """What the plan still lacks, in its order. `runs` are rows of runs.csv."""
    made = {(row["block"], row["series"], row["side"] or "") for row in runs}
    out = []
    for block, order in enumerate(plan["order"]):
        for position, cell in enumerate(order.split()):
            name, _, side = plan["cells"][int(cell)].partition(" ")
            if (block, name, side) not in made:
                out.append(Pending(block, position, name, side))
    return out


def head(run: str, name: str) -> dict[str, Any]:
    """The columns of runs.csv that say what was run."""
    return {"schema": SCHEMA, "run": run, "series": name, **parse(name).columns(), "utc": utc_now()}


def write_beginning(
    rundir: RunDir, run: str, skipped: Sequence[Listed], failures: Mapping[str, Result]
) -> None:
    """Begins runs.csv with the series that no block launches: skipped ones, and those that failed to calibrate (no block)."""
    rundir.begin_runs()
    for entry in skipped:
        row = head(run, entry.series.name)
        rundir.append_run({**row, "utc": None, "status": "skipped", "reason": entry.skip})
    for name, result in failures.items():
        rundir.append_run({**head(run, name), **result.columns})


def measure(
    rundir: RunDir,
    plan: Mapping[str, Any],
    programs: Mapping[str, Path],
    stop: Stop,
    console: Console,
) -> None:
    """Makes the pending process runs; each is in runs.csv before the next begins. Ends early after a signal.

    Raises ProgramError when a program is replaced meanwhile; the run that met it is not kept.
    """
    runs = rundir.runs()
    todo = pending(plan, runs)
    failures = Counter(row["series"] for row in runs if row["status"] == "failed")
    expected = [_expected(plan, item.series) for item in todo]
    unchanged = Unchanged(programs)
    with Steps(console, "measuring", expected) as steps, _LoadByBlock(rundir) as load:
        for item, seconds in zip(todo, expected):
            if stop.signum is not None:
                return
            load.enter(item.block)
            utc = utc_now()
            if failures[item.series] >= GIVE_UP:
                reason = f"not launched: failed {GIVE_UP} times before"
                result = Result({"status": "failed", "reason": reason}, [], {}, 0.0)
            else:
                result = process_run(_launch(plan, item.series, programs, seconds), stop)
                if stop.signum is not None:
                    return
                unchanged.check(plan["series"][item.series]["program"])
                if result.columns["status"] != "ok":
                    failures[item.series] += 1
                    steps.say(
                        f"failed: {item.series}, block {item.block}: {result.columns['reason']}"
                    )
            where = {"side": item.side, "block": item.block, "position": item.position, "utc": utc}
            key = {"series": item.series, "block": item.block}
            rundir.append_measured(
                {**head(plan["run"], item.series), **where, **result.columns},
                [{**key, **row} for row in result.histogram],
            )
            steps.step(f"block {item.block + 1} of {plan['blocks']}")


class _LoadByBlock:
    """Writes what other programs took in each block to environment.json when the blocks are left; of a block that was
    interrupted and resumed, what they took in its busier part."""

    def __init__(self, rundir: RunDir):
        self._rundir = rundir
        self._block: int | None = None
        self._watch = OtherLoad()
        self._loads: dict[str, float] = {}

    def __enter__(self) -> _LoadByBlock:
        return self

    def __exit__(self, *_: object) -> None:
        self.enter(None)
        facts = self._rundir.environment()
        loads = facts.get("other_load_by_block", {})
        for block, load in self._loads.items():
            loads[block] = max(load, loads.get(block, load))
        self._rundir.write_environment({**facts, "other_load_by_block": loads})

    def enter(self, block: int | None) -> None:
        if block == self._block:
            return
        if self._block is not None and (load := self._watch.percent()) is not None:
            self._loads[str(self._block)] = load
        self._block = block
        self._watch = OtherLoad()


def _expected(plan: Mapping[str, Any], name: str) -> float:
    series = plan["series"][name]
    cost = Calibration(series["ns_per_message"], series["overhead_seconds"])
    return cost.run_seconds(series["messages"], plan["batches"])


def _launch(
    plan: Mapping[str, Any], name: str, programs: Mapping[str, Path], expected: float
) -> Launch:
    """Limits far above what was calibrated, but low enough that a hanging series does not hold up the run."""
    series = plan["series"][name]
    batch_limit = max(BATCH_LIMIT, round(10 * expected / plan["batches"]))
    return Launch(
        programs[series["program"]],
        name,
        series["messages"],
        plan["batches"],
        plan["capacity"],
        batch_limit,
        LAUNCH_LIMIT + batch_limit + 10 * expected,
    )
