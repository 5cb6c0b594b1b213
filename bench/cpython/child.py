# SPDX-License-Identifier: MIT
"""Child processes of the coordinator, peers and helpers: how they are tied to it, and what they cost."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Iterator
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_PR_SET_PDEATHSIG = 1


@contextlib.contextmanager
def stop_signals_held() -> Iterator[None]:
    """Signals that ask to end come only afterwards: when all children are known, and each has its handlers."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def attach(coordinator: int) -> None:
    """Called first in a child: it dies with the coordinator (its process id), who alone ends it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != coordinator:
        os._exit(1)
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


class Cost:
    """What a process has used so far, all its threads together; or a difference of two of these."""

    def __init__(self, cpu_ns: int = 0, voluntary: int = 0, involuntary: int = 0):
        self.cpu_ns, self.voluntary, self.involuntary = cpu_ns, voluntary, involuntary

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.cpu_ns + other.cpu_ns,
            self.voluntary + other.voluntary,
            self.involuntary + other.involuntary,
        )

    def __sub__(self, earlier: Cost) -> Cost:
        return Cost(
            self.cpu_ns - earlier.cpu_ns,
            self.voluntary - earlier.voluntary,
            self.involuntary - earlier.involuntary,
        )


def cost_so_far() -> Cost:
    """Of this process."""
    usage = getrusage(RUSAGE_SELF)
    return Cost(time.process_time_ns(), usage.ru_nvcsw, usage.ru_nivcsw)


def cost_of_children() -> Cost:
    """Of those that this process has waited for, and of those that it has."""
    usage = getrusage(RUSAGE_CHILDREN)
    ended = round((usage.ru_utime + usage.ru_stime) * 1e9)
    cost = Cost(ended, usage.ru_nvcsw, usage.ru_nivcsw)
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/children", encoding="ascii") as children:
            for pid in children.read().split():
                cost += cost_of(int(pid))
    return cost


def cost_of(pid: int) -> Cost:
    """Of another process. The switches are those of its threads that still run. Raises OSError when it is gone."""
    clock = ctypes.c_int()
    if number := ctypes.CDLL(None).clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(number, f"clock_getcpuclockid({pid}): {os.strerror(number)}")
    cost = Cost(time.clock_gettime_ns(clock.value))
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/status") as file:
                counts = dict(line.split(":", 1) for line in file)
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        cost.voluntary += int(counts["voluntary_ctxt_switches"])
        cost.involuntary += int(counts["nonvoluntary_ctxt_switches"])
    return cost
