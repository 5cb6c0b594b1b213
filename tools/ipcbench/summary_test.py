# SPDX-License-Identifier: MIT
"""Summary rows: headlines, intervals, floors and warnings."""

import pytest

from ipcbench.rundir import RUN_COLUMNS
from ipcbench.series import parse
from ipcbench.summary import HEADLINES, kind_of, noise, summarise

WAIT = {"os_pipe": "block", "shm_ring_spin": "spin", "null": "block"}


def runs(name, values, column=None, **more):
    """Run rows of a series, one a value, which stands in the headline's column."""
    series = parse(name)
    column = column or HEADLINES[kind_of(series.question)][0]
    blank = dict.fromkeys(RUN_COLUMNS) | {
        "schema": 1,
        "run": "r",
        "series": name,
        **series.columns(),
    }
    return [
        blank | {"block": i, "status": "ok", column: value, **more}
        for i, value in enumerate(values)
    ]


def only(rows, name):
    return next(row for row in rows if row["series"] == name)


LATENCY = "pipe_latency/os_pipe/bytes:64/placement:cross"
STREAM = "pipe_throughput/os_pipe/bytes:64/placement:cross"


def test_the_headline_is_p50_for_latency_rate_for_throughput_and_time_for_floors():
    rows = summarise(
        runs(LATENCY, [5.0]) + runs(STREAM, [7.0]) + runs("floor/syscall", [9.0]), WAIT
    )
    assert [(row["metric"], row["unit"], row["median"]) for row in rows] == [
        ("p50_ns", "ns", 5.0),
        ("messages_per_second", "1/s", 7.0),
        ("real_time_ns", "ns", 9.0),
    ]


def test_six_runs_give_an_interval_and_five_none():
    (six,) = summarise(runs(LATENCY, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), WAIT)
    assert (six["n"], six["median"], six["low"], six["high"]) == (6, 3.5, 1.0, 6.0)
    assert six["confidence"] == pytest.approx(1 - 2 / 64)
    (five,) = summarise(runs(LATENCY, [1.0, 2.0, 3.0, 4.0, 5.0]), WAIT)
    assert five["low"] is None and five["high"] is None and five["confidence"] is None
    assert "5 runs: too few for an interval" in five["warnings"]


def test_latency_stands_on_the_floor_of_its_wait_class():
    spin = "pipe_latency/shm_ring_spin/bytes:64/placement:cross"
    floors = runs("floor/futex_rtt/placement:cross", [50.0], column="p50_ns", real_time_ns=99.0)
    floors += runs("floor/cacheline_rtt/placement:cross", [0.2])
    rows = summarise(runs(LATENCY, [60.0]) + runs(spin, [0.3]) + floors, WAIT)
    assert only(rows, LATENCY)["x_floor"] == pytest.approx(1.2)
    assert only(rows, spin)["x_floor"] == pytest.approx(1.5)


def test_an_adaptive_backend_stands_on_what_it_does_there():
    adaptive = "pipe_latency/shm_ring/bytes:64/placement"
    floors = runs("floor/futex_rtt/placement:same", [3.0])
    floors += runs("floor/cacheline_rtt/placement:cross", [0.2])
    measured = runs(f"{adaptive}:same", [6.0]) + runs(f"{adaptive}:cross", [0.3])
    rows = summarise(measured + floors, WAIT | {"shm_ring": "adaptive"})
    assert only(rows, f"{adaptive}:same")["x_floor"] == pytest.approx(2)
    assert only(rows, f"{adaptive}:cross")["x_floor"] == pytest.approx(1.5)


def test_throughput_stands_on_copying_the_bytes_once():
    same = "pipe_throughput/os_pipe/bytes:64/placement:same"
    floors = runs("floor/memcpy/bytes:64", [2.0]) + runs("floor/copy_cross/bytes:64", [10.0])
    rows = summarise(runs(same, [1e8]) + runs(STREAM, [1e7]) + floors, WAIT)
    assert only(rows, same)["x_floor"] == pytest.approx(5)
    assert only(rows, STREAM)["x_floor"] == pytest.approx(10)


def test_without_its_floor_in_the_run_and_for_null_x_floor_is_empty():
    null = "pipe_latency/null/bytes:64/placement:cross"
    rows = summarise(runs(LATENCY, [60.0]) + runs("floor/futex_rtt/placement:same", [3.0]), WAIT)
    assert only(rows, LATENCY)["x_floor"] is None
    rows = summarise(runs(null, [60.0]) + runs("floor/futex_rtt/placement:cross", [3.0]), WAIT)
    assert only(rows, null)["x_floor"] is None


def test_failed_runs_are_counted_and_skipped_series_have_no_row():
    failed = runs(LATENCY, [None, None])
    for row in failed:
        row["status"] = "failed"
    skipped = runs(STREAM, [None])
    skipped[0]["status"] = "skipped"
    (row,) = summarise(runs(LATENCY, [5.0]) + failed + skipped, WAIT)
    assert (row["n"], row["failed"]) == (1, 2) and "2 of 3 runs failed" in row["warnings"]
    (row,) = summarise(failed, WAIT)
    assert (row["n"], row["failed"]) == (0, 2) and "median" not in row


def test_side_a_of_an_a_a_pair_stands_for_the_series():
    sides = runs(LATENCY, [1.0, 2.0], side="a") + runs(LATENCY, [3.0, 4.0], side="b")
    (row,) = summarise(sides, WAIT)
    assert (row["n"], row["median"]) == (2, 1.5)


def test_unstable_series_and_stolen_time_are_warned_about():
    (row,) = summarise(runs(LATENCY, [1.0, 1.5, 2.0, 2.5, 3.0, 3.5], steal_percent=7.0), WAIT)
    assert "unstable" in row["warnings"] and "steal 7.0 %: noisy" in row["warnings"]
    (row,) = summarise(runs(LATENCY, [1.0, 1.0, 1.0, 1.01, 1.0, 1.0], steal_percent=0.1), WAIT)
    assert row["warnings"] is None


def test_noise_counts_what_concerns_the_whole_run():
    rows = runs(LATENCY, [1.0, 2.0, 3.0], steal_percent=20.0)
    warnings = noise(rows, summarise(rows, WAIT))
    assert any("20.0 % of the CPU time" in w and "very noisy" in w for w in warnings)
    assert any("1 of 1 series have fewer than 6 runs" in w for w in warnings)
    assert any("unstable" in w and LATENCY in w for w in warnings)


def test_rows_follow_the_order_that_was_asked():
    rows = runs(LATENCY, [1.0]) + runs("floor/syscall", [1.0]) + runs(STREAM, [1.0])
    names = [row["series"] for row in summarise(rows, WAIT, [STREAM, "floor/clock_read", LATENCY])]
    assert names == [STREAM, LATENCY, "floor/syscall"]


def test_a_question_of_unknown_kind_is_refused():
    assert kind_of("value_update") == "throughput" and kind_of("array_handoff") == "latency"
    assert kind_of("pipe_idle_cost") == "cost"
    with pytest.raises(ValueError, match="value_nonsense"):
        kind_of("value_nonsense")
