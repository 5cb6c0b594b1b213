# SPDX-License-Identifier: MIT
"""Figures with a panel for each mechanism of a family: where there are too many for lines in one panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

from matplotlib.axes import Axes

from . import plot_style as style
from .plot_data import ENOUGH, Data, Nothing, Point, whiskers
from .series import PLACEMENTS

COLUMNS = 5
HEIGHT = 1.3  # inches of a panel


def round_trips_of_each_pipe(data: Data) -> style.Sheet:
    """p50 of the round trip against message size: a panel a pipe, a line a placement, the best of all in grey."""
    return _each(data, "pipe", "latency")


def round_trips_of_each_queue(data: Data) -> style.Sheet:
    """The same of queues."""
    return _each(data, "queue", "latency")


def throughput_of_each_pipe(data: Data) -> style.Sheet:
    """Messages per second from one producer to one consumer against message size, otherwise the same."""
    return _each(data, "pipe", "throughput")


def throughput_of_each_queue(data: Data) -> style.Sheet:
    """The same of queues."""
    return _each(data, "queue", "throughput")


FIGURES = (
    *(round_trips_of_each_pipe, round_trips_of_each_queue),
    *(throughput_of_each_pipe, throughput_of_each_queue),
)


def _each(data: Data, family: str, metric: str) -> style.Sheet:
    points = [
        p
        for p in data.points
        if (p.backend[0], p.metric, p.peers) == (family, metric, (1, 1)) and not p.control
    ]
    bytes_moved = {p.backend for p in points if p.payload == "bytes"}
    # Objects of those alone that move nothing else.
    points = [p for p in points if (p.payload == "bytes") == (p.backend in bytes_moved)]
    backends = sorted(
        {p.backend for p in points}, key=lambda b: (style.is_cpython(b), b not in bytes_moved, b)
    )
    sizes = sorted({p.bytes for p in points})
    if len(backends) <= ENOUGH or len(sizes) < 2:
        raise Nothing(f"needs more than {ENOUGH} {family}s at two message sizes")
    better, words = (min, "lower") if metric == "latency" else (max, "higher")
    quantity = "Round trips" if metric == "latency" else "Throughput"
    text, units = ("p50 (time)", style.TIME) if metric == "latency" else ("Messages/s", style.RATE)
    looks = {
        place: style.placement_line(place)
        for place in PLACEMENTS
        if any(p.placement == place for p in points)
    }
    legend = [
        style.Group(
            f"Each {family}", [(f"{p} ({style.WHERE[p]})", look) for p, look in looks.items()]
        ),
        style.Group(
            "Other lines",
            [(f"the best {family} there, {p}", _grey(look)) for p, look in looks.items()],
        ),
    ]
    objects = ", ".join(b[1] for b in backends if b not in bytes_moved)
    objects = f", but objects of {objects}" if objects else ""
    rows = math.ceil(len(backends) / COLUMNS)
    sheet = style.Sheet(
        f"{quantity} of each {family} against message size ({words} is better)",
        [HEIGHT] * rows,
        COLUMNS,
        data.caption(
            f"{style.POINTS} Messages of bytes{objects}. CPython's own are no candidates for the best.",
            points,
        ),
        legend,
        share_y=True,
    )
    panels = [ax for row in sheet.panels for ax in row]
    ends = [end for p in points for end in p.ends]
    for ax, backend in zip(panels, backends):
        ax.set_title(backend[1], loc="left", size=style.SMALL)
        ax.set_yscale("log")
        ax.set_ylim(min(ends) / 1.6, max(ends) * 1.6)
        style.size_axis(ax, sizes)
        for place, look in looks.items():
            ax.plot(*_best(points, place, better), **_grey(look))
            _draw(ax, [p for p in points if (p.backend, p.placement) == (backend, place)], look)
    for ax in panels[len(backends) :]:
        ax.remove()
        sheet.panels[-1].remove(ax)
    sheet.label("Message size (bytes)", text, units)
    for ax in panels[len(backends) - COLUMNS : len(backends)]:
        ax.tick_params(labelbottom=True)
        ax.set_xlabel("Message size (bytes)")
    return sheet


def _best(
    points: Sequence[Point], placement: str, better: Callable[[Iterable[float]], float]
) -> tuple[list[int], list[float]]:
    """Sizes, and the best median of C++ at each."""
    found: dict[int, list[float]] = {}
    for p in points:
        if p.placement == placement and not style.is_cpython(p.backend):
            found.setdefault(p.bytes, []).append(p.median)
    sizes = sorted(found)
    return sizes, [better(found[size]) for size in sizes]


def _grey(look: dict[str, object]) -> dict[str, object]:
    return style.rest_line() | {"linestyle": look["linestyle"]}


def _draw(ax: Axes, points: Sequence[Point], look: dict[str, object]) -> None:
    if not points:
        return
    points = sorted(points, key=lambda p: p.bytes)
    x, y = [p.bytes for p in points], [p.median for p in points]
    ax.errorbar(x, y, yerr=whiskers(points), elinewidth=0.8, capsize=1.5, **look)
