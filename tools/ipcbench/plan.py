# SPDX-License-Identifier: MIT
"""What a run measures, in which order and with how many messages: profiles, selection, calibration, blocks."""

from __future__ import annotations

import itertools
import math
import random
import re
import tomllib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .claim_data import Claim, cell_sides
from .series import KEYS, Series, parse
from .summary import PROCESSES, kind_of

PROFILES = Path(__file__).resolve().parent.parent / "profiles.toml"
SLOW_FACTOR = 3  # how far a fast side may stretch the slowest side's run beyond run_seconds
STEADY = 8  # a batch of a stream has so many times what can wait in the transport, ...
STEADY_SECONDS = 0.1  # ... or takes so long
QUEUE_ITEMS, HUGE_ITEMS = 16, 2  # what a queue is asked for at least; and of messages of ...
HUGE = 16777216  # ... so many bytes and more (kHugeBytes of bench/harness/series.h)
WIDEST = "full"  # the profile that has every series but what has a profile of its own
CPYTHON = "bench_cpython"  # its sides are compared with each other
# The questions that move messages from one process to another, which can be compared.
TRANSFERS = {
    "pipe_latency",
    "pipe_throughput",
    "queue_latency",
    "queue_throughput",
    "array_handoff",
}
MEETING_SECONDS = 0.03  # a batch of processes that contend, and of workers: many times their skew
SHARES = ("producers", "consumers", "processes")  # a batch must be divisible by how many there are


class PlanError(Exception):
    """A profile or a selection that cannot be used: what, where, and what would be valid. Tools exit 2."""


@dataclass(frozen=True)
class Profile:
    """A table of profiles.toml, which documents the fields."""

    name: str
    summary: str
    blocks: int
    batches: int
    run_seconds: float
    min_run_seconds: float
    budget_seconds: float
    batch_ms: float
    capacity: int
    disk_mib: int
    verdict: bool
    aa: list[str]
    select: tuple[Mapping[str, Any], ...] = ()
    omit: tuple[Mapping[str, Any], ...] = ()

    def takes(self, series: Series) -> bool:
        if any(_fits(entry, series) for entry in self.omit):
            return False
        return not self.select or any(_fits(entry, series) for entry in self.select)


def load_profiles(path: Path = PROFILES) -> dict[str, Profile]:
    """All profiles by name. Raises PlanError with the table and the field that is wrong."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlanError(f"{path}: {error}") from None
    profiles = {}
    for name, table in tables.items():
        chosen = {key: tuple(table.pop(key, ())) for key in ("select", "omit")}
        for key, entries in chosen.items():
            for entry in entries:
                if unknown := set(entry) - {"question", "backend", *KEYS}:
                    raise PlanError(f"{path}: {name}.{key}: unknown {', '.join(sorted(unknown))}")
        try:
            profiles[name] = Profile(name=name, **chosen, **table)
        except TypeError as error:
            raise PlanError(f"{path}: [{name}]: {error}") from None
    return profiles


def _fits(entry: Mapping[str, Any], series: Series) -> bool:
    columns = series.columns()
    for field, wanted in entry.items():
        have = columns[field]
        if ("" if have is None else have) not in (wanted if isinstance(wanted, list) else [wanted]):
            return False
    return True


@dataclass(frozen=True)
class Listed:
    """A series as a program lists it. `skip`: why it makes no sense here, None when it can be measured."""

    series: Series
    program: str
    metric: str
    wait_class: str
    skip: str | None


def listed(program: str, document: Mapping[str, Any]) -> list[Listed]:
    """The series of one `--list` document. Raises PlanError when the program breaks the contract."""
    out = []
    for entry in document["series"]:
        try:
            series = parse(entry["name"])
            kind_of(series.question)  # what it measures must be known afterwards
            out.append(
                Listed(series, program, entry["metric"], entry["wait_class"], entry["skip"] or None)
            )
        except (ValueError, KeyError, TypeError) as error:
            raise PlanError(f"{program} --list: {error}") from None
    return out


def select(available: Sequence[Listed], profile: Profile | None, only: str | None) -> list[Listed]:
    """The series that the profile takes (None: all) and in whose name `only` is found. Raises PlanError when none is."""
    name = f"profile '{profile.name}'" if profile else "the programs"
    in_profile = [entry for entry in available if profile is None or profile.takes(entry.series)]
    if not in_profile:
        raise PlanError(f"{name} selects none of the {len(available)} series")
    if only is None:
        return in_profile
    taken = [entry for entry in in_profile if re.search(only, entry.series.name)]
    if not taken:
        others = [e.series for e in available if re.search(only, e.series.name)]
        profiles = load_profiles()
        takers = [n for n in (WIDEST, *profiles) if any(map(profiles[n].takes, others))]
        hint = f"; {len(others)} outside it match: try --profile {takers[0]}" if takers else ""
        listing = "tools/run --list" + (f" --profile {profile.name}" if profile else "")
        there = sorted({f"{s.question}/{s.backend}" for s in (e.series for e in in_profile)})
        raise PlanError(
            f"--only '{only}': matches none of the {len(in_profile)} series of {name}{hint}; "
            f"'{listing}' shows them. There are {', '.join(there)}"
        )
    return taken


def split(taken: Sequence[Listed]) -> tuple[list[Listed], list[Listed]]:
    """Those that can be measured here, and those that are skipped. Raises PlanError when all are."""
    runnable = [entry for entry in taken if entry.skip is None]
    skipped = [entry for entry in taken if entry.skip is not None]
    if not runnable:
        first = skipped[0]
        raise PlanError(
            f"nothing to measure: of {len(skipped)} series selected each is skipped here, as {first.series.name}: {first.skip}"
        )
    return runnable, skipped


@dataclass(frozen=True)
class Calibration:
    """From one short launch: ns per message, and the seconds that a launch costs beside its messages."""

    ns_per_message: float
    overhead_seconds: float

    def run_seconds(self, messages: int, batches: int) -> float:
        """Of one process run; a batch more than is asked for warms up."""
        return self.overhead_seconds + (batches + 1) * messages * self.ns_per_message * 1e-9


def comparison_group(entry: Listed) -> tuple[Any, ...]:
    """Equal for series that should move as many messages a batch: same language, metric and keys, whatever the family and
    the backend. block_groups() says which ones run close together.

    A pipe counts as one producer and one consumer. Floors and `null` compare with nothing, and what moves no messages
    from one process to another only with the same question.
    """
    series = entry.series
    if entry.metric == "floor" or series.backend == "null":
        return (series.name,)
    keys = {"producers": 1, "consumers": 1, **series.keys}
    asked = "" if series.question in TRANSFERS else series.question
    return (entry.program == CPYTHON, asked, entry.metric, *(keys.get(key) for key in KEYS))


def block_groups(entries: Iterable[Listed], claims: Iterable[Claim]) -> dict[str, tuple[Any, ...]]:
    """Series name -> its group in a block, whose series run one after the other.

    It is the comparison_group; where a claim compares series of several of them, as with a floor, another language, another
    question or another number of workers, these are one. A pair of best sides joins nothing: its sides are of one
    comparison_group, and if they were not, all that might be the best would become one group, in which no two are close.
    """
    entries = list(entries)
    groups = {entry.series.name: comparison_group(entry) for entry in entries}
    asked = [entry.series for entry in entries]
    for claim in claims:
        for metric, pair in itertools.product(claim.metrics, claim.pairs):
            if pair.best_of:
                continue
            for xs, ys in cell_sides(pair, metric, asked, {}).values():
                first, *others = dict.fromkeys(groups[series.name] for series in (*xs, *ys))
                if others:
                    groups = {n: first if group in others else group for n, group in groups.items()}
    return groups


def steady_messages(entry: Listed, ns_per_message: float, capacity: int) -> float:
    """The shortest batch that is a stream: what fits into the transport at once is sent before anybody receives. And of
    processes that meet: they do not start at the same moment; one worker alone has as long a batch as several.
    """
    peers = int(entry.series.keys.get("processes", 0))
    if peers > 1 or peers and entry.series.question in PROCESSES:
        return MEETING_SECONDS * 1e9 / ns_per_message
    if entry.metric != "throughput" or entry.series.question not in TRANSFERS:
        return 0
    size, least = int(entry.series.keys["bytes"]), 1
    if entry.series.question.startswith("queue"):
        least = QUEUE_ITEMS if size < HUGE else HUGE_ITEMS
    waiting = max(capacity // size, least)
    return min(STEADY * waiting, STEADY_SECONDS * 1e9 / ns_per_message)


def assign_messages(
    entries: Iterable[Listed],
    calibrations: Mapping[str, Calibration],
    batches: int,
    run_seconds: float,
    batch_ms: float,
    capacity: int,
) -> dict[str, int]:
    """Messages per batch of each series, one count for all sides of a comparison.

    The slowest side takes about `run_seconds` for its batches; where the fastest side's batch would be shorter than
    `batch_ms`, up to SLOW_FACTOR times as long. A side whose batch would still be shorter than that gets more: it would
    be a few dozen messages, of which the first ones miss every cache. So does one whose batch would not be a stream.
    """
    groups: dict[tuple[Any, ...], list[Listed]] = {}
    for entry in entries:
        groups.setdefault(comparison_group(entry), []).append(entry)
    messages = {}
    for members in groups.values():
        costs = [calibrations[entry.series.name].ns_per_message for entry in members]
        count = run_seconds * 1e9 / batches / max(costs)
        count = max(count, min(batch_ms * 1e6 / min(costs), SLOW_FACTOR * count))
        shares = [int(m.series.keys.get(k, 1)) for m in members for k in SHARES]
        step = math.lcm(*shares)
        for entry, cost in zip(members, costs):
            enough = max(count, batch_ms * 1e6 / cost, steady_messages(entry, cost, capacity))
            messages[entry.series.name] = max(step, _two_digits(enough) // step * step)
    return messages


def _two_digits(value: float) -> int:
    if value < 100:
        return max(1, int(value))
    unit = 10 ** (int(math.log10(value)) - 1)
    return int(value / unit) * unit


def fit_messages(
    entries: Sequence[Listed],
    calibrations: Mapping[str, Calibration],
    profile: Profile,
    cells: Sequence[tuple[str, str]],
    blocks: int,
) -> tuple[dict[str, int], float]:
    """(messages per batch of each series, estimated seconds of all blocks), the budget kept where that is possible."""
    seconds = profile.run_seconds
    while True:
        counts = assign_messages(
            entries, calibrations, profile.batches, seconds, profile.batch_ms, profile.capacity
        )
        block = sum(calibrations[n].run_seconds(counts[n], profile.batches) for n, _ in cells)
        if block * blocks <= profile.budget_seconds or seconds <= profile.min_run_seconds:
            return counts, block * blocks
        seconds = max(profile.min_run_seconds, 0.9 * seconds)


def cells_of(names: Sequence[str], aa: Sequence[str]) -> list[tuple[str, str]]:
    """What a block launches: (series, side). An A/A series stands there twice, as sides a and b."""
    return [(n, side) for n in names for side in (("a", "b") if n in aa else ("",))]


def balanced_order(groups: Sequence[Hashable], blocks: int, seed: int) -> list[list[int]]:
    """For each block the order in which its cells run; `groups[i]` is the group of cell i (block_groups).

    Cells that are compared run close together: groups in random order, the cells of a group in random order. Blocks
    come in pairs, an order and its reverse. Over a pair every cell has the same mean position, so a drift along the
    run favours none; the pairs are independent, so no cell always follows the same other.
    """
    generator = random.Random(seed)
    members: dict[Hashable, list[int]] = {}
    for cell, group in enumerate(groups):
        members.setdefault(group, []).append(cell)
    orders: list[list[int]] = []
    while len(orders) < blocks:
        shuffled = generator.sample(list(members.values()), len(members))
        order = [cell for group in shuffled for cell in generator.sample(group, len(group))]
        orders += [order, order[::-1]]
    return orders[:blocks]
