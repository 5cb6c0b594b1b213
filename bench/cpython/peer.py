# SPDX-License-Identifier: MIT
"""A peer: what a child process does, from its pinning to its end. The protocol is in peers.py."""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection

import loops
from backends import Backend
from child import Cost, attach, cost_of_children, cost_so_far
from histogram import Histogram

SPIN_NS = 500_000  # a spinning peer sleeps until so long before the start
SILENCE_S = 2.0  # before each message of a question about waiting


class Job:
    """One peer's part. `role`: ping, pong, producer, consumer, worker; `index` among those of its role,
    who are `among`. A producer that is `silent` is so before each message."""

    def __init__(
        self, role: str, index: int, cpu: int | None, among: int = 1, silent: bool = False
    ):
        self.role, self.index, self.cpu, self.among = role, index, cpu, among
        self.silent = silent
        self.name = role if role in ("ping", "pong") else f"{role} {index}"
        self.sends_first = role in ("ping", "producer", "worker")


class Peer:
    """What a child does, in the child."""

    def __init__(
        self, backend: Backend, job: Job, size: int, spin: bool, producers: int, consumers: int
    ):
        self._backend, self._job, self._spin = backend, job, spin
        self._producers, self._consumers = producers or 2, consumers  # ping and pong are two
        self._size = size

    def serve(self, control: Connection) -> None:
        """Opens its end and runs batches until told to end."""
        role = self._job.role
        if self._job.cpu is not None:
            os.sched_setaffinity(0, {self._job.cpu})  # before any thread is started
        self._send, self._receive = self._backend.open(role)
        control.send(("open", None))
        self._tails = [loops.make_tail(p, self._size) for p in range(self._producers)]
        while (order := control.recv()) is not None:
            messages, first = order
            control.send(("ready", None))
            start = control.recv()
            in_time = self._wait_for(start)
            children = self._backend.has_children
            before = cost_of_children() if children else Cost()
            before += cost_so_far()  # last, and first after the batch: looking is not billed
            outcome = self._loop(messages, first)
            control.send(("done", None))
            control.recv()
            cost = cost_so_far()
            cost = cost + (cost_of_children() if children else Cost()) - before
            self._backend.check_part(messages)
            report = self._report(outcome)
            report["cpu_ns"] = cost.cpu_ns
            report["voluntary"] = cost.voluntary
            report["involuntary"] = cost.involuntary
            report["in_time"] = in_time
            control.send(("report", report))
        if self._backend.leftover(role):
            raise loops.Mismatch("there are more messages than were due")
        control.send(("end", None))

    def _wait_for(self, start: int) -> bool:
        """Waits for the start line; True if the clock starts there for this peer."""
        if self._spin:
            time.sleep(max(0, start - SPIN_NS - time.monotonic_ns()) / 1e9)
            in_time = time.monotonic_ns() < start
            while time.monotonic_ns() < start:
                pass
            return in_time
        # The others receive at once, and wait for the first message there.
        if self._job.sends_first:
            time.sleep(max(0, start - time.monotonic_ns()) / 1e9)
        return False

    def _loop(self, messages: int, first: int):
        """This peer's part of a batch; what the loop returns."""
        role, index, tails = self._job.role, self._job.index, self._tails
        if role == "ping":
            return loops.ping(self._send, self._receive, messages, first, tails[0], tails[1])
        if role == "pong":
            return loops.pong(self._send, self._receive, messages, first, tails[1], tails[0])
        if role == "worker":
            return self._send(index, self._job.among, messages, first)
        counts = [loops.share(messages, self._producers, p) for p in range(self._producers)]
        if role == "producer":
            send = self._send_after_silence if self._job.silent else self._send
            return loops.produce(send, counts[index], first, tails[index])
        if self._consumers == 1:
            return loops.consume_alone(self._receive, counts, first, tails)
        mine = loops.share(messages, self._consumers, index)
        return loops.consume_among(self._receive, mine, counts, first, tails)

    def _send_after_silence(self, message: bytes) -> None:
        time.sleep(SILENCE_S)
        self._send(message)

    def _report(self, outcome) -> dict:
        """Stamps, histogram and marks of a loop, as the coordinator wants them. Not timed."""
        report = {"begin": None, "end": None, "seen": None, "round_trips": Histogram()}
        if self._job.role == "ping":
            report["begin"], report["end"] = outcome[0], outcome[-1]
            report["round_trips"].record_stamps(outcome)
        elif self._job.role == "worker":
            report["begin"], report["end"] = outcome
        elif self._job.role == "producer":
            report["begin"] = outcome
        elif self._job.role == "consumer" and self._consumers == 1:
            report["end"] = outcome
        elif self._job.role == "consumer":
            report["end"], report["seen"] = outcome
        return report


def run_peer(peer: Peer, control: Connection, others: list[Connection], parent: int) -> None:
    """The body of a child process."""
    attach(parent)
    for other in others:
        other.close()
    try:
        peer.serve(control)
    except BaseException as error:
        known = isinstance(error, loops.Mismatch)
        text = str(error) if known else f"{type(error).__name__} {error}"
        cut_off = isinstance(error, (EOFError, OSError))
        try:
            control.send(("cut off" if cut_off else "fault", text))
        except OSError:
            pass  # nobody is there to be told
        os._exit(1)
