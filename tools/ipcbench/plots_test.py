# SPDX-License-Identifier: MIT
"""Tests of plots.py, plot_style.py and tools/plot on synthetic runs with realistic numbers. Longer than most: a figure has many
properties, each with a case."""

import itertools
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from . import plot_style as style
from . import plot_data, plots, plots_each, summary
from .programs import ROOT
from .run_fixture import ENVIRONMENT, WAIT_CLASS, around, make_run
from .rundir import RunDir
from .series import parse

PLOT = Path(__file__).resolve().parent.parent / "plot"
SIZES = (16, 48, 64, 1024, 4096, 65536, 1048576)
COST = {"same": 1.0, "cross": 18.0, "free": 9.0}  # of a wake-up, relative to `same`
# backend -> (ns a round trip on `same`, ns a streamed message, ns a byte, same at all placements)
PIPES = {
    "null": (28, 11, 0.09, True),
    "os_pipe": (2900, 720, 0.24, False),
    "unix_stream": (3500, 900, 0.21, False),
    "cpython_pipe_duplex": (9800, 3100, 0.3, False),
    "cpython_pipe_oneway": (8900, 2800, 0.33, False),
}
QUEUES = {
    "null": (30, 12, 0.09, True),
    "pipe_locked": (3900, 1050, 0.25, False),
    "pipe_feeder": (12000, 1500, 0.5, False),
    "cpython_queue": (61000, 14000, 0.9, False),
    "cpython_simple_queue": (15000, 5200, 0.5, False),
}
FLOORS = {
    "floor/futex_rtt/placement:same": 2300,
    "floor/futex_rtt/placement:cross": 47000,
    "floor/futex_rtt/placement:free": 21000,
    "floor/cacheline_rtt/placement:cross": 210,
    **{f"floor/memcpy/bytes:{n}": 3 + n * 0.08 for n in SIZES},
    **{f"floor/copy_cross/bytes:{n}": 70 + n * 0.12 for n in SIZES},
}


STARTS = {"fork": 450_000, "vfork": 40_000, "thread": 28_000, "cpython_process": 2_700_000}
ARRAYS = {"anonymous+futex": 3900, "file+futex": 4000, "cpython_array_semaphore": 5600}
LOCKS = {"anonymous+atomic": 9, "anonymous+futex": 21, "file+futex": 22, "cpython_value": 1400}


def cells():
    """(series name, ns per message or round trip) of every cell."""
    yield from FLOORS.items()
    for name, alone in LOCKS.items():
        for crowd in ("processes:1/placement:same", "processes:2/placement:cross"):
            yield f"value_update/{name}/{crowd}", alone * (1 if "same" in crowd else 5)
    for name, ns in STARTS.items():
        yield f"process_start/{name}/placement:same", ns
        yield f"process_start/{name}/bytes:{1 << 30}/placement:same", ns * 20
    yield "pool_apply/pool/processes:1/placement:free", 200_000
    for name, ns in {"unix_socket": 9_000, "cpython_manager": 60_000}.items():
        for clients, factor in ((1, 1), (4, 9)):
            yield f"manager_call/{name}/op:dict_set/clients:{clients}/placement:same", ns * factor
        yield f"manager_connect/{name}/clients:1/placement:cross", ns * 20
    for name, place, n in itertools.product(ARRAYS, ("same", "cross"), SIZES):
        yield f"array_handoff/{name}/bytes:{n}/placement:{place}", ARRAYS[name] * COST[
            place
        ] + n / 2
    for (family, backends), place, n in itertools.product(
        {"pipe": PIPES, "queue": QUEUES}.items(), COST, SIZES
    ):
        for name, (rtt, stream, slope, alone) in backends.items():
            wake = 1.0 if alone else COST[place]
            python = name.startswith("cpython_")
            codecs = ["/codec:pickle"] * python + [""] * (family == "pipe" or not python)
            for codec in codecs:
                more = 1.35 if codec else 1.0
                tail = f"bytes:{n}{codec}"
                yield f"{family}_latency/{name}/{tail}/placement:{place}", (
                    rtt * wake + 2 * slope * n
                ) * more
                cost = (stream * (1 + 0.1 * wake) + slope * n) * more
                if family == "pipe":
                    yield f"pipe_throughput/{name}/{tail}/placement:{place}", cost
                    continue
                for p, c in ((1, 1), (2, 1), (1, 2), (2, 2), (4, 4)):
                    peers = f"producers:{p}/consumers:{c}"
                    name_ = f"queue_throughput/{name}/{tail}/{peers}/placement:{place}"
                    yield name_, cost * (1 + 0.25 * (p + c - 2))


def sample(rng, centre: float, n: int) -> np.ndarray:
    """n round trips in whole ns: most near the centre, some slow, few very slow."""
    base = centre * rng.lognormal(0.0, 0.06, n)
    base[rng.random(n) < 0.02] *= 2.2
    base[rng.random(n) < 0.0004] += 250000
    return base.astype(int)


def histogram(samples: np.ndarray) -> list[dict]:
    """Rows in the HDR layout of the C++ histogram: a bucket is at most 1/128 of its value wide."""
    shift = np.maximum(np.floor(np.log2(np.maximum(samples, 1))).astype(int) - 7, 0)
    low, counts = np.unique(
        np.stack([samples >> shift << shift, 1 << shift]), axis=1, return_counts=True
    )
    return [
        {"low_ns": int(a), "high_ns": int(a + w), "count": int(c)} for a, w, c in zip(*low, counts)
    ]


def synthesise(path: Path, blocks: int = 12, pick: str = "") -> RunDir:
    """A run folder without its summary.csv; `pick` selects series by regular expression."""
    path.mkdir(parents=True)
    run, rng = RunDir(path), np.random.default_rng(7)
    run.write_environment(ENVIRONMENT)
    run.write_plan({"wait_class": WAIT_CLASS})
    for name, ns in cells():
        if not re.search(pick, name):
            continue
        series = parse(name)
        for block in range(blocks):
            value = ns * rng.lognormal(0.0, 0.05)
            row = {
                "schema": 1,
                "run": path.name,
                "series": name,
                **series.columns(),
                "block": block,
            }
            row |= {"status": "ok", "utc": "2026-01-31T12:00:00Z", "real_time_ns": value}
            kind = summary.kind_of(series.question)
            if kind == "throughput":
                row |= {"messages_per_second": 1e9 / value, "asked_capacity_bytes": 65536}
            if kind == "latency":
                row |= {"p50_ns": value, "latency_kind": "rtt", "asked_capacity_bytes": 65536}
                if series.keys["bytes"] == 64:
                    n = int(np.clip(1e8 / ns, 1000, 40000))
                    rows = histogram(sample(rng, value, n))
                    run.append_histogram({"series": name, "block": block, **r} for r in rows)
            run.append_run(row)
    return run


FIGURES = {
    *("latency_by_size", "throughput_by_size", "bandwidth_by_size"),
    *("shared_locks", "array_handoff", "processes", "managers"),
    *("ranking_of_round_trips_64B", "ranking_of_throughput_64B"),
    *("percentiles_64B", "throughput_by_peers_64B"),
}
EACH = {figure.__name__ for figure in plots_each.FIGURES}  # for more mechanisms than this run has


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDir:
    path = tmp_path_factory.mktemp("plots") / "run"
    made = synthesise(
        path, 6, r"bytes:(48|64|4096|65536)\b|floor|value_update|process|pool|manager"
    )
    summary.write(made)
    return made


@pytest.fixture(scope="module")
def sheets(run) -> dict[str, style.Sheet]:
    data = plots.read(run)
    with matplotlib.rc_context(style.STYLE):
        figures = [f for f in plots.FIGURES if f not in plots_each.FIGURES]
        return {f.__name__: f(data) for f in (*figures, *plots.FIGURES_AT_ONE_SIZE)}


def test_locks_are_ranked_in_each_crowd_on_one_memory(sheets):
    panels = [ax for row in sheets["shared_locks"].panels for ax in row]
    names = [[label.get_text() for label in ax.get_yticklabels()] for ax in panels]
    assert names[0] == ["atomic", "futex", "cpython_value"] == names[2]
    assert names[1] == [] == names[3]  # nobody asked
    medians = [line.get_xdata()[0] for line in panels[0].lines if line.get_marker() == "o"]
    assert medians == pytest.approx([9, 21, 1400], rel=0.1)


def test_ways_to_start_are_ranked_by_the_time_of_one(sheets):
    panels = [ax for row in sheets["processes"].panels for ax in row]
    assert len(panels) == 6  # a row of two without any number is left out
    names = [label.get_text() for label in panels[0].get_yticklabels()]
    assert names == ["thread", "vfork", "fork", "cpython_process"]
    medians = [line.get_xdata()[0] for line in panels[2].lines if line.get_marker() == "o"]
    assert medians == pytest.approx([560e3, 800e3, 9e6, 54e6], rel=0.1)


def test_calls_of_one_client_are_ranked_by_the_time_of_one(sheets):
    panels = [ax for row in sheets["managers"].panels for ax in row]
    assert len(panels) == 4
    names = [label.get_text() for label in panels[0].get_yticklabels()]
    assert names == ["unix_socket", "cpython_manager"]
    for panel, factor in ((panels[0], 1), (panels[3], 20)):
        medians = [line.get_xdata()[0] for line in panel.lines if line.get_marker() == "o"]
        assert medians == pytest.approx([9e3 * factor, 60e3 * factor], rel=0.1)


def test_an_array_handed_over_is_compared_with_pipes_of_its_sizes(sheets):
    for ax, cost in zip(sheets["array_handoff"].panels[0], (1, 18)):
        lines = {
            tuple(line.get_xdata()): line.get_ydata()
            for line in ax.lines
            if len(line.get_xdata()) > 1
        }
        assert set(lines) == {(48, 64, 4096, 65536)}
        firsts = sorted(
            line.get_ydata()[0]
            for line in ax.lines
            if line.get_linestyle() != "None" and len(line.get_xdata()) == 4
        )
        assert firsts == pytest.approx(
            sorted(cost * ns for ns in (2900, 3900, 5600, 8900)), rel=0.1
        )


def test_arrays_are_drawn_without_pipes_as_well(tmp_path):
    alone = synthesise(tmp_path / "run", 1, r"^array_handoff/")
    paths, _ = plots.draw(alone, tmp_path / "plots")
    assert {path.stem for path in paths} == {"array_handoff"}


def plot(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [PLOT, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False
    )


def copy(run: RunDir, to: Path, *names: str) -> Path:
    to.mkdir()
    for name in names:
        shutil.copy(run.path / name, to)
    return to


def test_every_figure_is_written_as_svg_and_png(run, tmp_path):
    paths, left_out = plots.draw(run, tmp_path)
    assert {p.name for p in paths} == {f + end for f in FIGURES for end in (".svg", ".png")}

    assert {text.split(": needs more than 8 ")[0] for text in left_out} == EACH
    for path in paths:
        data = path.read_bytes()
        assert len(data) > 20000
        if path.suffix == ".png":
            assert (
                data.startswith(b"\x89PNG") and 1200 <= int.from_bytes(data[16:20], "big") <= 2400
            )
        else:
            assert b"</svg>" in data and b"<dc:date>" not in data


def test_write_draws_into_the_folder_of_the_run_and_alike_for_alike_input(tmp_path):
    run = synthesise(tmp_path / "run", 2, r"bytes:64/placement:same")
    before = {path: path.read_bytes() for path in plots.write(run)}
    assert {path.parent for path in before} == {run.path / "plots"} and len(before) == 6
    assert all(path.read_bytes() == before[path] for path in plots.write(run))


def test_every_axis_names_its_quantity_and_unit(sheets):
    unit = re.compile(r"\((bytes|time.*|%|processes)\)|bytes per second|essages per second")
    tick = re.compile(r"[0-9.]+ (ns|µs|ms|s|/s|k/s|M/s|kB/s|MB/s|GB/s|B|KiB|MiB|%)|[0-9] x [0-9]")
    for name, sheet in sheets.items():
        sheet.figure.canvas.draw()
        for ax in sheet.panels[-1]:
            assert unit.search(ax.get_xlabel()), name
            names = [t.get_text() for t in ax.get_xticklabels()]
            assert all(tick.fullmatch(n) for n in names if n) and "48 B" not in names, name
        for row in (
            sheet.panels
            if not name.startswith(("ranking", "shared_locks", "processes", "managers"))
            else ()
        ):
            assert unit.search(row[0].get_ylabel()), name
            assert len(row[0].get_yticklabels()) >= 2
            assert all(tick.fullmatch(t.get_text()) for t in row[0].get_yticklabels()), name


@pytest.mark.parametrize("factor", (1.05, 1.3, 1.7, 2.9, 8.0, 40.0, 1e3, 1e8))
def test_ticks_of_logarithmic_axes_are_several_and_apart(factor):
    for low in np.geomspace(5, 5e5, 40):
        figure = Figure(figsize=(3.4, 1.0))
        FigureCanvasAgg(figure)
        ax = figure.add_axes((0.1, 0.4, 0.8, 0.5))
        ax.set_xscale("log")
        ax.set_xlim(low, low * factor)
        style.log_units(ax.xaxis, style.TIME, 4)
        figure.draw_without_rendering()
        boxes = [tick.label1.get_window_extent() for tick in ax.xaxis.get_major_ticks()]
        assert len(boxes) >= 2
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes)), low


def test_titles_say_which_direction_is_better(sheets):
    for sheet in sheets.values():
        assert re.search(
            r"\((lower|higher) is better\)|best is on top", sheet.figure.texts[0].get_text()
        )


def test_no_text_is_clipped_small_or_on_top_of_another(sheets, tmp_path):
    one_place = synthesise(tmp_path / "run", 6, r"bytes:(64|65536)\b.*placement:same")
    summary.write(one_place)
    with matplotlib.rc_context(style.STYLE):  # all kinds side by side
        beside = plots.throughput_by_size(plots.read(one_place))
    assert len(beside.panels[0]) == 4
    for name, sheet in {**sheets, "side by side": beside}.items():
        expect_legible(name, sheet)


def expect_legible(name: str, sheet: style.Sheet) -> None:
    """No text is clipped, small or on top of another, no legend on top of a panel."""
    canvas = FigureCanvasAgg(sheet.figure)
    canvas.draw()
    page, renderer = sheet.figure.bbox, canvas.get_renderer()
    texts = [t for t in sheet.figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    shown = [(t, t.get_window_extent(renderer)) for t in texts]
    for text, box in shown:
        assert page.x0 <= box.x0 and box.x1 <= page.x1, (name, text)
        assert page.y0 <= box.y0 and box.y1 <= page.y1, (name, text)
        assert text.get_fontsize() >= 8
    for (a, x), (b, y) in itertools.combinations(shown, 2):
        turned = a.get_rotation() % 90 or b.get_rotation() % 90
        assert turned or not x.overlaps(y), (name, a, b)
    panels = [ax.get_window_extent(renderer) for row in sheet.panels for ax in row]
    for legend in sheet.figure.legends:
        box = legend.get_window_extent(renderer)
        assert not any(box.overlaps(panel) for panel in panels), name


def test_bars_are_the_intervals_of_the_summary_and_absent_without_one():
    head = {"question": "pipe_latency", "backend": "os_pipe", "codec": None, "placement": "same"}
    head |= dict.fromkeys(("op", "producers", "consumers", "clients", "processes"))
    values = {16: (30.0, 27.0, 35.0), 64: (50.0, None, None), 1024: (90.0, 89.0, 90.0)}
    rows = [
        {**head, "bytes": n, "median": m, "low": a, "high": b} for n, (m, a, b) in values.items()
    ]
    assert plot_data.whiskers([plot_data.point(row) for row in rows]).tolist() == [
        [3, 0, 1],
        [5, 0, 0],
    ]


def test_the_defaults_of_the_api_are_named_however_slow_they_are():
    headers = [ROOT / "impl" / "pipe" / "pipe.h", ROOT / "impl" / "queue" / "queue.h"]
    defaults = {
        (header.parent.name, name)
        for header in headers
        for name in re.findall(r'\bbackend = "(\w+)"', header.read_text(encoding="utf-8"))
    }
    assert plot_data.DEFAULTS == defaults and len(defaults) == 3
    head = {"question": "queue_latency", "codec": None, "placement": "same", "bytes": 64}
    head |= dict.fromkeys(("op", "producers", "consumers", "clients", "processes"))
    medians = {f"q{i:02}": i for i in range(1, 12)} | {"shm_feeder": 90, "slow": 80}
    rows = [
        {**head, "backend": name, "median": median, "low": None, "high": None}
        for name, median in medians.items()
    ]
    shown = plot_data.best([plot_data.point(row) for row in rows], {})
    assert shown == {("queue", name) for name in ("shm_feeder", *list(medians)[:7])}


def a_point(name, median, at=(64, "same", (1, 1))) -> plot_data.Point:
    """Of a queue's throughput; `at`: bytes, placement, peers."""
    size, placement, peers = at
    backend = ("queue", name)
    return plot_data.Point(
        backend, "throughput", "bytes", placement, size, peers, median, None, None, None
    )


def test_who_is_first_of_those_that_wait_alike_is_named_in_that_figure():
    waits = {"spins": "spin", "spins_less": "spin"}
    good = {f"q{i}": 100 - i for i in range(12)}  # everywhere, but never the first
    rates = {64: {"at_64": 101}, 4096: {"at_64": 101}, 65536: {"at_64_KiB": 101}}
    points = [
        a_point(name, rate, (size, placement, (1, 1)))
        for size, firsts in rates.items()
        for placement in ("same", "cross")
        for name, rate in {"at_64": 1, "at_64_KiB": 2, **good, **firsts}.items()
    ]
    points += [a_point("spins", 4), a_point("spins_less", 3), a_point("never", 0)]
    shown = {name for _, name in plot_data.best(points, waits)}
    assert {"at_64", "at_64_KiB", "spins"} < shown and not shown & {"spins_less", "never"}
    assert len(shown) == plot_data.ENOUGH
    crowds = [a_point(f"q{i}", 50 - i, (64, "free", (4, 4))) for i in range(12)]
    crowds += [a_point("in_crowds", 51, (64, "free", (4, 4)))]
    assert ("queue", "in_crowds") in plot_data.best(crowds, waits)
    assert not shown & {"in_crowds"}


@pytest.mark.parametrize("others,named", [(8, plot_data.ENOUGH + 1), (20, plot_data.MOST)])
def test_all_that_are_first_are_named_but_never_more_than_lines_can_be_told_apart(others, named):
    often = [a_point("often", 9, (64 << n, "free", (1, 1))) for n in range(2)]
    once = [a_point(f"once{n:02}", 9, (64 << n, "same", (1, 1))) for n in range(others)]
    shown = plot_data.best([*once, *often, a_point("never", 1)], {})
    assert len(shown) == named and ("queue", "often") in shown and ("queue", "never") not in shown
    assert plot_data.MOST <= min(len(style.COLD), len(style.WARM))


def test_figures_name_the_first_of_their_own_points(tmp_path):
    """A pipe that is first in streams alone, at a size alone, is named there and grey in round trips."""
    many = [f"p{i:02}" for i in range(12)]
    values = {}
    for size, (n, name) in itertools.product((64, 4096, 65536), enumerate([*many, "late"])):
        tail = f"{name}/bytes:{size}/placement:cross"
        first = name == "late" and size == 65536
        values[f"pipe_latency/{tail}"] = around(1e4 + 100 * n)
        values[f"pipe_throughput/{tail}"] = around(2e6 if first else 1e6 - 1e4 * n)
    data = plots.read(make_run(tmp_path / "run", values))
    late = data.looks["pipe", "late"].colour
    assert late not in {data.looks["pipe", name].colour for name in many[:7]}
    with matplotlib.rc_context(style.STYLE):
        colours = [
            {line.get_color() for line in figure(data).panels[0][0].lines}
            for figure in (plots.throughput_by_size, plots.bandwidth_by_size, plots.latency_by_size)
        ]
    assert [late in drawn for drawn in colours] == [True, True, False]
    assert all(style.rest_line()["color"] in drawn for drawn in colours)


def test_no_two_backends_look_alike():
    own = {*style.COUNTERPART.values()}
    own |= {("pipe", f"p{i}") for i in range(6)} | {("queue", f"q{i}") for i in range(6)}
    backends = {*own, *style.COUNTERPART, ("pipe", "null"), ("queue", "null")}
    table = style.looks(backends)
    assert len({(k.colour, k.marker, k.hollow) for k in table.values()}) == len(backends)
    assert len({table[backend].marker for backend in own}) == len(own) == 16
    many = [("pipe", f"p{i:02}") for i in range(60)]
    crowd = style.looks(many)
    assert len({(k.colour, k.marker) for k in crowd.values()}) == len(many)
    assert {table[backend].colour for backend in own} == {*style.COLD[:8], *style.WARM[:8]}


# Machado, Oliveira, Fernandes: A Physiologically-based Model for Simulation of Color Vision Deficiency (IEEE Transactions on
# Visualization and Computer Graphics 15 (6), 2009), severity 1.0. They apply to linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
# IEC 61966-2-1: linear sRGB -> XYZ, whose white is D65.
XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]],
)


def lab(colour: str, vision: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of '#RRGGBB' as it is seen."""
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    t = XYZ @ np.clip(vision @ linear, 0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_distances_of_colours_are_those_of_the_standard():
    white, red = (lab(colour, VISION["normal"]) for colour in ("#FFFFFF", "#FF0000"))
    assert white == pytest.approx([100, 0, 0], abs=0.02)
    assert red == pytest.approx([53.24, 80.09, 67.20], abs=0.1)


@pytest.mark.parametrize("vision", VISION)
def test_colours_can_be_told_apart_by_the_colour_blind(vision):
    """CIE76: 2.3 is the least difference that is seen at all, side by side."""
    own = [(family, name) for family, names in style.USUAL.items() for name in names]
    looks = style.looks(own)
    assert {look.colour for look in looks.values()} == {*style.COLD, *style.WARM}
    families = {look.colour: family for (family, _), look in looks.items()}
    greys = (style.GREY, style.rest_line()["color"])
    seen = {colour: lab(colour, VISION[vision]) for colour in (*families, *greys)}
    for (a, x), (b, y) in itertools.combinations(seen.items(), 2):
        alike = families.get(a) == families.get(b)  # in one panel
        assert np.linalg.norm(x - y) >= (15 if alike else 12), (vision, a, b)


SHAPES = (
    *({"o", "p", "h"}, {"^", "v", "<", ">"}, {"s"}, {"d", "D", (4, 1, 0)}),
    *({"P", "X"}, {"*", (6, 1, 0)}, {style.HOURGLASS}),
)


def test_the_defaults_of_the_api_have_marks_of_a_shape_of_their_own():
    for family, names in style.USUAL.items():
        looks = style.looks([(family, name) for name in names])
        shapes = {
            backend: next(i for i, shape in enumerate(SHAPES) if look.marker in shape)
            for backend, look in looks.items()
        }
        for default in plot_data.DEFAULTS & set(looks):
            assert list(shapes.values()).count(shapes[default]) == 1, default


def test_those_that_come_first_have_colours_of_their_own():
    many = [("queue", f"q{i:02}") for i in range(14)]
    first = [*many[:3], *many[11:]]  # of three colours without
    table = style.looks(many, first)
    assert len({table[backend].colour for backend in first}) == len(first)
    alone = style.looks(many)
    assert len({alone[backend].colour for backend in first}) < len(first)


def test_those_that_are_drawn_most_look_alike_in_all_runs():
    usual = [(family, name) for family, names in style.USUAL.items() for name in names]
    alone = {backend: style.looks([backend], [backend])[backend] for backend in usual}
    others = [("pipe", f"a{i}") for i in range(9)] + [("queue", f"a{i}") for i in range(9)]
    among = style.looks(usual + others, others)
    assert all(among[backend] == alone[backend] for backend in usual)
    few = style.looks([*usual[:6], *others[:2]], others[:2])
    assert len({look.colour for look in few.values()}) == 8


def test_cpython_shares_the_colour_and_marker_of_its_cpp_counterpart_hollow_and_dashed():
    for cpython, cpp in style.COUNTERPART.items():
        table = style.looks([cpython, cpp, ("pipe", "a"), ("queue", "b")])
        assert (table[cpython].colour, table[cpython].marker) == (
            table[cpp].colour,
            table[cpp].marker,
        )
        assert table[cpython].hollow and not table[cpp].hollow
        assert table[cpython].line()["linestyle"] != table[cpp].line()["linestyle"]
        alone = style.looks([cpython, ("pipe", "a"), ("queue", "b")])
        assert alone[cpython] == table[cpython]


def test_quantiles_agree_with_numpy_on_the_raw_samples():
    rng = np.random.default_rng(1)
    runs = [sample(rng, 3000.0 * (1 + i), 5000) for i in range(4)]
    q = np.array([0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0])
    exact = np.quantile(np.concatenate(runs), q, method="inverted_cdf")
    got = plots.quantiles([row for r in runs for row in histogram(r)], q)
    assert np.all(got >= exact)
    assert np.all(got <= exact * (1 + 1 / 128))


def test_percentile_curves_end_where_ten_samples_lie_beyond(run, sheets):
    totals: dict[str, int] = {}
    for row in run.histograms():
        totals[row["series"]] = totals.get(row["series"], 0) + row["count"]
    allowed = {round(n / 10, 3) for n in totals.values()}
    ends = [
        line.get_xdata()[-1]
        for row in sheets["percentiles"].panels
        for ax in row
        for line in ax.get_lines()
        if not line.get_marker()
    ]
    assert ends and all(round(float(end), 3) in allowed for end in ends)


def test_marks_show_the_percentile_that_is_named_whatever_their_place(run, sheets):
    merged = {}
    for row in run.histograms():
        merged.setdefault(row["series"], []).append(row)
    medians = {round(plot_data.quantiles(rows, np.array([0.5]))[0], 6) for rows in merged.values()}
    panels = [ax for row in sheets["percentiles"].panels for ax in row]
    marks = [line for ax in panels for line in ax.get_lines() if line.get_marker()]
    assert len(marks) > len(panels)  # several in each
    assert all(round(line.get_ydata()[0], 6) in medians for line in marks)


@pytest.mark.parametrize(
    "value,units,text",
    [
        (3012.4, style.TIME, "3.01 µs"),
        (999.6, style.TIME, "1.00 µs"),
        (61.0, style.TIME, "61.0 ns"),
        (1.234e6, style.RATE, "1.23 M/s"),
        (4.56e9, style.BANDWIDTH, "4.56 GB/s"),
    ],
)
def test_numbers_have_three_digits_and_a_unit(value, units, text):
    assert style.scaled(value, units) == text


def test_sizes_read_as_bytes_kib_and_mib():
    texts = [style.short(n, style.SIZE) for n in SIZES]
    assert texts == ["16 B", "48 B", "64 B", "1 KiB", "4 KiB", "64 KiB", "1 MiB"]


def test_what_was_not_measured_is_not_drawn_and_does_no_harm(tmp_path):
    few = synthesise(tmp_path / "few", 2, r"_latency/.*bytes:(16|64)/placement:same")
    whole, _ = plots.draw(few, tmp_path / "whole")
    only_runs = copy(few, tmp_path / "runs", "runs.csv")
    paths, left_out = plots.draw(RunDir(only_runs), tmp_path / "a")
    assert {p.stem for p in whole} - {p.stem for p in paths} == {"percentiles_64B"}
    assert any(sentence.startswith("percentiles") for sentence in left_out)

    sizes = synthesise(tmp_path / "sizes", 1, r"_latency/os_pipe/bytes:(16|1024)/placement:same")
    paths, left_out = plots.draw(sizes, tmp_path / "b")
    assert {p.stem for p in paths} == {"latency_by_size", "ranking_of_round_trips_16B"}

    floors = synthesise(tmp_path / "floors", 1, r"^floor/")
    paths, left_out = plots.draw(floors, tmp_path / "c")
    assert paths == [] and len(left_out) == len(FIGURES | EACH) and not (tmp_path / "c").exists()

    (tmp_path / "failed").mkdir()
    failed = RunDir(tmp_path / "failed")
    name = "pipe_latency/os_pipe/bytes:64/placement:same"
    row = {"schema": 1, "series": name, **parse(name).columns(), "block": 0, "status": "failed"}
    failed.append_run(row)
    assert plots.write(failed) == []


def test_the_caption_names_machine_commit_date_blocks_and_a_partial_run(run):
    whole = plots.read(run).conditions
    for words in (
        "Test CPU",
        "2 CPUs",
        "Linux 6.1.0",
        "0123456789ab;",
        "2026-01-02",
        "6 blocks",
    ):
        assert words in whole
    assert "64 KiB" in whole and "PARTIAL" not in whole
    rows = run.runs()
    plan = {"state": "partial", "order": ["0 1"] * len(rows)}
    text = plot_data.conditions({}, plan, rows, [])
    assert text.startswith(f"PARTIAL RUN: {len(rows)} of {2 * len(rows)} process runs")


def test_streams_that_the_transport_holds_as_a_whole_are_warned_of(run):
    rows = [
        row | {"messages": 1000, "bytes": 64, "capacity_bytes": 65536, "real_time_ns": 1e4}
        for row in run.runs()
        if row["question"].endswith("_throughput")
    ]
    short = plot_data.short_streams(rows)
    assert short == {
        row["series"]: (n, n)
        for row in rows
        for n in [sum(other["series"] == row["series"] for other in rows)]
    }
    for change in ({"messages": 8192}, {"real_time_ns": 1e5}):
        found = plot_data.short_streams([row | change for row in rows])
        assert {number for number, _ in found.values()} == {0}
    text = " CAUTION: in 100 % of the process runs shown, of "
    data = replace(plots.read(run), short_streams=short)
    with matplotlib.rc_context(style.STYLE):
        for warned in (
            plots.throughput_by_size,
            plots.ranking_of_throughput,
            plots.throughput_by_peers,
        ):
            assert text in warned(data).caption
        assert text not in plots.latency_by_size(data).caption


def test_the_tool_prints_what_it_wrote(tmp_path):
    run = synthesise(tmp_path / "run", 2, r"bytes:(64|4096)/.*placement:same")
    summary.write(run)
    done = plot(run.path / "summary.csv", "--out", tmp_path / "out", "--bytes", "4096")
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.split()]
    assert {p.name for p in paths} >= {"latency_by_size.svg", "ranking_of_throughput_4KiB.png"}
    assert all(p.parent == tmp_path / "out" and p.stat().st_size for p in paths)


def test_bad_input_exits_2_and_says_what_would_be_valid(run, tmp_path):
    torn = copy(run, tmp_path / "torn", "summary.csv") / "summary.csv"
    torn.write_text(torn.read_text().replace("p50_ns,ns,6,", "p50_ns,ns,many,", 1))
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    blocked = tmp_path / "file"
    blocked.write_text("")
    for arguments, words in (
        ([tmp_path / "none"], "no run folder"),
        ([tmp_path], "neither runs.csv nor summary.csv"),
        ([other], "neither a runs.csv nor a summary.csv"),
        ([torn], "'many', not a number"),
        ([run.path, "--bytes", "63"], "measured are: 48, 64, 4096, 65536"),
        ([run.path, "--bytes", "many"], "whole number"),
        ([run.path, "--out", blocked / "x"], "cannot be written"),
        ([run.path, "--size"], "--bytes"),
        ([], "RUN_FOLDER|CSV"),
    ):
        done = plot(*arguments)
        assert done.returncode == 2, arguments
        assert words in done.stderr, done.stderr
