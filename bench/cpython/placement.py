# SPDX-License-Identifier: MIT
"""Which CPUs the peers run on: the same as of the C++ peers (bench/harness/team.cc)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


def allowed_cpus() -> list[int]:
    """The CPUs this process may use: one of each physical core, then the hyper-thread siblings."""
    first, siblings, cores = [], [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
                core = file.readline().strip() or str(cpu)
        except OSError:
            core = str(cpu)
        (siblings if core in cores else first).append(cpu)
        cores.add(core)
    return first + siblings


def place(placement: str, peers: int) -> list[int | None]:
    """The CPU of each peer; None for one that the scheduler places."""
    if placement == "free":
        return [None] * peers
    cpus = allowed_cpus()
    if placement == "same":
        return [cpus[-1]] * peers  # the first CPU serves most interrupts
    return [cpus[i % len(cpus)] for i in range(peers)]


@contextlib.contextmanager
def on(cpu: int | None) -> Iterator[None]:
    """The caller runs on this CPU, and for good what it starts here; None: nothing is changed."""
    allowed = os.sched_getaffinity(0)
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
