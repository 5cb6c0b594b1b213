# SPDX-License-Identifier: MIT
"""Draws the figures of a run folder: what each shows stands at its function.

They read summary.csv (one point a series: the median over process runs with its interval) and, for
the percentile curves, histograms.csv. What was not measured is not drawn. Longer than most: a function for each figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from . import plot_style as style
from . import plots_each
from .plot_data import (
    BEYOND,
    PAYLOADS,
    Data,
    MOST,
    Nothing,
    Point,
    kinds_of,
    panels_of,
    quantiles,
    read,
    whiskers,
)
from .plots_shared import array_handoff, managers, processes, shared_locks
from .rundir import RunDir, RunDirError
from .series import PLACEMENTS

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
FIRST = 1 / 0.9  # lines against percentiles begin at 10 %: nobody asks for the fastest of all
ASIDE = 1.12  # factor between the marks of neighbouring lines of a figure against percentiles
GAP = 16  # a line between sizes that are so far apart says little of those between
FAR = 4  # sizes nearer than this factor to each other are no curve
NEAR = 5.0  # floors farther than this factor from all mechanisms are left out, to keep the scale


def sheet_of(
    title: str, data: Data, note: str, points: Sequence[Point], floors: Sequence[tuple] = ()
) -> tuple[style.Sheet, Iterator[tuple[Axes, tuple[str, str], list[Point]]]]:
    """A sheet with a row a kind and a column a placement; (panel, key, points) of each panel.

    With a single placement, which the sheet's title names, the kinds stand side by side.
    """
    groups = panels_of(points)
    places = list(dict.fromkeys(place for _, place in groups))
    columns = len(places)
    if columns == 1:
        title += f", {places[0]} ({style.WHERE[places[0]]})"
    rows = len(groups) // columns if columns > 1 else 1
    backends, shown = {p.backend for p in points}, data.named(points)
    legend = style.backend_groups(data.looks, shown)
    besides = [("other mechanisms", style.rest_line())] if backends - shown else []
    if besides or floors:
        legend.append(style.Group("Other lines", besides + list(floors)))
    sheet = style.Sheet(
        title,
        [3.2 if rows == 1 else 2.6] * rows,
        len(groups) // rows,
        data.caption(note, points),
        legend,
        share_y=columns > 1,
    )
    flat = [ax for row in sheet.panels for ax in row]
    for ax, ((kind, place), members) in zip(flat, groups.items()):
        ax.set_title(
            kind if columns == 1 else f"{kind}, {place} ({style.WHERE[place]})", loc="left"
        )
        ax.set_yscale("log")
        if not members:
            style.absent(ax)
    return sheet, ((ax, key, members) for ax, (key, members) in zip(flat, groups.items()))


def grey_note(data: Data, points: Sequence[Point]) -> str:
    """What the grey lines are, where there are any."""
    if {p.backend for p in points} == data.named(points):
        return ""
    return (
        " Grey: all but the defaults, CPython's designs, the first of those that wait alike at any point, and the best on "
        f"average (at most {MOST} of a family); summary.csv has them all by name."
    )


def skips(own: Sequence[float], all_x: Iterable[float]) -> bool:
    """Whether a line through its own places goes far, over one where others were measured."""
    others = set(all_x)
    return any(b > GAP * a and any(a < x < b for x in others) for a, b in zip(own, own[1:]))


def skip_note(points: Sequence[Point]) -> str:
    """What dotted lines are, where there are any in a figure against size."""
    for members in panels_of(points).values():
        for backend in {p.backend for p in members}:
            own = sorted(p.bytes for p in members if p.backend == backend)
            if skips(own, (p.bytes for p in members)):
                return " Dotted: not measured at the sizes between."
    return ""


def draw_lines(
    ax: Axes,
    data: Data,
    shown: Container[style.Backend],
    points: Sequence[Point],
    x: Callable[[Point], float],
) -> None:
    """A line with intervals for each backend that is shown, the control underneath; grey ones for the others. Dotted
    where it goes over places at which others were measured."""
    everywhere = [x(p) for p in points]
    for backend in sorted({p.backend for p in points}, key=lambda b: (b[1] != style.CONTROL, b)):
        members = sorted((p for p in points if p.backend == backend), key=x)
        dots = {"linestyle": ":"} if skips([x(p) for p in members], everywhere) else {}
        if backend not in shown:
            rest = style.rest_line() | dots
            ax.plot([x(p) for p in members], [p.median for p in members], **rest)
            continue
        ax.errorbar(
            [x(p) for p in members],
            [p.median for p in members],
            yerr=whiskers(members),
            elinewidth=1.0,
            capsize=2.0,
            **data.looks[backend].line() | dots,
        )


def is_curve(points: Iterable[Point]) -> bool:
    """Whether a backend of the panel was measured at two sizes that are far from each other."""
    sizes: dict[style.Backend, list[int]] = {}
    for p in points:
        sizes.setdefault(p.backend, []).append(p.bytes)
    return any(max(own) >= FAR * min(own) for own in sizes.values())


Floor = Callable[[Data, str, Sequence[int]], dict[str, list[float]]]


def by_size(
    data: Data,
    title: str,
    points: list[Point],
    y: str,
    units: style.Units,
    floor: Floor = lambda *_: {},
) -> style.Sheet:
    """A figure against message size, whose scale fits the mechanisms, not null and floors."""
    points = [p for p in points if p.peers == (1, 1)]
    cells = panels_of(points).values()
    points = [p for members in cells if is_curve(members) for p in members]
    sizes = sorted({p.bytes for p in points})
    if not points:
        raise Nothing(f"needs two message sizes, one {FAR} times the other")
    scales: dict[str, tuple[float, float]] = {}
    floors: dict[tuple[str, str], dict[str, list[float]]] = {}
    for kind in kinds_of(points):
        row = {key: members for key, members in panels_of(points).items() if key[0] == kind}
        members = sum(row.values(), [])
        members = [p for p in members if not p.control] or members
        values = [end for p in members for end in p.ends] or [1.0]
        near = (min(values) / NEAR, max(values) * NEAR)
        for key, members in row.items():
            # Where the scheduler places the peers, nobody knows what the floor is.
            known = floor(data, key[1], sizes).items() if members and key[1] != "free" else ()
            floors[key] = {k: v for k, v in known if near[0] < min(v) and max(v) < near[1]}
            values += sum(floors[key].values(), [])
        scales[kind] = (min(values) / 1.6, max(values) * 1.6)
    outside = {
        (p.backend, p.kind)
        for p in points
        if p.control and not scales[p.kind][0] < p.ends[0] <= p.ends[1] < scales[p.kind][1]
    }
    points = [p for p in points if (p.backend, p.kind) not in outside]
    names = sorted({name for drawn in floors.values() for name in drawn})
    looks = {name: style.floor_line(name) for name in names}
    note = style.POINTS + " null and floors off the scale are not drawn."
    note += skip_note(points) + grey_note(data, points)
    sheet, panels = sheet_of(title, data, note, points, list(looks.items()))
    shown = data.named(points)
    for ax, key, members in panels:
        style.size_axis(ax, sizes)
        ax.set_ylim(scales[key[0]])
        for name, values in floors[key].items():
            ax.plot(sizes, values, **looks[name])
        draw_lines(ax, data, shown, members, lambda p: p.bytes)
    sheet.label("Message size (bytes)", y, units)
    return sheet


def wake_floor(data: Data, placement: str, sizes: Sequence[int]) -> dict[str, list[float]]:
    """ns of a bare futex wake-up each way and, between CPUs, of a bare cache line each way."""
    names = {style.WAKE_UP: f"floor/futex_rtt/placement:{placement}"}
    if placement != "same":
        names[style.CACHE_LINE] = "floor/cacheline_rtt/placement:cross"
    return {k: [data.floors[v]] * len(sizes) for k, v in names.items() if v in data.floors}


def copy_floor(data: Data, placement: str, sizes: Sequence[int]) -> dict[str, list[float]]:
    """Bytes per second of one copy, of bytes that another CPU wrote unless all share one CPU."""
    name, floor = (style.ONE_COPY, "memcpy")
    if placement != "same":
        name, floor = (style.COPY_ACROSS, "copy_cross")
    ns = [data.floors.get(f"floor/{floor}/bytes:{n}") for n in sizes]
    return {name: [n * 1e9 / t for n, t in zip(sizes, ns) if t]} if all(ns) else {}


def latency_by_size(data: Data) -> style.Sheet:
    """p50 of the round trip against message size."""
    title = "Round-trip latency against message size (lower is better)"
    points = [p for p in data.points if p.metric == "latency"]
    return by_size(data, title, points, "Round trip, p50 (time)", style.TIME, wake_floor)


def throughput_by_size(data: Data) -> style.Sheet:
    """Messages per second from one producer to one consumer against message size."""
    title = "Throughput against message size: messages per second (higher is better)"
    points = [p for p in data.points if p.metric == "throughput"]
    return by_size(data, title, points, "Messages per second", style.RATE)


def bandwidth_by_size(data: Data) -> style.Sheet:
    """The measurements of throughput_by_size, as payload bytes per second."""
    title = "Throughput against message size: bytes per second (higher is better)"
    points = [p.bandwidth() for p in data.points if p.metric == "throughput"]
    return by_size(data, title, points, "Payload bytes per second", style.BANDWIDTH, copy_floor)


def ranking_of_round_trips(data: Data) -> style.Sheet:
    """The round trip of all mechanisms at one size, the best on top: a row a payload, a column a placement."""
    return ranking(data, "latency", f"Ranking of round trips at {data.at()} (the best is on top)")


def ranking_of_throughput(data: Data) -> style.Sheet:
    """The same of messages per second, from one producer to one consumer."""
    return ranking(data, "throughput", f"Ranking of throughput at {data.at()} (the best is on top)")


RANKING = (
    f"{style.POINTS} x floor: multiple of a bare wake-up each way, or of a cache line where peers spin, at first or for ever (round "
    "trip), or of a copy (throughput). It is a yardstick for those that wait alike, and no bound: some are below 1. "
    "Blue: pipes; orange: queues; hollow: CPython's own."
)


def ranking(data: Data, metric: str, title: str) -> style.Sheet:
    points = [
        p
        for p in data.points
        if (p.metric, p.bytes, p.peers) == (metric, data.size, (1, 1)) and not p.control
    ]
    if not points:
        raise Nothing(f"needs a measurement of {data.at()} messages")
    places = [place for place in PLACEMENTS if any(p.placement == place for p in points)]
    sign = 1 if metric == "latency" else -1
    lists = [
        [
            sorted(
                (p for p in points if (p.payload, p.placement) == (payload, place)),
                key=lambda p: sign * p.median,
            )
            for place in places
        ]
        for payload in PAYLOADS
        if any(p.payload == payload for p in points)
    ]
    heights = [max(len(members) for members in row) for row in lists]
    sheet = style.Sheet(
        title,
        [0.19 * rows + 0.1 for rows in heights],
        len(places),
        data.caption(RANKING, points),
        ranking=True,
        width=style.WIDTH * max(1.0, len(places) / 2),
    )
    text, units = style.METRICS[metric]
    for row, rows, panels in zip(lists, heights, sheet.panels):
        payload = next(p.payload for members in row for p in members)
        for place, members, ax in zip(places, row, panels):
            ax.set_title(f"{payload}, {place} ({style.WHERE[place]})", loc="left")
            ax.set_xscale("log")
            ax.set_ylim(rows - 0.4, -0.6)
            draw_ranking(ax, data, members)
            ax.tick_params(labelbottom=True)
            style.log_units(ax.xaxis, units, 4)
    for ax in sheet.panels[-1]:
        ax.set_xlabel(text)
    return sheet


def draw_ranking(ax: Axes, data: Data, points: Sequence[Point]) -> None:
    """A dot with its interval for each point, its value and x floor beside."""
    names = style.names(data.looks)
    ax.set_yticks(range(len(points)), [names[p.backend] for p in points])
    ax.tick_params(axis="y", length=0)
    for y, p in enumerate(points):
        look = style.of_family(p.backend).line() | {"linestyle": "none"}
        ax.errorbar(p.median, y, xerr=whiskers([p]), capsize=2.5, elinewidth=1.2, **look)
        floor = "" if p.x_floor is None else style.scaled(p.x_floor, ((1.0, ""),)) + "x"
        style.beside(ax, y, style.scaled(p.median, style.METRICS[p.metric][1]), floor)
    if points:
        known = any(p.x_floor is not None for p in points)
        style.beside(ax, -1.0, "median", "x floor" if known else "", color=style.GREY)
    else:
        style.absent(ax)


def percentiles(data: Data) -> style.Sheet:
    """Round trip against percentile at one size: runs merged, and bars from the least to the most of them."""
    rows: dict[str, dict[int, list]] = defaultdict(lambda: defaultdict(list))
    for row in data.histograms:
        rows[row["series"]][row["block"]].append(row)
    points = [
        p
        for p in data.points
        if (p.metric, p.bytes) == ("latency", data.size) and p.series in rows and not p.control
    ]
    shown = data.named(points)
    found = {p: list(rows[p.series].values()) for p in points if p.backend in shown}
    if not found:
        raise Nothing(f"needs histograms of {data.at()} round trips")
    note = (
        "Lines: all process runs merged; marks and bars: merged, and lowest to highest process run, of the percentile named below, "
        "drawn a little beside it so that they can be told apart. "
        f"Lines and bars end where fewer than {BEYOND} samples lie beyond. Of C++ the defaults, CPython's designs, the first of those that wait alike, and the best on average: at most {MOST} of a family."
    )
    title = f"Round-trip latency by percentile at {data.at()} (lower is better)"
    sheet, panels = sheet_of(title, data, note, list(found))
    totals = {p: [sum(row["count"] for row in run) for run in runs] for p, runs in found.items()}
    right = max(2.0, *(sum(counts) / BEYOND for counts in totals.values()))
    ticks = 1.0 / (1.0 - np.array(PERCENTILES) / 100.0)
    ticks = ticks[ticks <= right * 1.01]
    for ax, _, members in panels:
        ax.set_xscale("log")
        ax.set_xlim(FIRST, right * 1.1)
        ax.set_xticks(ticks, [f"{p:g} %" for p in PERCENTILES[: len(ticks)]])
        ax.set_xticks([], minor=True)
        for i, p in enumerate(sorted(members, key=lambda p: p.backend)):
            end, shared = (max(2.0, n / BEYOND) for n in (sum(totals[p]), min(totals[p])))
            aside = ASIDE ** (i - (len(members) - 1) / 2)
            line = data.looks[p.backend].line()
            merged = sum(found[p], [])
            x = np.geomspace(FIRST, end, 150)
            ax.plot(x, quantiles(merged, 1.0 - 1.0 / x), **line | {"marker": ""})
            x = ticks[ticks <= end]
            ax.plot(x * aside, quantiles(merged, 1.0 - 1.0 / x), **line | {"linestyle": ""})
            x = ticks[ticks <= shared]
            runs = [quantiles(run, 1.0 - 1.0 / x) for run in found[p]]
            ends = (np.min(runs, axis=0), np.max(runs, axis=0))
            ax.vlines(x * aside, *ends, color=line["color"], linewidth=1.0)
    sheet.label("Percentile of the round trips (%)", "Round trip (time)", style.TIME)
    return sheet


def throughput_by_peers(data: Data) -> style.Sheet:
    """Messages per second of the queues against producers x consumers at one size."""
    points = [
        p
        for p in data.points
        if (p.backend[0], p.metric, p.bytes) == ("queue", "throughput", data.size) and not p.control
    ]
    crowds = {(p.kind, p.peers) for p in points}
    several = {kind for kind, _ in crowds if sum(k == kind for k, _ in crowds) > 1}
    points = [p for p in points if p.kind in several]
    peers = sorted({p.peers for p in points}, key=lambda n: (sum(n), -n[0]))
    if len(peers) < 2:
        raise Nothing("needs queue throughput with two numbers of producers and consumers")
    title = f"Queue throughput against producers x consumers at {data.at()} (higher is better)"
    sheet, panels = sheet_of(title, data, style.POINTS + grey_note(data, points), points)
    shown = data.named(points)
    for ax, _, members in panels:
        draw_lines(ax, data, shown, members, lambda p: peers.index(p.peers))
        ax.set_xlim(-0.4, len(peers) - 0.6)
        ax.set_xticks(range(len(peers)), [f"{p} x {c}" for p, c in peers])
    sheet.label("Producers x consumers (processes)", "Messages per second", style.RATE)
    return sheet


FIGURES = (
    *(latency_by_size, throughput_by_size, bandwidth_by_size),
    *plots_each.FIGURES,
    *(shared_locks, array_handoff, processes, managers),
)
FIGURES_AT_ONE_SIZE = (
    ranking_of_round_trips,
    ranking_of_throughput,
    percentiles,
    throughput_by_peers,
)


def draw(run: RunDir, out: Path, size: int | None = None) -> tuple[list[Path], list[str]]:
    """Writes every figure that the run has rows for into the folder `out`, each as .svg and .png.

    `size` is the message size in bytes of the figures at one size; None takes the measured one
    nearest to plot_data.DEFAULT_BYTES. Returns the paths and why each missing figure was left out. Raises
    RunDirError.
    """
    data = read(run, size)
    paths: list[Path] = []
    left_out: list[str] = []
    with matplotlib.rc_context(style.STYLE):
        for figure in (*FIGURES, *FIGURES_AT_ONE_SIZE):
            name = figure.__name__
            if figure in FIGURES_AT_ONE_SIZE:
                name += "_" + data.at().replace(" ", "")
            try:
                sheet = figure(data)
                out.mkdir(parents=True, exist_ok=True)
                paths += sheet.save(out / name)
            except Nothing as reason:
                left_out.append(f"{name}: {reason}")
            except OSError as error:
                raise RunDirError(f"{out}: cannot be written: {error.strerror}") from None
    return paths, left_out


def write(run: RunDir) -> list[Path]:
    """Draws into the run folder's plots/; the paths written. Raises RunDirError."""
    return draw(run, run.path / "plots")[0]
