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


class _Pair(_Doing):
    """Two who wake each other by semaphores. A message is a switch from one to the other; an odd number is rounded up."""

    use = "process switch"
    has_children = False

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        from multiprocessing import Semaphore

        super().__init__(round_trip, size, codec, capacity)
        self._turns = (Semaphore(0), Semaphore(0))

    def take_turns(self, index: int, messages: int) -> None:
        """The part of the first (index 0) or of the second (1)."""
        own, other = self._turns[index], self._turns[1 - index]
        for _ in range((messages + 1) // 2):
            if index:
                own.acquire()
                other.release()
            else:
                other.release()
                own.acquire()

    def check_turns(self) -> None:
        """Of the first, at the end of its part. Raises Mismatch."""
        left = [turn.get_value() for turn in self._turns]
        if any(left):
            raise loops.Mismatch(f"wake-ups that nobody waited for: {left}")


class CpythonProcessPair(_Pair):
    name = "cpython_process_pair"
    summary = "two of CPython's processes that take turns"
    source = "multiprocessing.Process and Semaphore"
    one_worker = False

    def work(self, index: int, workers: int, messages: int, first: int) -> tuple[int, int]:
        begin = monotonic_ns()
        self.take_turns(index, messages)
        end = monotonic_ns()
        if not index:
            self.check_turns()
        return begin, end


class CpythonThreadPair(_Pair):
    name = "cpython_thread_pair"
    summary = "two of CPython's threads that take turns by the same semaphores"
    source = "threading.Thread and multiprocessing.Semaphore; one lock for all of the interpreter"

    def batch(self, workers: int, messages: int) -> list:
        second = threading.Thread(target=self.take_turns, args=(1, messages))
        second.start()
        self.take_turns(0, messages)
        second.join()
        return []

    def check_results(self, results: list, messages: int) -> None:
        self.check_turns()


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
