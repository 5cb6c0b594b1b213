# SPDX-License-Identifier: MIT
"""CPython's Manager as a backend: calls of objects in a server process.

A message is a call; of lock_cycle and queue_put_get it is the two that these consist of. Each client has an object of its
own. What it gets is checked in each call, what it has set after each batch.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns

import loops
from backends import Backend, Ends, end_manager, start_manager

ITEMS = 1000  # in a list

Call = Callable[[int], None]


def expect(holds: bool) -> None:
    if not holds:
        raise loops.Mismatch("a call gave another result than it should")


def value_of(number: int, size: int) -> bytes | int:
    """Of so many bytes; without any, a number. Two that follow each other differ."""
    return bytes([number % 2]) * size if size else number


def dict_get(manager, size: int) -> tuple[Call, Call]:
    value = value_of(1, size)
    there = manager.dict({"key": value})
    return lambda _: expect(there["key"] == value), nothing


def dict_set(manager, size: int) -> tuple[Call, Call]:
    there = manager.dict()
    values = value_of(0, size), value_of(1, size)

    def call(number: int) -> None:
        there["key"] = values[number % 2]

    return call, lambda messages: expect(there["key"] == values[(messages - 1) % 2])


def list_append(manager, _: int) -> tuple[Call, Call]:
    there = manager.list()

    def look(messages: int) -> None:
        expect(len(there) == messages and there[-1] == messages - 1)
        del there[:]

    return there.append, look


def list_index(manager, _: int) -> tuple[Call, Call]:
    there = manager.list(range(ITEMS))
    return lambda number: expect(there[number % ITEMS] == number % ITEMS), nothing


def namespace_set(manager, _: int) -> tuple[Call, Call]:
    there = manager.Namespace()

    def call(number: int) -> None:
        there.x = number

    return call, lambda messages: expect(there.x == messages - 1)


def value_set(manager, _: int) -> tuple[Call, Call]:
    there = manager.Value("q", 0)
    return there.set, lambda messages: expect(there.get() == messages - 1)


def lock_cycle(manager, _: int) -> tuple[Call, Call]:
    there = manager.Lock()

    def call(_: int) -> None:
        expect(there.acquire())
        there.release()

    return call, nothing


def queue_put_get(manager, _: int) -> tuple[Call, Call]:
    there = manager.Queue()

    def call(number: int) -> None:
        there.put(number)
        expect(there.get() == number)

    return call, nothing


def event_wait(manager, _: int) -> tuple[Call, Call]:
    there = manager.Event()
    there.set()
    return lambda _: expect(there.wait()), nothing


def connect(manager, _: int) -> tuple[Call, Call]:
    """A connection, one call, and the end of it."""
    from multiprocessing.managers import SyncManager

    return lambda _: SyncManager(manager.address, manager._authkey).connect(), nothing


def nothing(_: int) -> None:
    """The look at what came of calls that are checked one by one."""


# op -> what makes an object of a manager's, and gives a call with its number, and the look after so many of them.
OPERATIONS: dict[str, Callable[..., tuple[Call, Call]]] = {
    operation.__name__: operation
    for operation in (
        dict_get,
        dict_set,
        list_append,
        list_index,
        namespace_set,
        value_set,
        lock_cycle,
        queue_put_get,
        event_wait,
    )
} | {
    "": connect
}  # manager_connect has no op


class CpythonManager(Backend):
    use = family = "manager"
    name = "cpython_manager"
    summary = "CPython's Manager(): objects in a server process, by proxies"
    source = "multiprocessing.Manager: a unix socket and a thread for each client"
    codecs = ("",)
    on_kill = "what a killed client holds stays held; a killed server: EOFError or OSError for all, at once"
    leftovers = (
        "Manager() leaves its server and a folder pymp-*; not here, where the server dies with the "
        "program and its socket has no file"
    )
    helper_name = "server"
    _call = _look = None
    _count = 0  # of this client's calls in the last batch

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        super().__init__(round_trip, size, codec, capacity)
        self._size = size
        self._manager, self.helper = start_manager()

    def open(self, role: str) -> Ends:
        self._call, self._look = OPERATIONS[self.op](self._manager, self._size)
        return self.work, None

    def work(self, index: int, workers: int, messages: int, first: int) -> tuple[int, int]:
        """A client's part of a batch; the stamps before and after it."""
        call, self._count = self._call, loops.share(messages, workers, index)
        begin = monotonic_ns()
        for number in range(self._count):
            call(number)
        return begin, monotonic_ns()

    def check_part(self, messages: int) -> None:
        self._look(self._count)

    def leftover(self, role: str) -> bool:
        return False

    def close(self) -> None:
        end_manager(self._manager)
