# SPDX-License-Identifier: MIT
"""What the figures show: the points of a run's summary, and the quantiles of its histograms."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import plot_style as style
from . import summary
from .rundir import RunDir, RunDirError
from .series import FLOOR, PLACEMENTS

DEFAULT_BYTES = 64
PAYLOADS = ("bytes", "objects")  # never compared with each other: panels of their own
# What the typed API takes when no backend is named.
DEFAULTS = {("pipe", "shm_ring"), ("queue", "shm_feeder"), ("queue", "shm_robust")}
MOST = 10  # backends of a family that lines can be told apart of
ENOUGH = 8  # of a family have a line of their own, more only for a reason
SHORT_NS = 2e7  # a batch that takes longer is a stream even if the transport could hold it
BEYOND = 10  # a percentile needs so many samples beyond it: p99 1000, p99.9 10000, p99.99 100000


class Nothing(Exception):
    """This figure has no rows; the text says what it needs."""


@dataclass(frozen=True)
class Point:
    """One series; `median`, `low`, `high` are ns (latency) or messages per second (throughput)."""

    backend: style.Backend
    metric: str  # "latency" or "throughput"
    payload: str
    placement: str
    bytes: int
    peers: tuple[int, int]  # producers, consumers
    median: float
    low: float | None
    high: float | None
    x_floor: float | None
    series: str = ""

    @property
    def kind(self) -> str:
        """What a panel shows: 'pipe: bytes'."""
        return f"{self.backend[0]}: {self.payload}"

    @property
    def control(self) -> bool:
        return self.backend[1] == style.CONTROL

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the interval, both the median where there is none."""
        if self.low is None or self.high is None:
            return self.median, self.median
        return self.low, self.high

    def bandwidth(self) -> Point:
        """The same with payload bytes per second for messages per second."""
        low, high = (None if v is None else v * self.bytes for v in (self.low, self.high))
        return replace(self, median=self.median * self.bytes, low=low, high=high)


@dataclass(frozen=True)
class Data:
    """What all figures share."""

    rows: list[dict[str, Any]]  # of the summary
    points: list[Point]
    waits: Mapping[str, str]  # backend -> wait class
    floors: dict[str, float]  # series name -> median, ns
    looks: dict[style.Backend, style.Look]
    conditions: str
    size: int  # of the figures at one size, bytes
    histograms: list[dict[str, Any]]
    short_streams: Mapping[str, tuple[int, int]]  # as short_streams()

    def caption(self, note: str, points: Iterable[Point]) -> str:
        """What stands below a figure of these points."""
        counts = [self.short_streams.get(p.series, (0, 0)) for p in points]
        short, runs = (sum(column) for column in zip((0, 0), *counts))
        share = 100 * short / max(runs, 1)
        caution = (
            f" CAUTION: in {share:.0f} % of the process runs shown, of {sum(s > 0 for s, _ in counts)} of {len(counts)} "
            "series, a batch fits into the transport as a whole: too many messages per second."
        )
        return f"{note}{caution if share >= 1 else ''}\n{self.conditions}"

    def at(self) -> str:
        return style.short(self.size, style.SIZE)

    def named(self, points: Iterable[Point]) -> set[style.Backend]:
        """Those with a line of their own in a figure of these points."""
        return best(points, self.waits)


def point(row: Mapping[str, Any]) -> Point | None:
    """The point of a summary row; None for floors, other questions and series without a value."""
    family, _, metric = row["question"].partition("_")
    if metric not in ("latency", "throughput") or row.get("median") is None:
        return None
    if not (row["bytes"] and row["placement"]) or row["op"] or row["clients"] or row["processes"]:
        return None
    return Point(
        (family, row["backend"]),
        metric,
        "objects" if row["codec"] else "bytes",
        row["placement"],
        row["bytes"],
        (row["producers"] or 1, row["consumers"] or 1),
        *(row.get(k) for k in ("median", "low", "high", "x_floor")),
        row.get("series", ""),
    )


def whiskers(points: Sequence[Point]) -> np.ndarray:
    """The lengths of the bars below and above each median, shape (2, n); 0 without interval."""
    ends = np.array([p.ends for p in points])
    median = np.array([p.median for p in points])
    return np.array([median - ends[:, 0], ends[:, 1] - median])


def kinds_of(points: Iterable[Point]) -> list[str]:
    """The kinds that occur, in fixed order."""
    found = {(p.backend[0], PAYLOADS.index(p.payload), p.kind) for p in points}
    return [kind for _, _, kind in sorted(found)]


def panels_of(points: Iterable[Point]) -> dict[tuple[str, str], list[Point]]:
    """The points by (kind, placement): all combinations of those that occur, in fixed order."""
    points = list(points)
    placements = [name for name in PLACEMENTS if any(p.placement == name for p in points)]
    return {
        (kind, place): [p for p in points if (p.kind, p.placement) == (kind, place)]
        for kind in kinds_of(points)
        for place in placements
    }


def best(points: Iterable[Point], waits: Mapping[str, str]) -> set[style.Backend]:
    """Those with a line of their own in a figure of these points: null, CPython's own, and MOST of each family.

    These are the defaults, then who is first of its wait class at most points of a panel, CPython's designs, and who is
    first of it at any point; filled up to ENOUGH by those that are best on the average of all points.
    """
    chosen: set[style.Backend] = set()
    cells: dict[tuple, list[Point]] = defaultdict(list)
    for p in points:
        if p.control or style.is_cpython(p.backend):
            chosen.add(p.backend)
        else:
            cells[p.kind, p.placement, p.metric, p.bytes, p.peers].append(p)
    ranks: dict[style.Backend, list[int]] = defaultdict(list)
    wins: dict[tuple, Counter[style.Backend]] = defaultdict(Counter)  # by panel and wait class
    for (kind, placement, *_), members in cells.items():
        sign = 1 if members[0].metric == "latency" else -1
        first: dict[str, style.Backend] = {}
        for rank, p in enumerate(sorted(members, key=lambda p: (sign * p.median, p.backend))):
            ranks[p.backend].append(rank)
            first.setdefault(waits.get(p.backend[1], "block"), p.backend)
        for wait_class, backend in first.items():
            wins[kind, placement, wait_class][backend] += 1
    won = sum(wins.values(), Counter())
    mean = {backend: float(np.mean(places)) for backend, places in ranks.items()}
    winners = {min(panel, key=lambda b: (-panel[b], mean[b], b)) for panel in wins.values()}
    reasons = (DEFAULTS, winners, set(style.COUNTERPART.values()), set(won))

    def order(backend: style.Backend) -> tuple:
        why = next((i for i, those in enumerate(reasons) if backend in those), len(reasons))
        return why, -won[backend], mean[backend], backend

    for family in {backend[0] for backend in ranks}:
        own = sorted((b for b in ranks if b[0] == family), key=order)
        wanted = sum(any(b in those for those in reasons) for b in own)
        chosen |= set(own[: min(max(wanted, ENOUGH), MOST)])
    return chosen


def quantiles(rows: Sequence[Mapping[str, Any]], q: np.ndarray) -> np.ndarray:
    """The quantiles `q` (0..1) in ns of histogram rows, merged.

    Each is the upper end of the bucket that holds rank ceil(q n). Buckets are [low_ns, high_ns) of
    whole ns, so the upper end is the last value that the bucket can hold.
    """
    order = sorted((row["high_ns"] - 1, row["count"]) for row in rows)
    seen = np.cumsum([count for _, count in order])
    ranks = np.clip(np.ceil(q * seen[-1] - 1e-9), 1, seen[-1])
    return np.array([end for end, _ in order], dtype=float)[np.searchsorted(seen, ranks)]


def conditions(
    environment: Mapping, plan: Mapping, runs: Sequence[Mapping], rows: Sequence[Mapping]
) -> str:
    """The part of the caption that all figures of a run share; what is not known is left out."""
    machine, system, build = (environment.get(k) or {} for k in ("machine", "system", "build"))
    words = [machine.get("cpu_model"), machine.get("cpus") and f"{machine['cpus']} CPUs"]
    words.append(machine.get("hypervisor") if machine.get("hypervisor") != "none seen" else None)
    words.append(system.get("kernel") and f"Linux {system['kernel']}")
    commit = build.get("commit") and f"commit {build['commit'][:12]}"
    dates = [r["utc"] for r in runs if r["utc"]]
    blocks = len({r["block"] for r in runs if r["status"] == "ok"})
    blocks = blocks or max((r["n"] for r in rows), default=0)
    capacities = {r["asked_capacity_bytes"] for r in runs} | {plan.get("capacity")}
    failed = sum(r["status"] == "failed" for r in runs)
    planned = sum(len(block.split()) for block in plan.get("order", ()))
    parts = [
        ", ".join(word for word in words if word),
        commit and commit + (" with changes" if build.get("dirty") else ""),
        (environment.get("start") or min(dates, default=""))[:10],
        plan.get("profile") and f"profile {plan['profile']}",
        f"{blocks} block{'' if blocks == 1 else 's'}",
        "peers are processes",
        "asked capacity "
        + ", ".join(style.short(n, style.SIZE) for n in sorted(capacities - {None})),
        f"{failed} runs failed" if failed else None,
    ]
    text = "; ".join(part for part in parts if part)
    if plan.get("state") == "partial":
        made = sum(r["block"] is not None for r in runs)
        text = f"PARTIAL RUN: {made} of {planned} process runs. {text}"
    return text + "."


def short_streams(runs: Sequence[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    """Of each series of messages per second, how many of its process runs had batches that the transport holds as a
    whole (written, then read, they are no stream), and how many it has."""
    counts: dict[str, tuple[int, int]] = {}
    for row in runs:
        if row["status"] != "ok" or not row["question"].endswith("_throughput"):
            continue
        fits = (
            row["bytes"]
            and row["messages"]
            and row["capacity_bytes"]
            and row["messages"] * row["bytes"] <= row["capacity_bytes"]
            and row["messages"] * row["real_time_ns"] < SHORT_NS
        )
        short, all_runs = counts.get(row["series"], (0, 0))
        counts[row["series"]] = (short + bool(fits), all_runs + 1)
    return counts


def read(run: RunDir, size: int | None = None) -> Data:
    """What the figures need of a run; `size` as in draw(). Raises RunDirError."""
    plan = run.plan()
    runs = run.runs() if run.has("runs.csv") else []
    if run.has("summary.csv"):
        rows = run.summary()
    else:
        rows = summary.summarise(runs, plan.get("wait_class", {}))
    points = [p for p in map(point, rows) if p]
    sizes = sorted({p.bytes for p in points})
    if size is not None and size not in sizes:
        measured = ", ".join(map(str, sizes)) or "none"
        raise RunDirError(f"{run.path}: no messages of {size} bytes; measured are: {measured}")
    if size is None:
        size = min(sizes, key=lambda n: abs(np.log(n / DEFAULT_BYTES)), default=DEFAULT_BYTES)
    floors = {r["series"]: r["median"] for r in rows if r["question"] == FLOOR and r.get("median")}
    waits = plan.get("wait_class", {})
    looks = _looks(points, size, waits)
    said = conditions(run.environment(), plan, runs, rows)
    streams = short_streams(runs)
    return Data(rows, points, waits, floors, looks, said, size, run.histograms(), streams)


def _looks(
    points: Sequence[Point], size: int, waits: Mapping[str, str]
) -> dict[style.Backend, style.Look]:
    """A look for each, the same in all figures; those that any of them names have colours of their own."""
    shown: set[style.Backend] = set()
    for metric in style.METRICS:
        own = [p for p in points if p.metric == metric]
        shown |= best([p for p in own if p.peers == (1, 1)], waits)
        shown |= best([p for p in own if p.bytes == size], waits)
    alike = {style.COUNTERPART.get(backend, backend) for backend in shown}
    ours = {backend for backend in shown if not style.is_cpython(backend)}
    return style.looks({p.backend for p in points}) | style.looks(shown | alike, ours)
