# SPDX-License-Identifier: MIT
"""How figures look: one look per backend, engineering units, and the sheet that holds the panels.

Lengths are inches, text sizes points. Longer than most: whatever figures have in common in their looks stands here.
"""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes  # noqa: E402
from matplotlib.axis import Axis  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter  # noqa: E402

Backend = tuple[str, str]  # (family, name): `null` exists in several families

# Okabe and Ito's colour-blind-safe palette without its yellow (too pale on white) and black, and others in between,
# spread in hue and lightness by a search: plots_test.py says how far any two are from each other, for the colour-blind
# too. Pipes are cold, queues warm: the families part at a glance.
COLD = (
    *("#0072B2", "#56B4E9", "#009E73", "#0665F5", "#2C2178", "#0A6010"),
    *("#8297FF", "#19AD46", "#571BAE", "#14C0CD", "#055641", "#162F5C"),
)
WARM = (
    *("#D55E00", "#E69F00", "#CC79A7", "#79703C", "#630B18", "#E026BE"),
    *("#FE6F81", "#B60419", "#4C2042", "#9B2881", "#E59F62"),
)
PALETTE = {"pipe": COLD, "queue": WARM}
Marker = (
    str | tuple
)  # matplotlib's: a name, a star of (points, 1, angle), or the corners of a shape
HOURGLASS = ((-0.6, -1), (0.6, -1), (-0.6, 1), (0.6, 1), (-0.6, -1))
# The same for all families in orders of their own: those that are drawn most share none.
MARKERS: dict[str, tuple[Marker, ...]] = {
    "pipe": (
        *("o", "s", "P", "^", "v", (4, 1, 0), "d", HOURGLASS),
        *(">", "h", "<", "p", "D", "X", "*", (6, 1, 0)),
    ),
    "queue": (
        *(">", "h", "*", "<", "D", "X", "p", (6, 1, 0)),
        *("o", "s", HOURGLASS, "v", "^", "P", "d", (4, 1, 0)),
    ),
}
CONTROL = "null"  # loops back inside each peer: what the loops themselves cost
CONTROL_MARKERS = {"pipe": "x", "queue": "+"}
GREY = "#6E6E6E"
# The C++ backend that has the design of a CPython one: they share colour and marker.
COUNTERPART = {
    ("pipe", "cpython_pipe_duplex"): ("pipe", "unix_stream"),
    ("pipe", "cpython_pipe_oneway"): ("pipe", "os_pipe"),
    ("queue", "cpython_queue"): ("queue", "pipe_feeder"),
    ("queue", "cpython_simple_queue"): ("queue", "pipe_locked"),
}

WHERE = {"same": "one CPU", "cross": "different CPUs", "free": "any CPU"}
# Those that are drawn most have the same look in the figures of all runs: their places in palette and markers.
USUAL = {
    "pipe": (
        *("os_pipe", "unix_stream", "shm_ring", "shm_ring_spin", "shm_ring_block", "boost_spsc"),
        *("eventfd_shm", "boost_mq", "fifo", "io_uring", "unix_named", "atomic_queue_spsc"),
    ),
    "queue": (
        *("pipe_locked", "pipe_feeder", "shm_lockfree", "shm_lockfree_spin", "shm_robust"),
        *("shm_feeder", "boost_mq", "sem_ring", "boost_deque", "atomic_queue"),
        "cpython_manager_queue",
    ),
}

POINTS = (
    "Points: median over process runs; bars: its interval of at least 95 % by order statistics, "
    "from 6 runs on."
)

WIDTH = 10.4
DPI = 150
SMALL = 8.0
MARGIN = 0.15
ROW_GAP = 0.4
CAPTION_COLUMNS = 168
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": 8.5,
    "legend.title_fontsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "svg.hashsalt": "ipcbench",
}


@dataclass(frozen=True)
class Look:
    """Colour, marker and line of one backend; hollow and dashed means CPython's own."""

    colour: str
    marker: Marker
    hollow: bool = False
    control: bool = False

    def line(self) -> dict[str, object]:
        """The keywords of matplotlib's plot()."""
        return {
            "color": self.colour,
            "marker": self.marker,
            "markersize": 7.5 if self.marker == "*" or isinstance(self.marker, tuple) else 5.5,
            "markerfacecolor": "white" if self.hollow else self.colour,
            "markeredgecolor": self.colour,
            "markeredgewidth": 1.2 if self.hollow or self.control else 0.6,
            "linestyle": (0, (3.5, 1.8)) if self.hollow else "-",
            "linewidth": 0.8 if self.control else 1.4,
        }


def is_cpython(backend: Backend) -> bool:
    return backend[1].startswith("cpython_")


def of_family(backend: Backend) -> Look:
    """The look of all of its family, where their names stand beside them."""
    return Look(PALETTE.get(backend[0], COLD)[0], "o", is_cpython(backend))


def looks(backends: Iterable[Backend], first: Iterable[Backend] = ()) -> dict[Backend, Look]:
    """One look per backend, no two alike; the same backends always get the same looks.

    Those of `first` have colours of their own, as far as there are enough.
    """
    wanted, first = sorted(set(backends)), set(first)
    own = {COUNTERPART.get(b, b) for b in wanted if b[1] != CONTROL}
    table: dict[Backend, Look] = {}
    for family in {backend[0] for backend in own}:
        members = sorted((b for b in own if b[0] == family), key=lambda b: (b not in first, b))
        for backend, place in _places(family, members).items():
            colours = PALETTE.get(family, COLD + WARM)
            markers = MARKERS.get(family, MARKERS["pipe"])
            # Else colour and marker would both be back where they began.
            turn = place // len(markers)
            marker = markers[(place + turn) % len(markers)]
            table[backend] = Look(colours[place % len(colours)], marker, is_cpython(backend))
    for backend in wanted:
        if backend[1] == CONTROL:
            table[backend] = Look(GREY, CONTROL_MARKERS.get(backend[0], "1"), control=True)
        elif backend not in table:
            like = table[COUNTERPART[backend]]
            table[backend] = Look(like.colour, like.marker, hollow=True)
    return {backend: table[backend] for backend in wanted}


def _places(family: str, members: Sequence[Backend]) -> dict[Backend, int]:
    """The place in the palette of each: its own of USUAL, the others the free ones in their order."""
    usual = USUAL.get(family, ())
    places = {b: usual.index(b[1]) for b in members if b[1] in usual}
    free = (place for place in itertools.count() if place not in set(places.values()))
    others = [b for b in members if b[1] not in usual]
    return places | dict(zip(others, free))


def names(backends: Iterable[Backend]) -> dict[Backend, str]:
    """What to call each backend in a list: its name, with its family where two share the name."""
    wanted = set(backends)
    shared = {b for b in wanted if any(o[1] == b[1] and o != b for o in wanted)}
    return {b: f"{b[1]} ({b[0]})" if b in shared else b[1] for b in wanted}


def scaled(value: float, units: Units) -> str:
    """`value` with three significant digits in the largest of the units that is not above it."""
    for size, unit in units:
        if abs(value) >= size * 0.9995:
            break
    number = value / size
    digits = 0 if abs(number) >= 99.95 else 1 if abs(number) >= 9.995 else 2
    text = f"{number:.{digits}f}"
    return f"{text} {unit}".strip()


def short(value: float, units: Units) -> str:
    """As scaled(), without trailing zeros: for ticks."""
    number, _, unit = scaled(value, units).partition(" ")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return f"{number} {unit}".strip()


Units = Sequence[tuple[float, str]]
TIME: Units = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))  # of ns
RATE: Units = ((1e9, "G/s"), (1e6, "M/s"), (1e3, "k/s"), (1.0, "/s"))  # of messages per second
BANDWIDTH: Units = (
    (1e9, "GB/s"),
    (1e6, "MB/s"),
    (1e3, "kB/s"),
    (1.0, "B/s"),
)  # of bytes per second
SIZE: Units = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B"))  # of bytes
METRICS: dict[str, tuple[str, Units]] = {
    "latency": ("Round trip, p50 (time; lower is better)", TIME),
    "throughput": ("Messages per second (higher is better)", RATE),
}


def log_units(axis: Axis, units: Units, most: int = 6) -> None:
    """Labels a logarithmic axis in units, at most `most` times, and never so near that labels meet."""
    low, high = axis.get_view_interval()
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)

    def at(steps: Sequence[float]) -> list[float]:
        return [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]

    def fit(ticks: Sequence[float]) -> bool:
        apart = math.log(high / low) / (most + 1)
        return len(ticks) <= most and all(
            math.log(b / a) >= apart for a, b in itertools.pairwise(ticks)
        )

    ticks = at((1,))
    while len(ticks) > most:
        ticks = ticks[::2]
    for steps in ((1, 3), (1, 2, 5), (1, 2, 3, 5, 7), (1, 1.5, 2, 3, 5, 7), range(1, 10)):
        if len(at(steps)) > len(ticks) and fit(at(steps)):
            ticks = at(steps)
    if len(ticks) < 2:
        ticks = [t for t in MaxNLocator(most - 1).tick_values(low, high) if low <= t <= high]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value, units)))
    axis.set_minor_formatter(NullFormatter())


def size_axis(ax: Axes, sizes: Iterable[int]) -> None:
    """A logarithmic x axis with one tick at each measured size in bytes."""
    ticks = sorted(set(sizes))
    named = [tick for tick in ticks if math.log2(tick).is_integer()]
    ax.set_xscale("log", base=2)
    ax.set_xlim(ticks[0] / 1.7, ticks[-1] * 1.7)
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(FixedLocator([]))
    # One between two powers of two, such as 48 B, is too near to the next for a name of its own.
    name = lambda size, _: short(size, SIZE) if math.log2(size).is_integer() else ""  # noqa: E731
    ax.xaxis.set_major_formatter(FuncFormatter(name))
    octave = ax.get_position().width * WIDTH / math.log2(ticks[-1] / ticks[0] * 1.7**2)
    if min((math.log2(b / a) for a, b in zip(named, named[1:])), default=1) * octave < 0.45:
        ax.tick_params(axis="x", rotation=40)
        for label in ax.get_xticklabels():
            label.set(horizontalalignment="right", rotation_mode="anchor")


@dataclass
class Group:
    """One column of the legend: a heading and its (label, keywords of plot()) entries."""

    heading: str
    entries: list[tuple[str, dict[str, object]]] = field(default_factory=list)


def backend_groups(table: dict[Backend, Look], shown: Iterable[Backend]) -> list[Group]:
    """The legend of the backends drawn: a column each for family and implementation language."""
    groups: dict[str, Group] = {}
    for backend in sorted(set(shown), key=lambda b: (b[0], is_cpython(b), b[1] == CONTROL, b[1])):
        heading = backend[0].capitalize() + (", CPython's own" if is_cpython(backend) else ", C++")
        label = f"{CONTROL} (loop cost)" if backend[1] == CONTROL else backend[1]
        group = groups.setdefault(heading, Group(heading))
        group.entries.append((label, table[backend].line()))
    return list(groups.values())


class Sheet:
    """A figure with a grid of panels, its title above, its legend and caption (paragraphs) below.

    `heights` has one entry a row of panels. Panels of a column share x; those of a row share y
    where `share_y`. A `ranking` has names at the left and numbers at the right of each panel.
    """

    def __init__(
        self,
        title: str,
        heights: Sequence[float],
        columns: int,
        caption: str,
        legend: Sequence[Group] = (),
        share_y: bool = False,
        ranking: bool = False,
        width: float = WIDTH,
    ) -> None:
        self.caption = caption
        letters = int(CAPTION_COLUMNS * width / WIDTH)
        lines = [x for p in caption.split("\n") for x in textwrap.wrap(p, letters)]
        entries = max((len(group.entries) for group in legend), default=-1)
        caption_top = 0.155 * len(lines) + 0.2
        legend_top = caption_top + 0.17 * (1 + entries)
        panels_bottom = legend_top + (0.5 if ranking else 0.75)
        row_gap = ROW_GAP + (0.15 if ranking else 0.0)  # for the numbers of a row's own axis
        left, right, gap = (1.5, 1.2, 2.75) if ranking else (0.9, 0.15, 0.2 if share_y else 0.75)
        height = panels_bottom + sum(heights) + row_gap * (len(heights) - 1) + 0.75
        self.figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
        at = lambda x, y: (x / width, y / height)  # noqa: E731
        self.figure.text(*at(MARGIN, height - 0.12), title, size=12, weight="bold", va="top")
        text = {"size": SMALL, "color": "#444444", "va": "bottom", "linespacing": 1.35}
        self.figure.text(*at(MARGIN, 0.1), "\n".join(lines), **text)
        self._legend(legend, at, legend_top)
        across = (width - left - right - gap * (columns - 1)) / columns
        self.panels: list[list[Axes]] = []
        y = height - 0.75 + row_gap
        for panel_height in heights:
            y -= panel_height + row_gap
            row: list[Axes] = []
            for column in range(columns):
                box = (*at(left + column * (across + gap), y), *at(across, panel_height))
                share = {
                    "sharex": self.panels[0][column] if self.panels else None,
                    "sharey": row[0] if row and share_y else None,
                }
                ax = self.figure.add_axes(box, **share)
                ax.tick_params(which="both", length=3, color="#555555")
                ax.tick_params(which="minor", length=1.5)
                ax.tick_params(labelleft=not (row and share_y))
                row.append(ax)
            for ax in self.panels[-1] if self.panels else ():
                ax.tick_params(labelbottom=False)
            self.panels.append(row)

    def label(self, x: str, y: str, units: Units) -> None:
        """Names the outer axes of the grid and gives the y axes their units."""
        for row in self.panels:
            row[0].set_ylabel(y)
            for ax in row:
                ax.set_xlabel(x if row is self.panels[-1] else "")
                log_units(ax.yaxis, units)

    def _legend(self, groups: Sequence[Group], at: Callable, y: float) -> None:
        longest = [max(0.9 * len(g.heading) - 6, *(len(e[0]) for e in g.entries)) for g in groups]
        widths = [0.072 * letters + 0.75 for letters in longest]
        squeeze = min(1.0, (WIDTH - 2 * MARGIN) / max(sum(widths), 1.0))
        x = MARGIN
        for group, width in zip(groups, widths):
            handles = [Line2D([], [], **look) for _, look in group.entries]
            legend = self.figure.legend(
                handles,
                [label for label, _ in group.entries],
                title=group.heading,
                loc="upper left",
                bbox_to_anchor=at(x, y),
                frameon=False,
                alignment="left",
                borderaxespad=0.0,
                borderpad=0.0,
                labelspacing=0.25,
                handlelength=2.6,
            )
            legend.get_title().set_fontweight("bold")
            x += width * squeeze

    def save(self, stem: Path) -> list[Path]:
        """Writes stem.svg and stem.png, alike for alike input; returns both paths."""
        svg, png = stem.with_name(stem.name + ".svg"), stem.with_name(stem.name + ".png")
        about = {"Title": stem.name, "Description": self.caption}
        self.figure.savefig(svg, metadata=about | {"Date": None})
        self.figure.savefig(png, dpi=DPI, metadata=about)
        return [svg, png]


def rest_line() -> dict[str, object]:
    """The line of a backend that is there for the range only."""
    return {"color": "#C4C4C4", "linewidth": 0.8, "zorder": 1.5}


def placement_line(placement: str) -> dict[str, object]:
    """The line of a placement in figures with a panel for each backend."""
    colour, marker, dash = {
        "same": (COLD[0], "o", "-"),
        "cross": (WARM[0], "s", (0, (4, 1.5))),
        "free": (COLD[2], "^", (0, (1, 1))),
    }[placement]
    return {
        "color": colour,
        "marker": marker,
        "markersize": 3.0,
        "linestyle": dash,
        "linewidth": 1.1,
    }


WAKE_UP, CACHE_LINE = "futex wake-up, both ways", "cache line, both ways"
ONE_COPY, COPY_ACROSS = "one copy", "one copy from another CPU"
DASHES = {
    **dict.fromkeys((WAKE_UP, ONE_COPY), (0, (6, 3))),
    **dict.fromkeys((CACHE_LINE, COPY_ACROSS), (0, (1, 1.5))),
}


def floor_line(name: str) -> dict[str, object]:
    """The line of a floor, the same in all figures."""
    return {"color": GREY, "linestyle": DASHES[name], "linewidth": 1.2}


def absent(ax: Axes) -> None:
    """Says in an empty panel of a grid that its cell has no numbers."""
    ax.text(0.5, 0.5, "not measured", transform=ax.transAxes, ha="center", color=GREY)


def beside(ax: Axes, y: float, *columns: str, color: str = "black") -> None:
    """Columns of text to the right of a panel of a ranking, at data height `y`."""
    place = {"xycoords": ax.get_yaxis_transform(), "textcoords": "offset points"}
    place |= {"ha": "right", "va": "center", "size": SMALL, "annotation_clip": False}
    for text, points in zip(columns, (46, 82)):
        ax.annotate(text, (1.0, y), xytext=(points, 0), color=color, **place)
