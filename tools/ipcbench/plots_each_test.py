# SPDX-License-Identifier: MIT
"""Tests of the figures with a panel for each mechanism, on a synthetic run with more of them than lines can be told apart."""

import matplotlib
import pytest

from . import plot_style as style
from . import plots_each
from .plot_data import Nothing, read
from .plots_test import expect_legible
from .run_fixture import around, make_run

PIPES = [f"a_pipe_with_a_long_name_{n}" for n in range(9)]
SIZES = (64, 4096, 1 << 20)
PLACES = {"same": 1, "cross": 8}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The n-th of nine pipes takes 1000 + 100 n ns on one CPU; CPython's is faster, and one more moves objects alone."""
    values = {}
    for place, times in PLACES.items():
        for size in SIZES:
            tail = f"placement:{place}"
            for n, name in enumerate(PIPES):
                rtt = times * (1000 + 100 * n + size)
                values[f"pipe_latency/{name}/bytes:{size}/{tail}"] = around(rtt)
                values[f"pipe_throughput/{name}/bytes:{size}/{tail}"] = around(1e9 / rtt)
                values[f"pipe_latency/{name}/bytes:{size}/codec:msgpack/{tail}"] = around(9 * rtt)
            fast, objects = "cpython_pipe_duplex", "cpython_pipe_oneway"
            values[f"pipe_latency/{fast}/bytes:{size}/{tail}"] = around(10.0)
            values[f"pipe_latency/{objects}/bytes:{size}/codec:pickle/{tail}"] = around(7e3)
            values[f"pipe_latency/null/bytes:{size}/{tail}"] = around(1.0)
    return read(make_run(tmp_path_factory.mktemp("each") / "run", values))


@pytest.fixture(scope="module")
def sheet(data):
    with matplotlib.rc_context(style.STYLE):
        return plots_each.round_trips_of_each_pipe(data)


def lines_of(ax):
    """x and y of the lines with marks, and of the grey ones, each in the order of the placements."""
    xy = [(line.get_marker(), line.get_xydata().T.tolist()) for line in ax.get_lines()]
    return (
        [x for marker, x in xy if marker in ("o", "s", "^")],
        [x for marker, x in xy if marker == "None"],
    )


def test_each_has_a_panel_with_a_line_for_each_placement(sheet):
    panels = {ax.get_title(loc="left"): ax for row in sheet.panels for ax in row}
    assert set(panels) == {*PIPES, "cpython_pipe_duplex", "cpython_pipe_oneway"}
    own, grey = lines_of(panels[PIPES[2]])
    sizes = list(map(float, SIZES))
    assert [line[0] for line in own] == [sizes, sizes]
    assert own[0][1] == pytest.approx([1200 + size for size in SIZES], rel=1e-4)
    assert own[1][1] == pytest.approx([8 * (1200 + size) for size in SIZES], rel=1e-4)
    best = [line for line in grey if len(line[0]) == len(SIZES)]
    assert best[0][1] == pytest.approx(
        [1000 + size for size in SIZES], rel=1e-4
    )  # not CPython's, not null


def test_objects_are_shown_of_those_that_move_nothing_else(sheet):
    panels = {ax.get_title(loc="left"): ax for row in sheet.panels for ax in row}
    assert lines_of(panels["cpython_pipe_oneway"])[0][0][1] == pytest.approx([7e3] * 3, rel=1e-4)
    assert "Messages of bytes, but objects of cpython_pipe_oneway." in sheet.caption


def test_no_text_is_clipped_small_or_on_top_of_another(sheet):
    expect_legible("each", sheet)
    assert len(sheet.figure.axes) == sum(map(len, sheet.panels)) == len(PIPES) + 2


def test_throughput_is_best_where_it_is_highest(data):
    with matplotlib.rc_context(style.STYLE):
        sheet = plots_each.throughput_of_each_pipe(data)
    _, grey = lines_of(sheet.panels[0][0])
    best = [line for line in grey if len(line[0]) == len(SIZES)]
    assert best[0][1] == pytest.approx([1e9 / (1000 + size) for size in SIZES], rel=1e-4)


def test_few_are_left_to_the_figures_with_all_in_one_panel(data):
    with pytest.raises(Nothing, match="needs more than 8 queues"):
        plots_each.round_trips_of_each_queue(data)
