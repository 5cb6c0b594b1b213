# SPDX-License-Identifier: MIT
"""CPython's processes, threads and pools as backends: ways to have something done.

A message is a process started and joined, a task, or a unit of work. One worker does a whole batch,
by as many others as it is told; of `cpython_processes` each does its own part.
"""

from __future__ import annotations

import mmap
import os
import random
import select
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable
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


def slow_square(number: int, ms: int) -> int:
    if ms:
        select.select([], [], [], ms / 1000)
    return square(number)


def put_slow_square(results, number: int, ms: int) -> None:
    results.put(slow_square(number, ms))


def attach_worker(peer: int) -> None:
    """Called first in a pool's worker: it dies with the peer, who may be killed, or is told to end by SIGTERM."""
    attach(peer)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


UNITS: dict[str, Callable[[int], int]] = {"cpu_bound": compute, "io_bound": wait_a_while}


def private_memory(size: int) -> mmap.mmap:
    """Touched memory of this process alone, in small pages: a fork copies their tables."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(0, size, mmap.PAGESIZE):
        memory[page] = 1
    return memory


def burst(op: str) -> tuple[int, int]:
    """Of 16x1ms: 16 tasks of 1 ms."""
    tasks, ms = op.removesuffix("ms").split("x")
    return int(tasks), int(ms)


def check_bursts(given: list[list[int]], op: str) -> None:
    """The results of bursts, each in any order. Raises Mismatch."""
    due = [square(number) for number in range(burst(op)[0])]
    if any(sorted(results) != due for results in given):
        raise loops.Mismatch("a task gave another result than it should")


class _Doing(Backend):
    family = "process"
    codecs = ("",)
    transports = False
    one_worker = True
    has_children = True
    _results: list = []  # of the last batch, until they are checked

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        super().__init__(round_trip, size, codec, capacity)
        self._held = size

    def open(self, role: str) -> Ends:
        self._memory = private_memory(self._held) if self._held else None
        return self.work, None

    def work(self, index: int, workers: int, messages: int, first: int) -> tuple[int, int]:
        """A worker's part of a batch; the stamps before and after it."""
        begin = monotonic_ns()
        self._results = self.batch(workers, messages)
        return begin, monotonic_ns()

    def check_part(self, messages: int) -> None:
        results, self._results = self._results, []  # nor is it billed to forget them
        self.check_results(results, messages)

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
        if self.question == "pool_once":
            return [self._once(workers) for _ in range(messages)]
        if self._pool is None:  # in the batch that warms up
            self._pool = self._make(workers)
        if self.question == "pool_apply":
            return [self._pool.apply(square, (number % MAP,)) for number in range(messages)]
        results = []
        for done in range(0, messages, MAP):
            results += self._pool.map(square, range(min(MAP, messages - done)))
        return results

    def _make(self, workers: int):
        from multiprocessing import get_context

        return get_context("fork").Pool(workers, attach_worker, (os.getpid(),))

    def _once(self, workers: int) -> list[int]:
        pool = self._make(workers)
        tasks, ms = burst(self.op)
        results = [pool.apply_async(slow_square, (number, ms)) for number in range(tasks)]
        given = [result.get() for result in results]
        pool.close()
        pool.join()
        return given

    def check_results(self, results: list, messages: int) -> None:
        if self.question == "pool_once":
            check_bursts(results, self.op)
        elif results != [(number % MAP) ** 2 for number in range(messages)]:
            raise loops.Mismatch("a task gave another result than it should")


class CpythonProcessPerTask(_Doing):
    use = "process task"
    name = "cpython_process_per_task"
    summary = "CPython's Process for each task, as many at a time as workers"
    source = "multiprocessing.Process and SimpleQueue"

    def batch(self, workers: int, messages: int) -> list:
        if self.question == "pool_once":
            tasks, ms = burst(self.op)
            return [self._all(workers, range(tasks), ms) for _ in range(messages)]
        return self._all(workers, (number % MAP for number in range(messages)), 0)

    def _all(self, workers: int, numbers: Iterable[int], ms: int) -> list[int]:
        from multiprocessing import get_context

        fork = get_context("fork")
        results = fork.SimpleQueue()
        running, given = deque(), []

        def finish() -> None:
            running.popleft().join()
            given.append(results.get())

        for number in numbers:
            running.append(fork.Process(target=put_slow_square, args=(results, number, ms)))
            running[-1].start()
            if len(running) == workers:
                finish()
        while running:
            finish()
        return given

    def check_results(self, results: list, messages: int) -> None:
        if self.question == "pool_once":
            check_bursts(results, self.op)
        elif sorted(results) != sorted((number % MAP) ** 2 for number in range(messages)):
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

    def check_results(self, results: list, messages: int) -> None:
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
        return begin, monotonic_ns()


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
