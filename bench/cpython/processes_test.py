# SPDX-License-Identifier: MIT
"""Processes, pools and threads that do not do what they should are found out, and those they start are billed."""

import os
import time

import pytest

import processes
from measure import measure
from peers import SeriesFailed
from questions import GIBIBYTE, Series


def run(question, backend, messages, workers=0, placement="free"):
    series = Series(question, backend.name, 0, "", placement, None, workers)
    return measure(series, messages, 2, 65536, 10.0, backend)


who_do_tasks = pytest.mark.parametrize(
    "backend", [processes.CpythonPool, processes.CpythonProcessPerTask], ids=lambda each: each.name
)


@who_do_tasks
def test_a_task_with_another_result_is_found(monkeypatch, backend):
    run("pool_map", backend, 20, 2)
    monkeypatch.setattr(processes, "square", wrong)
    with pytest.raises(SeriesFailed, match="another result"):
        run("pool_map", backend, 20, 2)


@who_do_tasks
def test_a_burst_that_gives_another_result_is_found(monkeypatch, backend):
    series = Series("pool_once", backend.name, 0, "", "free", None, 2, "5x0ms")
    assert measure(series, 2, 2, 65536, 10.0, backend).messages == 2
    monkeypatch.setattr(processes, "slow_square", wrong)
    with pytest.raises(SeriesFailed, match="another result"):
        measure(series, 2, 2, 65536, 10.0, backend)


def wrong(number, ms=0):
    return number


def test_a_process_that_ends_otherwise_is_found(monkeypatch):
    def fail():
        raise SystemExit(3)

    monkeypatch.setattr(processes, "nothing", fail)
    with pytest.raises(SeriesFailed, match="ended with 3"):
        run("process_start", processes.CpythonProcess, 2)


def test_a_process_is_started_by_one_that_has_so_much_memory(monkeypatch):
    def look():
        with open("/proc/self/statm") as pages:
            resident = int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        raise SystemExit(0 if resident > GIBIBYTE else 3)

    monkeypatch.setattr(processes, "nothing", look)
    large, small = (
        Series("process_start", "cpython_process", size, "", "free") for size in (GIBIBYTE, 0)
    )
    assert measure(large, 2, 1, 65536, 10.0).messages == 2
    with pytest.raises(SeriesFailed, match="ended with 3"):
        measure(small, 2, 1, 65536, 10.0)


def test_the_work_of_a_pool_is_billed(monkeypatch):
    """Its user sleeps meanwhile."""
    monkeypatch.setattr(processes, "square", busy)
    result = run("pool_apply", processes.CpythonPool, 20, 1)
    assert result.cpu_ns > 40 * 500_000  # two batches of 20, which cannot take less


def busy(number):
    sum(range(300_000))
    return number * number


def test_the_check_of_the_results_is_not_billed(monkeypatch):
    limit = 1.0  # many times what four processes cost

    def check(backend, results, messages):
        assert results == [0, 0]
        end = time.process_time() + limit
        while time.process_time() < end:
            pass

    monkeypatch.setattr(processes.CpythonProcess, "check_results", check)
    result = run("process_start", processes.CpythonProcess, 2)
    assert 0 < result.cpu_ns < limit * 1e9  # two batches of two


@pytest.mark.parametrize("pair", [processes.CpythonProcessPair, processes.CpythonThreadPair])
def test_two_who_do_not_wait_for_each_other_are_found(monkeypatch, pair):
    run("context_switch", pair, 21, 2, "same")
    monkeypatch.setattr(pair, "take_turns", wake_once_more)
    with pytest.raises(SeriesFailed, match="nobody waited for"):
        run("context_switch", pair, 21, 2, "same")


def wake_once_more(pair, index, messages):
    processes._Pair.take_turns(pair, index, messages)
    if not index:
        pair._turns[1].release()
