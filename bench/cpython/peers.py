# SPDX-License-Identifier: MIT
"""The coordinator's side of the peers: forks, starts, watches, bills and ends them.

One control connection per peer, which is not the measured object, carries orders, reports and
errors. The coordinator only sleeps on these; a peer that dies (end of file), fails (its report) or
hangs (the time limit of a batch) becomes a SeriesFailed, and all peers are killed.

A batch: every peer says that it is ready; the coordinator publishes an instant; the peers run their
loop (loops.py) and say that they are done; only when all are done does each take the costs of its
process, so that the work of a feeder thread after its producer's last put is billed. The coordinator
takes those of the backend's helper, if it has one, and watches it as it does the peers. What a
worker's tasks gave is checked after that.
"""

from __future__ import annotations

import os
import signal
import time
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection, wait

import loops
from backends import Backend
from child import Cost, cost_of, stop_signals_held
from histogram import Histogram
from peer import Job, Peer, run_peer

LEAD_NS = 2_000_000  # from publishing the start to the start: every peer has woken up by then
GRACE_S = 1.0  # after a peer was cut off, for the cause of it to show
START_S = 30.0  # for peers to open their ends
END_S = 5.0  # for peers that are told to end


class SeriesFailed(Exception):
    """The series has no result; the text is the reason."""


class Batch:
    """One batch: wall time, costs summed over peers and helper, round trips (latency only)."""

    def __init__(self) -> None:
        self.elapsed_ns = self.cpu_ns = self.voluntary = self.involuntary = 0
        self.round_trips = Histogram()


class Peers:
    """One process per job. REQUIRES: a caller without threads, who calls `kill` at the end."""

    def __init__(self, backend: Backend, jobs: list[Job], size: int, spin: bool, time_limit: float):
        """`size` of a message in bytes; `spin` to the start line; `time_limit` of a batch in s."""
        self._jobs, self._time_limit = jobs, time_limit
        self._helper, self._helper_name = backend.helper, backend.helper_name
        self._check = backend.check
        self._controls: list[Connection] = []
        self._processes: list = []
        self._first = 0  # sequence number of the next batch
        try:
            self._fork(backend, size, spin)
            self._allow(START_S)
            self._collect("open")
        except BaseException:
            self.kill()
            raise

    def _fork(self, backend: Backend, size: int, spin: bool) -> None:
        """Starts the processes."""
        fork = get_context("fork")
        counts = [sum(job.role == role for job in self._jobs) for role in ("producer", "consumer")]
        with stop_signals_held():
            for job in self._jobs:
                control, theirs = Pipe()
                self._controls.append(control)
                peer = Peer(backend, job, size, spin, *counts)
                arguments = (peer, theirs, self._controls, os.getpid())
                # One that starts processes must be no daemon; it ends with the coordinator all the same.
                daemon = not backend.has_children
                process = fork.Process(target=run_peer, args=arguments, daemon=daemon)
                process.start()
                self._processes.append(process)
                theirs.close()
            backend.release()

    def batch(self, messages: int) -> Batch:
        """Moves `messages` messages (round trips). Raises SeriesFailed."""
        self._allow(self._time_limit)
        self._tell((messages, self._first))
        self._first += messages
        self._collect("ready")
        before = self._helper_cost()
        start = time.monotonic_ns() + LEAD_NS
        self._tell(start)
        self._collect("done")
        helped = self._helper_cost() - before
        self._tell("report")
        reports = self._collect("report")
        try:
            self._check(self._first)
            return _combine(reports, helped, start)
        except loops.Mismatch as mismatch:
            raise SeriesFailed(str(mismatch)) from None

    def close(self) -> None:
        """Ends all peers, senders first; then none may find a message. Raises SeriesFailed."""
        self._allow(END_S)
        for senders in (True, False):
            indices = [i for i, job in enumerate(self._jobs) if job.sends_first == senders]
            for i in indices:
                self._send(i, None)
            for i in indices:
                self._receive(i, "end")
                self._processes[i].join(self._left())
                if self._processes[i].exitcode != 0:
                    raise self._failure(f"{self._jobs[i].name} did not end as it should")

    def kill(self) -> None:
        """Ends and reaps whatever still runs, at once. May be called at any time, and again."""
        with stop_signals_held():
            for process in self._processes:
                process.kill()
            for process in self._processes:
                process.join()
            for control in self._controls:
                control.close()

    def _helper_cost(self) -> Cost:
        """What the backend's helper has cost so far, nothing without one. Raises SeriesFailed."""
        if self._helper is None:
            return Cost()
        try:
            return cost_of(self._helper.pid)
        except OSError:
            raise self._failure(f"{self._helper_name} has ended unasked") from None

    def _allow(self, seconds: float) -> None:
        """Limits what follows, until the next call."""
        self._limit, self._deadline = seconds, time.monotonic() + seconds

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    def _send(self, index: int, order) -> None:
        try:
            self._controls[index].send(order)
        except OSError:
            raise self._failure(f"{self._jobs[index].name} has ended unasked") from None

    def _tell(self, order) -> None:
        for i in range(len(self._jobs)):
            self._send(i, order)

    def _collect(self, kind: str) -> list:
        """One answer of each peer, in the order of the jobs."""
        answers: list = [None] * len(self._jobs)
        waiting = dict(zip(self._controls, range(len(self._jobs))))
        while waiting:
            ready = wait(list(waiting), self._left())
            if not ready:
                raise self._timeout(waiting.values())
            for control in ready:
                i = waiting.pop(control)
                answers[i] = self._receive(i, kind)
        return answers

    def _receive(self, index: int, kind: str):
        control, name = self._controls[index], self._jobs[index].name
        if not control.poll(self._left()):
            raise self._timeout([index])
        try:
            answer, value = control.recv()
        except (EOFError, OSError):
            raise self._failure(f"{name} has ended unasked") from None
        if answer == "cut off":
            raise self._failure(f"{name}: {value}")
        if answer == "fault":
            raise SeriesFailed(f"{name}: {value}")
        if answer != kind:
            raise SeriesFailed(f"{name} said {answer!r} where {kind!r} was due")
        return value

    def _timeout(self, indices) -> SeriesFailed:
        names = ", ".join(self._jobs[i].name for i in indices)
        return SeriesFailed(f"time limit of {self._limit:g} s passed, waiting for {names}")

    def _failure(self, reason: str) -> SeriesFailed:
        """The reason given, unless a peer turns out to be killed or to have found a fault, or the
        helper to be killed.

        The others lose their connections to it, and may complain and end before it is known.
        """
        deadline = time.monotonic() + GRACE_S
        talking = dict(zip(self._controls, self._jobs))
        watched = [(job.name, process) for job, process in zip(self._jobs, self._processes)]
        if self._helper is not None:
            watched.append((self._helper_name, self._helper))
        while True:
            # Once a turn: a process may end between two looks, and must not be missed by both.
            codes = [process.exitcode for _, process in watched]
            for (name, _), code in zip(watched, codes):
                if code is not None and code < 0:
                    number = -code
                    cause = f"signal {number} ({signal.strsignal(number)})"
                    return SeriesFailed(f"{name} was killed by {cause}")
            alive = [p.sentinel for (_, p), code in zip(watched, codes) if code is None]
            left = deadline - time.monotonic()
            if left <= 0 or not (alive or talking):
                return SeriesFailed(reason)
            for ready in wait([*alive, *talking], left):
                if ready not in talking:
                    continue
                try:
                    answer, value = ready.recv()
                except (EOFError, OSError):
                    del talking[ready]
                    continue
                if answer == "fault":
                    return SeriesFailed(f"{talking[ready].name}: {value}")


def _combine(reports: list[dict], helped: Cost, start: int) -> Batch:
    """The batch from the peers' reports and the helper's cost. Raises Mismatch if a message came
    twice or never."""
    result = Batch()
    result.cpu_ns, result.voluntary = helped.cpu_ns, helped.voluntary
    result.involuntary = helped.involuntary
    for report in reports:
        result.cpu_ns += report["cpu_ns"]
        result.voluntary += report["voluntary"]
        result.involuntary += report["involuntary"]
        result.round_trips.merge(report["round_trips"])
    loops.exactly_once([report["seen"] for report in reports if report["seen"] is not None])
    # Round trips have a clock of their own. Streams of peers that spin start at the published
    # instant, unless someone came too late for it.
    begin = min(report["begin"] for report in reports if report["begin"] is not None)
    if not result.round_trips.total and all(report["in_time"] for report in reports):
        begin = start
    end = max(report["end"] for report in reports if report["end"] is not None)
    result.elapsed_ns = end - begin
    return result
