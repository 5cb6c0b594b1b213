# SPDX-License-Identifier: MIT
"""What is asked of which backend: the series, their names, and the document that --list prints.

Nothing here imports multiprocessing, so that listing is quick.
"""

from __future__ import annotations

import os

from backends import HUGE
from registry import BACKENDS

PROGRAM = "bench_cpython"
SIZES = (16, 64, 1024, 4096, 65536, 1048576)
GIBIBYTE = 1 << 30  # that a parent has in memory
HUGE_SIZES = (HUGE, 4 * HUGE)  # asked of streams of one pair whose placement is known
PLACEMENTS = ("same", "cross", "free")
PEER_COUNTS = ((1, 1), (2, 1), (1, 2), (2, 2), (4, 4))  # producers, consumers of queue_throughput
ARRAY_SIZES = (64, 4096, 65536, 1048576)
# question -> (what its backends are for, metric); the first word of what they are for is the family
QUESTIONS = {
    "pipe_latency": (("pipe",), "latency"),
    "pipe_throughput": (("pipe",), "throughput"),
    "queue_latency": (("queue",), "latency"),
    "queue_throughput": (("queue",), "throughput"),
    "pipe_idle_cost": (("pipe",), "cost"),
    "queue_idle_cost": (("queue",), "cost"),
    "value_update": (("shared value",), "throughput"),
    "array_copy": (("shared array",), "throughput"),
    "array_handoff": (("shared handoff",), "latency"),
    "lock_handoff": (("shared lock",), "throughput"),
    "process_start": (("process start",), "throughput"),
    "pool_apply": (("process pool",), "throughput"),
    "pool_map": (("process pool", "process task"), "throughput"),
    "pool_once": (("process pool", "process task"), "throughput"),
    "cpu_bound": (("process work",), "throughput"),
    "io_bound": (("process work",), "throughput"),
    "context_switch": (("process switch",), "throughput"),
    "manager_call": (("manager",), "throughput"),
    "manager_connect": (("manager",), "throughput"),
}

# What manager_call calls: those with a payload, and the others.
PAYLOADS = (64, 4096, 65536, 1048576)
CALLS = {"dict_get": PAYLOADS, "dict_set": PAYLOADS, "list_append": (), "list_index": ()}
CALLS |= {"namespace_set": (), "value_set": (), "lock_cycle": (), "queue_put_get": ()}
CALLS |= {"event_wait": ()}

# What pool_once has to do: so many tasks of so long.
BURSTS = tuple(f"{tasks}x{ms}ms" for tasks in (1, 2, 4, 16) for ms in (0, 1, 10))


class Series:
    """One cell of a question. `bytes` is a message's size (of process_start what the parent has
    in memory), `codec` '' or 'pickle', `op` what the question
    tells apart by itself, `processes` how many take part, or how many clients a manager has. A size of
    0, no processes and no op are not in the name: the question has no such axis."""

    def __init__(
        self,
        question: str,
        backend: str,
        size: int,
        codec: str,
        placement: str,
        peer_counts: tuple[int, int] | None = None,
        processes: int = 0,
        op: str = "",
    ):
        self.question = question
        self.backend = backend
        self.bytes = size
        self.codec = codec
        self.placement = placement
        self.producers, self.consumers = peer_counts or (1, 1)
        self.metric = QUESTIONS[question][1]
        self.processes = processes
        self.op = op
        self.keys: dict[str, int | str] = {"bytes": size} if size else {}
        if codec:
            self.keys["codec"] = codec
        if op:
            self.keys["op"] = op
        if peer_counts:
            self.keys["producers"], self.keys["consumers"] = peer_counts
        if processes:
            self.keys["clients" if question.startswith("manager") else "processes"] = processes
        self.keys["placement"] = placement
        pairs = [f"{key}:{value}" for key, value in self.keys.items()]
        self.name = "/".join([question, backend, *pairs])

    def skip(self) -> str | None:
        """The reason why this series makes no sense on this machine, or None."""
        if self.placement == "cross" and len(os.sched_getaffinity(0)) < 2:
            return "placement:cross needs two CPUs and this process may use only one"
        backend = BACKENDS[self.backend]
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if self.question == "process_start" and memory < 4 * self.bytes:
            return (
                f"it takes {self.bytes >> 20} MiB, and the machine has {memory >> 20} MiB of memory"
            )
        if self.processes > backend.processes:
            return "without a lock, changes of several are lost"
        return backend.unavailable()

    def describe(self) -> dict:
        """The entry of this series in the --list document."""
        return {
            "name": self.name,
            "question": self.question,
            "backend": self.backend,
            "keys": self.keys,
            "metric": self.metric,
            "wait_class": BACKENDS[self.backend].wait_class,
            "skip": self.skip(),
        }


def all_series() -> list[Series]:
    """Every series of this program, those to be skipped here included, in a fixed order."""
    return [
        Series(question, backend.name, size, codec, placement, peer_counts, processes, op)
        for question, (uses, _) in QUESTIONS.items()
        for backend in BACKENDS.values()
        if backend.use in uses
        for codec in backend.codecs
        for op in {"pool_once": BURSTS, "manager_call": CALLS}.get(question, ("",))
        for size, peer_counts, processes, placement in _cells(question, op)
    ]


def _cells(question: str, op: str) -> list[tuple[int, tuple[int, int] | None, int, str]]:
    """Size, producers and consumers, processes and placement of a question's cells."""
    if question == "value_update":
        alone, crowd = (0, None, 1, "same"), (0, None, 4, "free")
        return [alone, *((0, None, 2, placement) for placement in PLACEMENTS), crowd]
    if question == "lock_handoff":
        return [(0, None, 2, placement) for placement in PLACEMENTS]
    if question == "array_copy":
        return [(size, None, 0, "same") for size in ARRAY_SIZES]
    if question == "array_handoff":
        return [(size, None, 0, where) for size in ARRAY_SIZES for where in ("same", "cross")]
    if question == "process_start":
        return [(held, None, 0, where) for held in (0, GIBIBYTE) for where in ("same", "free")]
    if question == "pool_apply":
        return [(0, None, 1, placement) for placement in ("same", "free")]
    if question in ("pool_map", "cpu_bound", "io_bound"):
        return [(0, None, workers, "free") for workers in (1, 2, 4)]
    if question == "pool_once":
        return [(0, None, 2, "free")]
    if question == "manager_call":
        alone = [(size, None, 1, where) for where in PLACEMENTS for size in (0, *CALLS[op])]
        return alone + [(0, None, clients, "free") for clients in (2, 4)]
    if question == "manager_connect":
        return [(0, None, 1, placement) for placement in PLACEMENTS]
    if question == "context_switch":
        return [(0, None, 2, "same")]
    if QUESTIONS[question][1] == "cost":
        return [(64, None, 0, "cross")]
    counts = PEER_COUNTS if question == "queue_throughput" else (None,)
    cells = [(size, peers, 0, where) for size in SIZES for peers in counts for where in PLACEMENTS]
    if QUESTIONS[question][1] == "throughput":
        cells += [(size, counts[0], 0, where) for size in HUGE_SIZES for where in ("same", "cross")]
    return cells


def list_document(series: list[Series]) -> dict:
    """What --list prints: the given series and all backends with their traits."""
    return {
        "program": PROGRAM,
        "series": [entry.describe() for entry in series],
        "backends": [backend.describe() for backend in BACKENDS.values()],
    }
