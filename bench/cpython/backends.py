# SPDX-License-Identifier: MIT
"""CPython's transports as backends: traits (class attributes) and what each peer uses.

A backend is constructed in the coordinator before the peers are forked. Each peer then calls `open`
with its role: 'ping' and 'pong' for round trips, 'producer' and 'consumer' for streams, 'worker' for
shared values (shared.py). A backend
may start one more process, its helper, in its constructor and on the CPU where that runs.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable

# A queue of one item is a rendezvous, which nobody asks for who has large messages.
FEWEST_ITEMS = 16
HUGE = 16777216  # bytes: as kHugeBytes in bench/harness/series.h
FEWEST_HUGE_ITEMS = 2  # as in C++, where some mechanisms set memory aside for all of them

# What impl/driver/traits.h has, in its order.
TRAITS = ("family", "name", "summary", "source", "wait_class", "max_message", "unsized_message")
TRAITS += ("capacity", "producers", "consumers", "order", "waitable", "ordered", "passes_on")
TRAITS += ("survives_kill", "killed", "on_kill", "leftovers", "needs", "transports", "sendable")

# What sends, what receives; None in a role that does not.
Ends = tuple[Callable | None, Callable | None]

ANY_NUMBER = 2**20  # as kMany in impl/driver/traits.h


class Backend:
    """Traits and life of one transport."""

    use = ""  # what its questions ask for (questions.py)
    family = name = summary = source = on_kill = capacity = waitable = ""
    order = "first in, first out"
    wait_class = "block"
    max_message = 2**63 - 1  # the framing has 8 bytes for a length, signed
    unsized_message = 0  # the same
    producers = consumers = 1
    ordered = True
    passes_on = True
    survives_kill = True
    killed: dict[str, str] = {}  # what the others notice, by what the process was doing (traits.h)
    leftovers = "none"
    needs = "Linux"
    transports = True
    sendable = False  # a side can be sent to a process that was there before
    codecs: tuple[str, ...] = ("pickle",)
    processes = ANY_NUMBER  # that may change a shared value at the same time
    question = op = ""  # that is asked of it: set by whoever measures
    one_worker = False  # does a whole batch, by `processes` others
    has_children = False  # its peers start processes, which are billed with them
    helper_name = ""  # of the process that works for the peers, watched and billed with them
    helper = None  # that process

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        """`round_trip`: two peers answer each other, else a stream. `size` of a message in bytes;
        `capacity` in bytes is asked for, `capacity_bytes` is what came of it."""
        self.capacity_bytes = 0
        self._codec = codec
        self._ends: dict[str, tuple] = {}  # role -> (object to send by, object to receive by)

    @classmethod
    def unavailable(cls) -> str | None:
        """Why this backend cannot be used on this machine, or None."""
        return None

    @classmethod
    def describe(cls) -> dict:
        """The entry of this backend in the --list document."""
        return {trait: getattr(cls, trait) for trait in TRAITS} | {"unavailable": cls.unavailable()}

    def open(self, role: str) -> Ends:
        """What the peer with this role sends and receives by. Called once, in the peer."""
        raise NotImplementedError

    def leftover(self, role: str) -> bool:
        """Whether a message waits for this role although its senders have ended."""
        raise NotImplementedError

    def check(self, messages: int) -> None:
        """Raises Mismatch when what is shared is not what so many messages, of all batches, make it."""

    def check_part(self, messages: int) -> None:
        """In a peer, of its part of the last batch, of so many messages, and not billed. Raises Mismatch."""

    def release(self) -> None:
        """Drops what the coordinator holds, once all peers are forked."""

    def close(self) -> None:
        """Ends the helper, when all peers have ended."""


class _Pipe(Backend):
    use = family = "pipe"
    capacity = "bytes"
    waitable = "descriptor"
    sendable = True
    killed = {"idle": "end of file", "sending": "error", "receiving": "end of file"}
    on_kill = "end of file or reset at the other end; a message half written is an OSError there"
    codecs = ("", "pickle")

    def open(self, role: str) -> Ends:
        out, into = self._ends[role]
        for connection in self._connections() - {out, into}:
            connection.close()
        if self._codec:
            return out and out.send, into and into.recv
        return out and out.send_bytes, into and into.recv_bytes

    def leftover(self, role: str) -> bool:
        into = self._ends[role][1]
        if into is None or not into.readable or not into.poll():
            return False
        try:
            into.recv_bytes()
        except (
            EOFError,
            ConnectionResetError,
        ):  # the other end is closed: poll reports that as well
            return False
        return True

    def release(self) -> None:
        for connection in self._connections():
            connection.close()

    def _connections(self) -> set:
        return {end for ends in self._ends.values() for end in ends if end is not None}


class CpythonPipeDuplex(_Pipe):
    name = "cpython_pipe_duplex"
    summary = "CPython's Pipe(): both ends send and receive"
    source = "multiprocessing.Pipe(duplex=True): socketpair(AF_UNIX, SOCK_STREAM)"

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        from multiprocessing import Pipe

        super().__init__(round_trip, size, codec, capacity)
        first, second = Pipe()
        roles = ("ping", "pong") if round_trip else ("producer", "consumer")
        self._ends = dict(zip(roles, ((first, first), (second, second))))
        self.capacity_bytes = min(_size_socket(end, capacity) for end in (first, second))


class CpythonPipeOneway(_Pipe):
    name = "cpython_pipe_oneway"
    summary = "CPython's Pipe(duplex=False); a round trip takes two of them"
    source = "multiprocessing.Pipe(duplex=False): pipe(2)"

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        from multiprocessing import Pipe

        super().__init__(round_trip, size, codec, capacity)
        there_in, there_out = Pipe(duplex=False)
        self.capacity_bytes = _size_pipe(there_out, capacity)
        self._ends = {"producer": (there_out, None), "consumer": (None, there_in)}
        if round_trip:
            back_in, back_out = Pipe(duplex=False)
            self.capacity_bytes = min(self.capacity_bytes, _size_pipe(back_out, capacity))
            self._ends = {"ping": (there_out, back_in), "pong": (back_out, there_in)}


class _Queue(Backend):
    use = family = "queue"
    producers = consumers = ANY_NUMBER
    waitable = "slices"
    survives_kill = False
    killed = {"idle": "nothing", "sending": "hang", "receiving": "hang", "inside": "hang"}
    needs = "Linux, /dev/shm"

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        super().__init__(round_trip, size, codec, capacity)
        there = self._make(size, capacity)
        self._ends = {"producer": (there, None), "consumer": (None, there)}
        if round_trip:
            back = self._make(size, capacity)
            self._ends = {"ping": (there, back), "pong": (back, there)}

    def _make(self, size: int, capacity: int):
        """A new queue; sets capacity_bytes."""
        raise NotImplementedError

    def _items(self, size: int, capacity: int) -> int:
        """How many items a queue bounded in items gets; sets capacity_bytes."""
        fewest = FEWEST_ITEMS if size < HUGE else FEWEST_HUGE_ITEMS
        items = max(fewest, capacity // size)
        self.capacity_bytes = items * size
        return items

    @classmethod
    def unavailable(cls) -> str | None:
        if os.access("/dev/shm", os.W_OK):
            return None
        return "its semaphores need a writable /dev/shm"

    def open(self, role: str) -> Ends:
        out, into = self._ends[role]
        return out and out.put, into and into.get

    def leftover(self, role: str) -> bool:
        into = self._ends[role][1]
        return into is not None and not into.empty()


class CpythonQueue(_Queue):
    name = "cpython_queue"
    summary = "CPython's Queue(capacity / bytes, at least 16, of huge messages 2): a feeder thread writes to one pipe"
    source = "multiprocessing.Queue: pipe(2), POSIX semaphores for slots, readers and writers"
    capacity = "items"  # what is in the pipe counts as well, the pipe stays as it is
    order = "first in, first out for each producer; no order between producers"
    killed = {"idle": "nothing", "sending": "hang", "receiving": "time-out", "inside": "hang"}
    on_kill = (
        "a killed reader leaves its lock taken, a killed writer half a message: all others hang"
    )

    def _make(self, size: int, capacity: int):
        from multiprocessing import Queue

        return Queue(self._items(size, capacity))


class CpythonSimpleQueue(_Queue):
    name = "cpython_simple_queue"
    summary = "CPython's SimpleQueue(): a pipe with a lock at each end"
    source = "multiprocessing.SimpleQueue: pipe(2), two POSIX semaphores as locks"
    capacity = "bytes"
    order = "first in, first out over all producers"
    on_kill = "a killed holder leaves its lock taken: all others hang"

    def _make(self, size: int, capacity: int):
        from multiprocessing import SimpleQueue

        queue = SimpleQueue()
        self.capacity_bytes = _size_pipe(queue._writer, capacity)
        return queue

    def release(self) -> None:
        for queue in {end for ends in self._ends.values() for end in ends if end is not None}:
            queue.close()


class CpythonManagerQueue(_Queue):
    name = "cpython_manager_queue"
    summary = (
        "CPython's Manager().Queue(capacity / bytes, at least 16, of huge messages 2): in a server process, to which "
        "every put and get is a round trip"
    )
    source = (
        "multiprocessing.Manager: queue.Queue behind a unix socket and a thread for each client"
    )
    capacity = "items"
    order = "first in, first out over all producers"
    killed = {"idle": "nothing", "sending": "nothing", "receiving": "loss", "inside": "loss"}
    on_kill = (
        "one killed in get takes a message with it, that of one killed in put still comes; a killed "
        "server: EOFError or OSError for all, at once"
    )
    leftovers = (
        "Manager() leaves its server and a folder pymp-*; not here, where the server dies with the "
        "program and its socket has no file"
    )
    needs = "Linux"
    helper_name = "manager"

    def __init__(self, round_trip: bool, size: int, codec: str, capacity: int):
        self._manager, self.helper = start_manager()
        try:
            super().__init__(round_trip, size, codec, capacity)
        except BaseException:
            self.close()
            raise

    def _make(self, size: int, capacity: int):
        return self._manager.Queue(self._items(size, capacity))

    @classmethod
    def unavailable(cls) -> str | None:
        return None  # its locks are those of threads

    def close(self) -> None:
        end_manager(self._manager)


def start_manager():
    """What Manager() makes, but for the address: an abstract one leaves no file after a crash. With its process. Raises
    OSError."""
    import secrets
    from multiprocessing import get_context
    from multiprocessing.managers import SyncManager

    import child

    manager = SyncManager(f"\0ipcbench-{secrets.token_hex(8)}", ctx=get_context("fork"))
    with child.stop_signals_held():
        try:
            manager.start(child.attach, (os.getpid(),))
        except EOFError:
            manager._process.join()
            raise OSError("the manager's server did not start") from None
        return manager, manager._process


def end_manager(manager) -> None:
    import child

    with child.stop_signals_held():
        manager._process.kill()
        manager._process.join()
    manager.shutdown()  # so that proxies do not look for the server any more


def _size_pipe(connection, capacity: int) -> int:
    """Asks for a pipe of `capacity` bytes; returns what it is then (a refusal changes nothing)."""
    try:
        fcntl.fcntl(connection.fileno(), fcntl.F_SETPIPE_SZ, capacity)
    except OSError:
        pass
    return fcntl.fcntl(connection.fileno(), fcntl.F_GETPIPE_SZ)


def _size_socket(connection, capacity: int) -> int:
    """Asks for a send buffer of `capacity` bytes; returns what the kernel made it.

    It doubles what it is told, for its own book-keeping, and reports the double: half is told, as
    by unix_stream of impl/pipe.
    """
    import socket

    with socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, min(capacity, 2**30) // 2)
        return end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
