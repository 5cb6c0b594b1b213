# SPDX-License-Identifier: MIT
"""What tools/compare compares: run folders or benchmark.json files, and whether they may be compared at all.

A side is one of these, or a folder of run folders, whose process runs are then taken together: builds that are measured
in turns leave several. Sides of different machines, or of one machine in another setting, of different schemas or build
types are refused: their difference would not be that of the code. Longer than most: what may differ, each with what is said of it.
"""

from __future__ import annotations

import csv
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from .rundir import SCHEMA, RunDir, RunDirError, load
from .series import FLOOR, parse
from .summary import ROUND_TRIP, headline_column

UNLIKE = 1.5  # times as many messages in a batch are not alike


class Incomparable(Exception):
    """Two sides that must not be compared: what differs, where, what would be valid. tools/compare exits 2."""


@dataclass(frozen=True)
class Source:
    """One run folder or benchmark.json. What it does not say is None; `hardware` is what is known without `machine`.

    `values`: the headline of each ok process run, by series; `messages`: those in a batch of each. `lost`: why a series
    has none. `settings` are facts of the machine that must be alike on both sides, `conditions` others that should be, by
    name.
    """

    path: Path
    values: dict[str, list[float]]
    lost: dict[str, str] = field(default_factory=dict)
    messages: dict[str, list[float]] = field(default_factory=dict)
    machine: str | None = None
    hardware: str | None = None
    build_type: str | None = None
    schema: int | str = SCHEMA
    settings: dict[str, Any] = field(default_factory=dict)
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
        sources = [_from_folder(runs.parent) for runs in sorted(path.glob("*/runs.csv"))]
    else:
        sources = [_from_folder(path)]
    values: dict[str, list[float]] = {}
    lost: dict[str, str] = {}
    for source in sources:
        lost.update(source.lost)
        for name, numbers in source.values.items():
            values.setdefault(name, []).extend(numbers)
    return Side(sources, values, {name: why for name, why in lost.items() if name not in values})


def check(
    base: Side,
    new: Side,
    any_machine: bool = False,
    any_build: bool = False,
    any_schema: bool = False,
) -> list[str]:
    """What to be warned of when these are compared. Raises Incomparable."""
    sources = {
        f"{side} {source.name}": source
        for side, part in (("BASE", base), ("NEW", new))
        for source in part.sources
    }
    if both := {s.path.resolve() for s in base.sources} & {s.path.resolve() for s in new.sources}:
        raise Incomparable(f"{min(both)} is on both sides: give the runs of two builds")
    warnings = _schemas(sources, any_schema)
    if not base.values.keys() & new.values.keys():
        raise Incomparable(
            f"no series was measured on both sides: BASE has {len(base.values)} series, NEW has {len(new.values)}, "
            "none in common; measure both with the same --profile and --only"
        )
    warnings += _machines(sources, any_machine) + _settings(sources, any_machine)
    warnings += _builds(sources, any_build)
    conditions = _differences({where: source.conditions for where, source in sources.items()})
    warnings += [f"the {name} differs: {difference}" for name, difference in conditions.items()]
    warnings += _batches(base, new)
    said: dict[str, list[str]] = {}
    for where, source in sources.items():
        for text in source.warnings:
            said.setdefault(text, []).append(where)
    return warnings + [f"{_list(places)}: {text}" for text, places in said.items()]


def _schemas(sources: Mapping[str, Source], allowed: bool) -> list[str]:
    schemas = {where: source.schema for where, source in sources.items()}
    if set(schemas.values()) == {SCHEMA}:
        return []
    if difference := _difference(schemas):
        text = f"the schemas differ: {difference}"
    else:
        text = f"the schema of both sides is {schemas.popitem()[1]}"
    text += (
        f"; this tool reads schema {SCHEMA}. A new schema means that a column changed its meaning, unit or name "
        "(results/README.md), so numbers of one column may not be of the same thing"
    )
    if not allowed:
        raise Incomparable(
            f"{text}. Measure both sides with one tools/run, or give --any-schema to compare the columns that both have"
        )
    return [f"{text}; what is compared are the columns that both have"]


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


def _settings(sources: Mapping[str, Source], allowed: bool) -> list[str]:
    """The same for how the machines are set; a fingerprint does not tell, so one machine after a change has the old one."""
    differences = _differences({where: source.settings for where, source in sources.items()})
    if differences and not allowed:
        raise Incomparable(
            "the settings of the machines differ:\n"
            + "".join(f"  {name}: {difference}\n" for name, difference in differences.items())
            + "Times under two settings say nothing about the code; measure both sides under one, or give --any-machine"
        )
    return [
        f"the {name} differs: {difference}; the times may differ for that alone"
        for name, difference in differences.items()
    ]


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


def _differences(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The same for each fact by name, of those that differ. `facts`: where -> name -> fact."""
    names = dict.fromkeys(name for known in facts.values() for name in known)
    found = {n: _difference({where: known.get(n) for where, known in facts.items()}) for n in names}
    return {name: difference for name, difference in found.items() if difference}


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _from_folder(path: Path) -> Source:
    """`path` may also be its runs.csv."""
    schema, rows = _other_schema(path if path.is_file() else path / "runs.csv")
    if schema == SCHEMA:
        run = load(path)
        rows = run.runs()
    else:
        run = RunDir(path.parent if path.is_file() else path)
    plan, environment = run.plan(), run.environment()
    machine, system, build = (environment.get(k) or {} for k in ("machine", "system", "build"))
    ok = [row for row in rows if row["status"] == "ok"]
    headlines, lacking = _headlines(run.path, ok, schema)
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
        lost=lost | lacking,
        messages=_values(run.path, ((row["series"], row.get("messages")) for row in ok)),
        machine=machine.get("machine8") or plan.get("machine8"),
        hardware=_hardware(plan.get("context") or {}),
        build_type=_word(build.get("build_type")),
        schema=schema,
        settings=_set_to(environment),
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
        rows = [_as_run(row) for row in rows if not row.get("error_occurred")]
        schema = context.get("ipcbench_schema", SCHEMA)
        if other := {row["time_unit"] for row in rows} - {"ns"}:
            raise RunDirError(f"{path}: time_unit is {min(other)}; ipcbench writes ns")
        headlines, lacking = _headlines(path, rows, schema)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunDirError(
            f"{path}: no benchmark.json of ipcbench: {type(error).__name__}: {error}"
        ) from None
    build = _word(context.get("ipcbench_build_type"))
    slow = build not in ("release", None)
    beside = RunDir(path.parent).environment() if path.name == "benchmark.json" else {}
    return Source(
        path=path,
        values=_values(path, headlines),
        lost=lacking,
        messages=_values(path, ((row["series"], row.get("messages")) for row in rows)),
        machine=_word(context.get("ipcbench_machine")),
        hardware=_hardware(context),
        build_type=build,
        schema=schema,
        settings=_set_to(beside),
        warnings=(f"the programs are a {build} build, not release",) if slow else (),
    )


def _other_schema(table: Path) -> tuple[int | str, list[dict[str, Any]]]:
    """The schema of a runs.csv, and its rows where that is not the one which RunDir reads. Errors are left to RunDir."""
    try:
        with open(table, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            first = next(reader, {})
            schema = _cell(first.get("schema"))
            if schema in (None, SCHEMA):
                return SCHEMA, []
            rows = [{k: _cell(cell) for k, cell in row.items()} for row in (first, *reader)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return SCHEMA, []
    if missing := {"series", "status"} - first.keys():
        raise RunDirError(
            f"{table}: schema {schema}, without a column {min(missing)}, so nothing can be compared with it; "
            f"this tool reads schema {SCHEMA}"
        )
    return schema, rows


def _cell(text: Any) -> Any:
    """A number where it is one; None for an empty cell."""
    for kind in (int, float):
        try:
            return kind(text)
        except (TypeError, ValueError):
            pass
    return text or None


def _as_run(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of benchmark.json as one of runs.csv: Google Benchmark has its own words for two columns."""
    words = {"name": "series", "real_time": "real_time_ns"}
    return {words.get(name, name): value for name, value in row.items()}


def _headlines(
    path: Path, rows: Sequence[Mapping[str, Any]], schema: int | str
) -> tuple[list[tuple[str, Any]], dict[str, str]]:
    """The series and the headline of each row; and which series lack the column, in another schema. Raises RunDirError.

    A floor that is a round trip is known by its p50_ns: without that column no floor can be told from another.
    """
    columns = set().union(*rows)
    out, lacking = [], {}
    for row in rows:
        try:
            question = parse(row["series"]).question
            column = headline_column(question, [row])
        except ValueError as error:
            raise RunDirError(f"{path}: {error}") from None
        needed = {column, ROUND_TRIP} if question == FLOOR else {column}
        if schema != SCHEMA and (missing := needed - columns):
            lacking[row["series"]] = f"no column {min(missing)}"
        else:
            out.append((row["series"], row.get(column)))
    return out, lacking


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


def _set_to(environment: Mapping[str, Any]) -> dict[str, str | None]:
    """How the machine was set, as far as environment.json says so."""
    machine, system = (environment.get(k) or {} for k in ("machine", "system"))
    line, caches = system.get("kernel_command_line"), machine.get("caches")
    return {
        "clock source": system.get("clocksource"),
        "kernel command line": None if line is None else f"'{line}'",
        "CPU idle governor": system.get("cpu_idle_governor"),
        "list of caches": None if caches is None else ", ".join(caches) or "none visible",
    }


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
