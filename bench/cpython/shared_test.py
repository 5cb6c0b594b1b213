# SPDX-License-Identifier: MIT
"""Shared values, arrays and locks that do not do what they should are found out."""

import multiprocessing

import pytest

import shared
from measure import measure
from peers import SeriesFailed
from questions import Series, all_series


def run(series, backend, messages=2000):
    return measure(series, messages, 2, 65536, 10.0, backend)


def value_update(processes):
    return Series("value_update", "cpython_value", 0, "", "free", None, processes)


class Forgetful(shared.CpythonValue):
    """Loses one addition of each batch."""

    def work(self, index, workers, messages, first):
        return super().work(index, workers, messages - 1, first)


def test_additions_that_are_lost_are_found():
    run(value_update(2), shared.CpythonValue)
    with pytest.raises(SeriesFailed, match="of 2000 additions there are 1999"):
        run(value_update(1), Forgetful)


class Torn(shared.CpythonRawArray):
    """The last byte of what is written is lost."""

    def _make(self, size):
        class Short:
            def __init__(self):
                self._bytes = multiprocessing.RawArray("c", size)

            @property
            def raw(self):
                return self._bytes.raw

            @raw.setter
            def raw(self, message):
                self._bytes.raw = message[:-1]

        return Short()


def test_an_array_that_is_torn_is_found():
    series = Series("array_copy", "cpython_raw_array", 64, "", "same")
    run(series, shared.CpythonRawArray)
    with pytest.raises(SeriesFailed, match="read back torn"):
        run(series, Torn)


class Open(shared.CpythonLock):
    """A lock that lets everybody in."""

    def _make(self):
        class Lock:
            def acquire(self):
                pass

            def release(self):
                pass

        return Lock()


def test_a_lock_that_lets_two_in_is_found():
    series = Series("lock_handoff", "cpython_lock", 0, "", "free", None, 2)
    run(series, shared.CpythonLock)
    with pytest.raises(SeriesFailed, match="two held the lock"):
        run(series, Open)


def test_a_raw_value_is_not_asked_of_several():
    reasons = {
        each.processes: each.skip()
        for each in all_series()
        if each.backend == "cpython_raw_value" and each.placement in ("same", "free")
    }
    assert reasons[1] is None
    assert reasons[4] == "without a lock, changes of several are lost"
