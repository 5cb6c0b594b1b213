# SPDX-License-Identifier: MIT
"""Series names: what they mean and what is none."""

import pytest

from ipcbench.series import parse


def test_a_name_gives_its_question_backend_and_keys():
    series = parse(
        "queue_throughput/pipe_feeder/bytes:64/codec:msgpack/producers:2/consumers:1/placement:free"
    )
    assert (series.question, series.backend) == ("queue_throughput", "pipe_feeder")
    assert series.keys == {
        "bytes": 64,
        "codec": "msgpack",
        "producers": 2,
        "consumers": 1,
        "placement": "free",
    }


def test_columns_are_none_where_the_name_has_no_key():
    columns = parse("floor/syscall").columns()
    assert columns["backend"] == "syscall"
    assert columns["bytes"] is None and columns["placement"] is None


def test_a_backend_may_combine_a_memory_and_a_lock():
    assert parse("value_update/anonymous+futex/processes:2").backend == "anonymous+futex"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("pipe_latency", "expected <question>"),
        ("", "expected <question>"),
        ("Pipe/os_pipe", "'Pipe' is no question"),
        ("pipe_latency/os-pipe", "'os-pipe' is no backend"),
        ("pipe_latency/os_pipe/size:64", "not key:value"),
        ("pipe_latency/os_pipe/bytes", "not key:value"),
        ("pipe_latency/os_pipe/bytes:", "not a whole number"),
        ("pipe_latency/os_pipe/bytes:064", "not a whole number"),
        ("pipe_latency/os_pipe/bytes:0", "not a whole number"),
        ("pipe_latency/os_pipe/bytes:-1", "not a whole number"),
        ("pipe_latency/os_pipe/placement:near", "not one of same, cross, free"),
        ("pipe_latency/os_pipe/placement:same/bytes:64", "out of order"),
        ("pipe_latency/os_pipe/bytes:64/bytes:64", "out of order"),
        ("pipe_latency/os_pipe/bytes:64/", "not key:value"),
    ],
)
def test_a_bad_name_is_refused_with_what_is_wrong(name, complaint):
    with pytest.raises(ValueError, match=complaint):
        parse(name)


def test_series_sort_as_people_read_them():
    names = [
        "pipe_latency/os_pipe/bytes:64/placement:same",
        "pipe_latency/os_pipe/bytes:64/placement:cross",
        "pipe_latency/os_pipe/bytes:64/codec:msgpack/placement:same",
        "pipe_latency/os_pipe/bytes:1024/placement:same",
        "queue_latency/null/bytes:64/placement:free",
        "floor/clock_read",
        "floor/memcpy/bytes:64",
    ]
    assert sorted(reversed(names), key=lambda name: parse(name).sort_key()) == names
