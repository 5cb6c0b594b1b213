# SPDX-License-Identifier: MIT
"""CPython's processes, threads and pools as backends: ways to have something done.

A message is a process started and joined, a task, or a unit of work. One worker does a whole batch,
by as many others as it is told; of `cpython_processes` each does its own part.
"""

from __future__ import annotations

import os
import random
import select
import signal
import threading
from collections.abc import Callable
from time import monotonic_ns

import loops
from backends import Backend, Ends
from child import attach

ROUNDS = 500  # of a random generator, in a unit of work
WAIT_S = 0.001  # for nothing
MAP = 1000  # tasks of a map


def nothing() -> None:
    """What a process that is started does."""


def square(number: int) -> int:
    return number * number


def compute(_: int) -> int:
    draw = random.Random(1).random
    for _ in range(ROUNDS):
        draw()
    return 1


def wait_a_while(_: int) -> int:
    select.select([], [], [], WAIT_S)
    return 1


def attach_worker(peer: int) -> None:
    """Called first in a pool's worker: it dies with the peer, who may be killed, or is told to end by SIGTERM."""
    attach(peer)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


UNITS: dict[str, Callable[[int], int]] = {"cpu_bound": compute, "io_bound": wait_a_while}


class _Doing(Backend):
    family = "process"
    codecs = ("",)
    transports = False
    one_worker = True
    has_children = True

    def open(self, role: str) -> Ends:
        return self.work, None

    def work(self, index: int, workers: int, messages: int, first: int) -> tuple[int, int]:
        """A worker's part of a batch; the stamps before and after it. Raises Mismatch."""
        begin = monotonic_ns()
        results = self.batch(workers, messages)
        end = monotonic_ns()
        self.check_results(results, messages)
        return begin, end

    def batch(self, workers: int, messages: int) -> list:
        raise NotImplementedError

    def check_results(self, results: list, messages: int) -> None:
        """Raises Mismatch."""

    def leftover(self, role: str) -> bool:
        return False


class CpythonProcess(_Doing):
    use = "process start"
    name = "cpython_process"
    summary = "CPython's Process: start() and join(), by fork"
    source = "multiprocessing.Process"

    def batch(self, workers: int, messages: int) -> list:
        from multiprocessing import get_context

        make = get_context("fork").Process
        exitcodes = []
        for _ in range(messages):
            process = make(target=nothing)
            process.start()
            process.join()
            exitcodes.append(process.exitcode)
        return exitcodes

    def check_results(self, results: list, messages: int) -> None:
        if any(results):
            raise loops.Mismatch(f"a process ended with {max(results, key=abs)}")


class CpythonThread(_Doing):
    use = "process start"
    name = "cpython_thread"
    summary = "CPython's threading.Thread: start() and join(), for comparison"
    source = "threading.Thread"

    has_children = False

    def batch(self, workers: int, messages: int) -> list:
        for _ in range(messages):
            thread = threading.Thread(target=nothing)
            thread.start()
            thread.join()
        return []


class CpythonPool(_Doing):
    use = "process pool"
    name = "cpython_pool"
    summary = "CPython's Pool, by fork"
    source = "multiprocessing.Pool"
    _pool = None

    def batch(self, workers: int, messages: int) -> list:
        if self._pool is None:  # in the batch that warms up
            from multiprocessing import get_context

            self._pool = get_context("fork").Pool(workers, attach_worker, (os.getpid(),))
        if self.question == "pool_apply":
            return [self._pool.apply(square, (number % MAP,)) for number in range(messages)]
        results = []
        for done in range(0, messages, MAP):
            results += self._pool.map(square, range(min(MAP, messages - done)))
        return results

    def check_results(self, results: list, messages: int) -> None:
        if results != [(number % MAP) ** 2 for number in range(messages)]:
            raise loops.Mismatch("a task gave another result than it should")


class CpythonProcesses(_Doing):
    use = "process work"
    name = "cpython_processes"
    summary = "CPython's processes, started before"
    source = "multiprocessing.Process"
    one_worker = has_children = False

    def work(self, index: int, workers: int, messages: int, first: int) -> tuple[int, int]:
        unit = UNITS[self.question]
        begin = monotonic_ns()
        for number in range(loops.share(messages, workers, index)):
            unit(number)
        return begin, monotonic_ns()


class CpythonThreads(_Doing):
    use = "process work"
    name = "cpython_threads"
    summary = "CPython's threads, started for each batch"
    source = "threading.Thread: one lock for all of the interpreter"
    has_children = False

    def batch(self, workers: int, messages: int) -> list:
        unit = UNITS[self.question]

        def do(count: int) -> None:
            for number in range(count):
                unit(number)

        threads = [
            threading.Thread(target=do, args=(loops.share(messages, workers, index),))
            for index in range(workers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return []
