# SPDX-License-Identifier: MIT
"""What tools/compare compares: run folders or benchmark.json files, and whether they may be compared at all.

A side is one of these, or a folder of run folders, whose process runs are then taken together: builds that are measured
in turns leave several. Sides of different machines, schemas or build types are refused: their difference would not be
that of the code.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from .rundir import SCHEMA, RunDir, RunDirError, load
from .series import parse
from .summary import headline_column

UNLIKE = 1.5  # times as many messages in a batch are not alike


class Incomparable(Exception):
    """Two sides that must not be compared: what differs, where, what would be valid. tools/compare exits 2."""


@dataclass(frozen=True)
class Source:
    """One run folder or benchmark.json. What it does not say is None; `hardware` is what is known without `machine`.

    `values`: the headline of each ok process run, by series; `messages`: those in a batch of each. `lost`: why a series
    has none. `conditions` are facts that should be alike on both sides, by name.
    """

    path: Path
    values: dict[str, list[float]]
    lost: dict[str, str] = field(default_factory=dict)
    messages: dict[str, list[float]] = field(default_factory=dict)
    machine: str | None = None
    hardware: str | None = None
    build_type: str | None = None
    conditions: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        path = self.path.resolve()
        return f"{path.parent.name}/{path.name}" if path.suffix == ".json" else path.name


@dataclass(frozen=True)
class Side:
    """BASE or NEW: the process runs of all its sources together."""

    sources: list[Source]
    values: dict[str, list[float]]
    lost: dict[str, str]


def load_side(path: Path) -> Side:
    """Reads a run folder (or its runs.csv), a benchmark.json, or all run folders in a folder. Raises RunDirError."""
    if path.is_file() and path.suffix == ".json":
        sources = [_from_json(path)]
    elif path.is_dir() and not (path / "runs.csv").exists() and any(path.glob("*/runs.csv")):
        sources = [_from_folder(load(runs.parent)) for runs in sorted(path.glob("*/runs.csv"))]
    else:
        sources = [_from_folder(load(path))]
    values: dict[str, list[float]] = {}
    lost: dict[str, str] = {}
    for source in sources:
        lost.update(source.lost)
        for name, numbers in source.values.items():
            values.setdefault(name, []).extend(numbers)
    return Side(sources, values, {name: why for name, why in lost.items() if name not in values})


def check(base: Side, new: Side, any_machine: bool = False, any_build: bool = False) -> list[str]:
    """What to be warned of when these are compared. Raises Incomparable."""
    sources = {
        f"{side} {source.name}": source
        for side, part in (("BASE", base), ("NEW", new))
        for source in part.sources
    }
    if both := {s.path.resolve() for s in base.sources} & {s.path.resolve() for s in new.sources}:
        raise Incomparable(f"{min(both)} is on both sides: give the runs of two builds")
    if not base.values.keys() & new.values.keys():
        raise Incomparable(
            f"no series was measured on both sides: BASE has {len(base.values)} series, NEW has {len(new.values)}, "
            "none in common; measure both with the same --profile and --only"
        )
    warnings = _machines(sources, any_machine) + _builds(sources, any_build)
    for name in dict.fromkeys(name for source in sources.values() for name in source.conditions):
        known = {where: source.conditions.get(name) for where, source in sources.items()}
        if difference := _difference(known):
            warnings.append(f"the {name} differs: {difference}")
    warnings += _batches(base, new)
    said: dict[str, list[str]] = {}
    for where, source in sources.items():
        for text in source.warnings:
            said.setdefault(text, []).append(where)
    return warnings + [f"{_list(places)}: {text}" for text, places in said.items()]


def _machines(sources: Mapping[str, Source], allowed: bool) -> list[str]:
    machines = {where: source.machine for where, source in sources.items()}
    unknown = [where for where, machine in machines.items() if machine is None]
    difference = _difference(machines)
    if not difference and unknown:  # then by what else there is
        difference = _difference({where: source.hardware for where, source in sources.items()})
    if difference and not allowed:
        raise Incomparable(
            f"the machines differ: {difference}. Times of two machines say nothing about the code; measure both sides "
            "on one, or give --any-machine"
        )
    if difference:
        return [f"the machines differ: {difference}; the times may differ for that alone"]
    if unknown:
        return [
            f"{_list(unknown)}: the machine is not named; CPUs and caches, as far as they are known, are alike"
        ]
    return []


def _builds(sources: Mapping[str, Source], allowed: bool) -> list[str]:
    builds = {where: source.build_type for where, source in sources.items()}
    difference = _difference(builds)
    if difference and not allowed:
        raise Incomparable(
            f"the build types differ: {difference}. Compare builds of one type (tools/run makes release), or give "
            "--any-build"
        )
    if difference:
        return [f"the build types differ: {difference}; the times may differ for that alone"]
    if unknown := [where for where, build in builds.items() if build is None]:
        return [f"{_list(unknown)}: the build type is not named"]
    return []


def _batches(base: Side, new: Side) -> list[str]:
    """A warning where one side's batches are much longer: each run calibrates for itself, and a short batch is a cold one."""
    sides = [_messages(side) for side in (base, new)]
    apart = []
    for name in sides[0].keys() & sides[1].keys():
        few, many = sorted(side[name] for side in sides)
        if many > UNLIKE * few:
            apart.append(name)
    if not apart:
        return []
    return [
        f"{len(apart)} of {len(sides[0].keys() & sides[1].keys())} series had over {UNLIKE:g} times as many messages in a batch on "
        f"one side, which may change a time by itself: {_list(sorted(apart))}"
    ]


def _messages(side: Side) -> dict[str, float]:
    """The median number of messages in a batch, by series, where it is known."""
    counts: dict[str, list[float]] = {}
    for source in side.sources:
        for name, numbers in source.messages.items():
            counts.setdefault(name, []).extend(numbers)
    return {name: median(numbers) for name, numbers in counts.items()}


def _difference(facts: Mapping[str, Any]) -> str:
    """'a in BASE x; b in NEW y' when not all facts that are known are equal, else ''."""
    first: dict[Any, str] = {}
    for where, fact in facts.items():
        if fact is not None:
            first.setdefault(fact, where)
    if len(first) < 2:
        return ""
    return "; ".join(f"{fact} in {where}" for fact, where in first.items())


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _from_folder(run: RunDir) -> Source:
    rows, plan, environment = run.runs(), run.plan(), run.environment()
    machine, system, build = (environment.get(k) or {} for k in ("machine", "system", "build"))
    headlines = [
        (row["series"], row[_column(run.path, row["series"], row)])
        for row in rows
        if row["status"] == "ok"
    ]
    failed = Counter(row["series"] for row in rows if row["status"] == "failed")
    lost = {row["series"]: row["status"] for row in rows if row["status"] != "ok"}
    warnings = list(environment.get("noise") or ())
    if plan.get("state") == "partial":
        warnings.append("the run is partial: some of its blocks are missing")
    if failed:
        warnings.append(f"{sum(failed.values())} process runs failed; they do not count")
    return Source(
        path=run.path,
        values=_values(run.path, headlines),
        lost=lost,
        messages=_values(
            run.path, ((r["series"], r["messages"]) for r in rows if r["status"] == "ok")
        ),
        machine=machine.get("machine8") or plan.get("machine8"),
        hardware=_hardware(plan.get("context") or {}),
        build_type=_word(build.get("build_type")),
        conditions={
            "kernel": system.get("kernel"),
            "version of Python": system.get("python"),
            "compiler": build.get("compiler"),
            "set of compiler flags": build.get("flags"),
            "capacity asked for": plan.get("capacity"),
            "number of batches in a process run": plan.get("batches"),
        },
        environment=environment,
        warnings=tuple(warnings),
    )


def _from_json(path: Path) -> Source:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        context, benchmarks = document["context"], document["benchmarks"]
        rows = [row for row in benchmarks if row["run_type"] == "iteration"]
        rows = [row for row in rows if not row.get("error_occurred")]
        schema = context.get("ipcbench_schema", SCHEMA)
        if schema != SCHEMA:
            raise RunDirError(f"{path}: schema {schema}; this tool reads schema {SCHEMA}")
        if other := {row["time_unit"] for row in rows} - {"ns"}:
            raise RunDirError(f"{path}: time_unit is {min(other)}; ipcbench writes ns")
        headlines = [(row["name"], row.get(_counter(path, row["name"], row))) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunDirError(
            f"{path}: no benchmark.json of ipcbench: {type(error).__name__}: {error}"
        ) from None
    build = _word(context.get("ipcbench_build_type"))
    slow = build not in ("release", None)
    return Source(
        path=path,
        values=_values(path, headlines),
        messages=_values(path, ((row["name"], row.get("messages")) for row in rows)),
        machine=_word(context.get("ipcbench_machine")),
        hardware=_hardware(context),
        build_type=build,
        warnings=(f"the programs are a {build} build, not release",) if slow else (),
    )


def _column(path: Path, series: str, row: Mapping[str, Any]) -> str:
    """The headline of a series' row in runs.csv. Raises RunDirError."""
    try:
        return headline_column(parse(series).question, [row])
    except ValueError as error:
        raise RunDirError(f"{path}: {error}") from None


def _counter(path: Path, series: str, row: Mapping[str, Any]) -> str:
    """The same in benchmark.json, where Google Benchmark has its own word for one of them."""
    column = _column(path, series, row)
    return "real_time" if column == "real_time_ns" else column


def _values(path: Path, headlines: Iterable[tuple[str, Any]]) -> dict[str, list[float]]:
    """The known ones of these numbers by series. Raises RunDirError for one that is no time, rate or count."""
    out: dict[str, list[float]] = {}
    for name, value in headlines:
        if value is None:
            continue
        if not isinstance(value, (int, float)) or not (value > 0 and math.isfinite(value)):
            raise RunDirError(f"{path}: {name}: {value!r} is not a positive number")
        out.setdefault(name, []).append(float(value))
    return out


def _hardware(context: Mapping[str, Any]) -> str | None:
    """CPUs and caches from Google Benchmark's context; its clock rate may change from one minute to the next."""
    if "num_cpus" not in context:
        return None
    caches = [
        f"L{cache.get('level')} {cache.get('type')} {cache.get('size')} B"
        for cache in context.get("caches") or ()
    ]
    return ", ".join([f"{context['num_cpus']} CPUs", *caches])


def _word(text: Any) -> str | None:
    return str(text).lower() if text else None
