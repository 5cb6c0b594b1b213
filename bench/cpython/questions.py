# SPDX-License-Identifier: MIT
"""What is asked of which backend: the series, their names, and the document that --list prints.

Nothing here imports multiprocessing, so that listing is quick.
"""

from __future__ import annotations

import os

from backends import BACKENDS

PROGRAM = "bench_cpython"
SIZES = (16, 64, 1024, 4096, 65536, 1048576)
PLACEMENTS = ("same", "cross", "free")
PEER_COUNTS = ((1, 1), (2, 1), (1, 2), (2, 2), (4, 4))  # producers, consumers of queue_throughput
# question -> (family, metric)
QUESTIONS = {
    "pipe_latency": ("pipe", "latency"),
    "pipe_throughput": ("pipe", "throughput"),
    "queue_latency": ("queue", "latency"),
    "queue_throughput": ("queue", "throughput"),
}


class Series:
    """One cell of a question. `bytes` is a message's size, `codec` '' or 'pickle'."""

    def __init__(
        self,
        question: str,
        backend: str,
        size: int,
        codec: str,
        placement: str,
        peer_counts: tuple[int, int] | None = None,
    ):
        self.question = question
        self.backend = backend
        self.bytes = size
        self.codec = codec
        self.placement = placement
        self.producers, self.consumers = peer_counts or (1, 1)
        self.metric = QUESTIONS[question][1]
        self.keys: dict[str, int | str] = {"bytes": size}
        if codec:
            self.keys["codec"] = codec
        if peer_counts:
            self.keys["producers"], self.keys["consumers"] = peer_counts
        self.keys["placement"] = placement
        pairs = [f"{key}:{value}" for key, value in self.keys.items()]
        self.name = "/".join([question, backend, *pairs])

    def skip(self) -> str | None:
        """The reason why this series makes no sense on this machine, or None."""
        if self.placement == "cross" and len(os.sched_getaffinity(0)) < 2:
            return "placement:cross needs two CPUs and this process may use only one"
        return BACKENDS[self.backend].unavailable()

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
        Series(question, backend.name, size, codec, placement, peer_counts)
        for question, (family, _) in QUESTIONS.items()
        for backend in BACKENDS.values()
        if backend.family == family
        for size in SIZES
        for codec in backend.codecs
        for peer_counts in (PEER_COUNTS if question == "queue_throughput" else (None,))
        for placement in PLACEMENTS
    ]


def list_document(series: list[Series]) -> dict:
    """What --list prints: the given series and all backends with their traits."""
    return {
        "program": PROGRAM,
        "series": [entry.describe() for entry in series],
        "backends": [backend.describe() for backend in BACKENDS.values()],
    }
