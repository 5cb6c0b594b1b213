# SPDX-License-Identifier: MIT
"""CPython's shared values, arrays and locks as backends.

A worker's part of a batch is a function of its index, how many workers there are, the number of
messages of all of them, and the first one's number; it returns the stamps before and after. The sum
of a value is checked by the coordinator (`check`), an array by who reads it, a lock by who holds it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic_ns

import loops
from backends import Backend, Ends

Work = Callable[[int, int, int, int], tuple[int, int]]


class _Shared(Backend):
    family = "shared"
    codecs = ("",)
    survives_kill = False
    on_kill = "a killed holder leaves the lock taken: all others wait for ever"
    needs = "Linux, /dev/shm"
    semaphores = True

    def open(self, role: str) -> Ends:
        return self.work, None

    def work(self, index: int, workers: int, messages: int, first: int) -> tuple[int, int]:
        """A worker's part of a batch. Raises Mismatch."""
        raise NotImplementedError

    def leftover(self, role: str) -> bool:
        return False

    @classmethod
    def unavailable(cls) -> str | None:
        if not cls.semaphores or os.access("/dev/shm", os.W_OK):
            return None
        return "its semaphores need a writable /dev/shm"


class _OneValue(_Shared):
    use = "shared value"

    def check(self, messages: int) -> None:
        value = self._value.value
        if value != messages:
            raise loops.Mismatch(f"of {messages} additions there are {value}")


class CpythonValue(_OneValue):
    name = "cpython_value"
    summary = "CPython's Value('q'): with value.get_lock(): value.value += 1"
    source = (
        "multiprocessing.Value: a ctypes object in a mapped file, an RLock over a POSIX semaphore"
    )

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        from multiprocessing import Value

        super().__init__(round_trip, size, codec, capacity)
        self._value = Value("q", 0)

    def work(self, index: int, workers: int, messages: int, first: int) -> tuple[int, int]:
        value = self._value
        begin = monotonic_ns()
        for _ in range(loops.share(messages, workers, index)):
            with value.get_lock():
                value.value += 1
        return begin, monotonic_ns()


class CpythonRawValue(_OneValue):
    semaphores = False
    name = "cpython_raw_value"
    summary = "CPython's RawValue('q'): value.value += 1, without a lock"
    source = "multiprocessing.RawValue: a ctypes object in a mapped file"
    on_kill = "nothing: there is nothing to hold"
    survives_kill = True
    processes = 1

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        from multiprocessing import RawValue

        super().__init__(round_trip, size, codec, capacity)
        self._value = RawValue("q", 0)

    def work(self, index: int, workers: int, messages: int, first: int) -> tuple[int, int]:
        value = self._value
        begin = monotonic_ns()
        for _ in range(loops.share(messages, workers, index)):
            value.value += 1
        return begin, monotonic_ns()


class _OneArray(_Shared):
    use = "shared array"

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        super().__init__(round_trip, size, codec, capacity)
        self._array = self._make(size)
        self._tail = loops.make_tail(0, size)

    def _make(self, size: int):
        raise NotImplementedError

    def work(self, index: int, workers: int, messages: int, first: int) -> tuple[int, int]:
        array, tail = self._array, self._tail
        begin = monotonic_ns()
        for sequence in range(first, first + messages):
            message = sequence.to_bytes(loops.HEAD, "little") + tail
            array.raw = message
            if array.raw != message:
                raise loops.Mismatch(f"array {sequence} was read back torn")
        return begin, monotonic_ns()


class CpythonArray(_OneArray):
    name = "cpython_array"
    summary = "CPython's Array('c'): array.raw = message; array.raw"
    source = (
        "multiprocessing.Array: a ctypes array in a mapped file, an RLock over a POSIX semaphore"
    )

    def _make(self, size: int):
        from multiprocessing import Array

        return Array("c", size)


class CpythonRawArray(_OneArray):
    semaphores = False
    name = "cpython_raw_array"
    summary = "CPython's RawArray('c'): array.raw = message; array.raw"
    source = "multiprocessing.RawArray: a ctypes array in a mapped file"
    on_kill = "nothing: there is nothing to hold"
    survives_kill = True

    def _make(self, size: int):
        from multiprocessing import RawArray

        return RawArray("c", size)


class CpythonArraySemaphore(_Shared):
    use = "shared handoff"
    name = "cpython_array_semaphore"
    summary = "CPython's RawArray('c') each way, and two Semaphores that tell of it"
    source = "multiprocessing.RawArray and Semaphore: a mapped file, POSIX semaphores"
    on_kill = "who waits for a killed one waits for ever"

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        from multiprocessing import RawArray, Semaphore

        super().__init__(round_trip, size, codec, capacity)
        there, back = ((RawArray("c", size), Semaphore(1), Semaphore(0)) for _ in range(2))
        self._ends = {"ping": (there, back), "pong": (back, there)}

    def open(self, role: str) -> Ends:
        (out, out_empty, out_filled), (into, in_empty, in_filled) = self._ends[role]

        def send(message: bytes) -> None:
            out_empty.acquire()
            out.raw = message
            out_filled.release()

        def receive() -> bytes:
            in_filled.acquire()
            message = into.raw
            in_empty.release()
            return message

        return send, receive


class _OneLock(_Shared):
    use = "shared lock"

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        from multiprocessing import RawValue

        super().__init__(round_trip, size, codec, capacity)
        self._lock = self._make()
        self._taken = RawValue("q", 0)  # by its holders: how often, in all
        self._waiting = RawValue("q", 0)  # before an acquire: how often, in all
        self._inside = RawValue("b", 0)  # who has it now

    def _make(self):
        raise NotImplementedError

    def work(self, index: int, workers: int, messages: int, first: int) -> tuple[int, int]:
        """As take_over_loop of impl/shared/loops.h: each turn is one worker's, in turn."""
        lock, taken, waiting, inside = self._lock, self._taken, self._waiting, self._inside
        last = first + messages
        begin = monotonic_ns()
        for turn in range(first + (index - first) % 2, last, 2):
            while taken.value < turn:
                os.sched_yield()
            waiting.value = turn + 1
            lock.acquire()
            alone = not inside.value
            inside.value = 1
            taken.value = turn + 1
            while turn + 1 < last and waiting.value < turn + 2:
                os.sched_yield()
            inside.value = 0
            lock.release()
            if not alone:
                raise loops.Mismatch(f"two held the lock at turn {turn}")
        return begin, monotonic_ns()


class CpythonLock(_OneLock):
    name = "cpython_lock"
    summary = "CPython's Lock()"
    source = "multiprocessing.Lock: a POSIX semaphore"

    def _make(self):
        from multiprocessing import Lock

        return Lock()


class CpythonRlock(_OneLock):
    name = "cpython_rlock"
    summary = "CPython's RLock()"
    source = "multiprocessing.RLock: a POSIX semaphore, its holder and depth in each process"

    def _make(self):
        from multiprocessing import RLock

        return RLock()
