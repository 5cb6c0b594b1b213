# SPDX-License-Identifier: MIT
"""Tables: units that read well, the best marked among its like, 100 columns."""

import io

import pytest
from rich.console import Console

from ipcbench.progress import duration
from ipcbench.rundir import SUMMARY_COLUMNS
from ipcbench.series import parse
from ipcbench.summary import HEADLINES, kind_of
from ipcbench.tables import WIDTH, bytes_text, digits, interval_text, results

WAIT = {"os_pipe": "block", "unix_stream": "block", "shm_ring_spin": "spin", "null": ""}


def row(name, median, low=None, high=None, **more):
    series = parse(name)
    metric, unit, _ = HEADLINES[kind_of(series.question)]
    values = {"series": name, **series.columns(), "metric": metric, "unit": unit}
    values |= {"median": median, "low": low, "high": high}
    return dict.fromkeys(SUMMARY_COLUMNS) | values | more


def printed(rows):
    out = io.StringIO()
    Console(file=out, width=WIDTH, no_color=True, highlight=False).print(results(rows, WAIT))
    return out.getvalue()


def marked(text):
    return [line.split()[0] for line in text.splitlines() if line.rstrip().endswith(" *")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.12345, "0.123"),
        (1.2345, "1.23"),
        (9.999, "10.0"),
        (62.34, "62.3"),
        (99.97, "100"),
    ]
    + [(123.4, "123"), (4321.9, "4322")],
)
def test_numbers_have_three_digits_and_no_powers_of_ten(value, text):
    assert digits(value) == text


def test_units_fit_the_size_of_the_number():
    same = "pipe_latency/os_pipe/bytes:64/placement:same"
    assert interval_text(row(same, 62345, 61900, 63000)) == ("62.3 us", "[61.9, 63.0]")
    assert interval_text(row(same, 40.0)) == ("40.0 ns", "")
    stream = "pipe_throughput/os_pipe/bytes:64/placement:same"
    assert interval_text(row(stream, 1.5e6, 1.4e6, 1.6e6)) == ("1.50 M/s", "[1.40, 1.60]")
    assert interval_text(row(same, None)) == ("failed", "")


def test_sizes_are_powers_of_two_where_they_are():
    assert [bytes_text(n) for n in (16, 1000, 1024, 65536, 1048576)] == [
        *("16 B", "1000 B", "1 KiB", "64 KiB", "1 MiB")
    ]


def test_durations_are_for_people():
    assert [duration(s) for s in (0.4, 59, 200, 3900)] == ["0 s", "59 s", "3 min 20 s", "1 h 5 min"]


def test_the_best_of_each_wait_class_and_placement_is_marked_but_never_null():
    keys = "bytes:64/placement:same"
    rows = [
        row(f"pipe_latency/null/{keys}", 10),
        row(f"pipe_latency/os_pipe/{keys}", 3000),
        row(f"pipe_latency/unix_stream/{keys}", 4000),
        row(f"pipe_latency/shm_ring_spin/{keys}", 200),
        row("pipe_latency/unix_stream/bytes:64/placement:cross", 60000),
    ]
    assert sorted(marked(printed(rows))) == ["os_pipe", "shm_ring_spin", "unix_stream"]


def test_more_messages_per_second_are_better():
    keys = "bytes:64/placement:same"
    rows = [
        row(f"pipe_throughput/os_pipe/{keys}", 2e6),
        row(f"pipe_throughput/unix_stream/{keys}", 1e6),
    ]
    assert marked(printed(rows)) == ["os_pipe"]


def test_objects_and_bytes_are_never_ranked_together():
    rows = [
        row("pipe_latency/os_pipe/bytes:64/placement:same", 3000),
        row("pipe_latency/os_pipe/bytes:64/codec:msgpack/placement:same", 9000),
    ]
    assert len(marked(printed(rows))) == 2


def test_six_sizes_fit_in_100_columns():
    rows = [
        row(
            f"queue_throughput/cpython_simple_queue/bytes:{size}/codec:pickle/producers:2/consumers:2/placement:cross",
            *(123456.0, 119876.0, 131234.0),
            x_floor=1234.5,
        )
        for size in (16, 64, 1024, 4096, 65536, 1048576)
    ]
    rows += [row(f"floor/copy_cross/bytes:{size}", 12.5, 12.1, 13.0) for size in (64, 1048576)]
    text = printed(rows)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= WIDTH
    assert text.count("123 k/s 1234x *") == 6 and text.count("[120, 131]") == 6
    assert "..." not in text and "\u2026" not in text and "copy_cross/bytes:1048576" in text
