# SPDX-License-Identifier: MIT
"""Measures one series: places the peers, finds the size of a batch, adds up the batches."""

from __future__ import annotations

from contextlib import ExitStack

import placement
from backends import Backend
from registry import BACKENDS
from histogram import Histogram
from peer import Job
from peers import Peers, SeriesFailed
from questions import Series

TARGET_NS = 20_000_000  # a batch without a given size
FIRST_TRIAL = 16  # messages


class Result:
    """Totals of one series over its batches. Times in ns, `messages` per batch."""

    def __init__(self, messages: int, batches: int, capacity_bytes: int):
        self.messages, self.batches, self.capacity_bytes = messages, batches, capacity_bytes
        self.elapsed_ns = self.cpu_ns = self.voluntary = self.involuntary = 0
        self.round_trips = Histogram()


def measure(
    series: Series,
    messages: int | None,
    batches: int,
    capacity: int,
    time_limit: float,
    backend_class: type[Backend] | None = None,
) -> Result:
    """Runs a warm-up batch and `batches` measured ones of `messages` messages (None: calibrated).

    `capacity` in bytes, `time_limit` per batch in s. Raises SeriesFailed. Leaves no process behind.
    """
    round_trip = series.metric == "latency"
    backend_class = backend_class or BACKENDS[series.backend]
    roles = _roles(series, round_trip)
    *cpus, helper_cpu = placement.place(series.placement, len(roles) + 1)
    jobs = [
        Job(role, index, cpu, max(1, series.processes), series.metric == "cost")
        for (role, index), cpu in zip(roles, cpus)
    ]
    busy = len(jobs) + bool(backend_class.helper_name)
    spin = series.placement == "cross" and busy <= len(placement.allowed_cpus())
    with ExitStack() as ends:
        try:
            with placement.on(helper_cpu if backend_class.helper_name else None):
                backend = backend_class(round_trip, series.bytes, series.codec, capacity)
            backend.question, backend.op = series.question, series.op
            ends.callback(backend.close)
            size = 0 if backend.family == "process" else series.bytes  # of messages
            peers = Peers(backend, jobs, size, spin, time_limit)
            ends.callback(peers.kill)
        except OSError as error:
            raise SeriesFailed(f"cannot be set up: {error}") from None
        if messages is None:
            least = max(series.producers, series.consumers, series.processes)
            messages = least if series.metric == "cost" else max(calibrate(peers), least)
        peers.batch(messages)
        result = Result(messages, batches, backend.capacity_bytes)
        for _ in range(batches):
            batch = peers.batch(messages)
            result.elapsed_ns += batch.elapsed_ns
            result.cpu_ns += batch.cpu_ns
            result.voluntary += batch.voluntary
            result.involuntary += batch.involuntary
            result.round_trips.merge(batch.round_trips)
        peers.close()
        return result


def _roles(series: Series, round_trip: bool) -> list[tuple[str, int]]:
    """(role, index among those of its role) of each peer, in the order of their CPUs."""
    if round_trip:
        return [("pong", 0), ("ping", 0)]
    backend = BACKENDS[series.backend]
    if backend.family in ("shared", "process", "manager"):
        count = 1 if backend.one_worker else max(1, series.processes)
        return [("worker", i) for i in range(count)]
    roles = [("consumer", i) for i in range(series.consumers)]
    return roles + [("producer", i) for i in range(series.producers)]


def calibrate(peers: Peers) -> int:
    """The number of messages that takes about TARGET_NS, found by doubling trial batches."""
    messages = FIRST_TRIAL
    while True:
        elapsed = peers.batch(messages).elapsed_ns
        if elapsed >= TARGET_NS / 2:  # perhaps by a disturbance: ask again
            elapsed = min(elapsed, peers.batch(messages).elapsed_ns)
        if elapsed >= TARGET_NS / 2:
            return max(1, round(messages * TARGET_NS / elapsed))
        messages *= 2
