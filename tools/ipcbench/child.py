# SPDX-License-Identifier: MIT
"""Starts programs so that none outlives us: one at a time, in a process group of its own, with a time limit.

Signals: the first SIGINT, SIGTERM or SIGHUP asks the running group to end (SIGTERM, so that it removes its kernel
objects; SIGKILL follows) and is remembered in `Stop.signum`; whoever drives looks there between two children and
finishes in an orderly way. The second signal ends everything at once, but for SIGHUP: a terminal that is closed sends it
more than once, and nobody is impatient.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRACE_SECONDS = 6  # twice what ZeroMQ and nng may take to end
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A signal came before there was anything to keep."""


class Stop:
    """Remembers the first signal and ends the running child. At most one child runs at a time."""

    def __init__(self) -> None:
        self.signum: int | None = None
        self.child: int | None = None

    def __enter__(self) -> Stop:
        """Takes the signals over until __exit__."""
        self._before = {signum: signal.signal(signum, self._handle) for signum in _SIGNALS}
        kill = lambda *_: self.end_child(signal.SIGKILL)
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, kill)
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _handle(self, signum: int, _frame: Any) -> None:
        if self.signum is None:
            self.signum = signum
            self.ask_child()
        elif signum != signal.SIGHUP:
            self.end_child(signal.SIGKILL)
            os._exit(128 + signum)

    def ask_child(self) -> None:
        """Asks the running child to end, and ends it when it has not done so after GRACE_SECONDS."""
        if self.child is not None:
            self.end_child(signal.SIGTERM)
            signal.alarm(GRACE_SECONDS)

    def end_child(self, signum: int) -> None:
        if self.child is not None:
            try:
                os.killpg(self.child, signum)
            except ProcessLookupError:
                pass


@dataclass(frozen=True)
class Ended:
    """How a child ended. `code` as subprocess has it (negative: by that signal), `seconds` of wall time."""

    code: int
    out: str
    err: str
    timed_out: bool
    seconds: float

    def reason(self) -> str:
        """One line for people: how it ended, and the last thing that it said."""
        if self.timed_out:
            how = f"no end after {self.seconds:.0f} s, killed"
        elif self.code < 0:
            how = f"ended by {signal.Signals(-self.code).name}"
        else:
            how = f"exit {self.code}"
        said = (self.err.strip() or self.out.strip()).splitlines()
        return f"{how}: {said[-1].strip()}" if said else how


def run_child(argv: list[str], stop: Stop, seconds: float, cwd: Path | None = None) -> Ended:
    """Runs a program to its end, at most `seconds`; then its whole process group is gone.

    Sleeps in poll(2) on a pidfd meanwhile, so that nothing of ours runs beside what is measured.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BENCHMARK_")}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
        stop.child = child.pid
        if stop.signum is not None:
            stop.ask_child()
        timed_out = not _ends_within(child.pid, seconds)
        if timed_out:
            stop.end_child(signal.SIGTERM)
            _ends_within(child.pid, GRACE_SECONDS)
        stop.end_child(signal.SIGKILL)
        stop.child = None
        signal.alarm(0)
        code = child.wait()
        elapsed = time.monotonic() - start
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
        return Ended(code, texts[0], texts[1], timed_out, elapsed)


def _ends_within(pid: int, seconds: float) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)
