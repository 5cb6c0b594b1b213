# SPDX-License-Identifier: MIT
"""Progress of a run: a bar on a terminal, now and then a plain line elsewhere. It moves only between two launches."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

PLAIN_SECONDS = 10.0


def duration(seconds: float) -> str:
    """A duration for people: 45 s, 3 min 20 s, 1 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Steps:
    """Counts launches. `expected` is the estimated seconds of each; the time left follows what they really take."""

    def __init__(self, console: Console, what: str, expected: list[float]):
        self._console = console
        self._what = what
        self._expected = expected
        self._done = 0
        self._start = self._said = time.monotonic()
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(
                *columns, TextColumn("{task.fields[left]}"), console=console, auto_refresh=False
            )

    def __enter__(self) -> Steps:
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task(self._what, total=len(self._expected), left="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def seconds_left(self) -> float:
        before, after = sum(self._expected[: self._done]), sum(self._expected[self._done :])
        pace = (time.monotonic() - self._start) / before if before > 0 else 1.0
        return after * pace

    def say(self, text: str) -> None:
        """A line that stays, above the bar."""
        (self._bar.console if self._bar else self._console).print(
            text, markup=False, soft_wrap=True
        )

    def step(self, where: str = "") -> None:
        """One launch has ended; `where` says in which part of the work, such as a block."""
        what = f"{self._what} {where}".strip()
        self._done += 1
        left = f"about {duration(self.seconds_left())} left"
        if self._bar is not None:
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=self._done, description=what, left=left)
            self._bar.refresh()
        elif time.monotonic() - self._said >= PLAIN_SECONDS and self._done < len(self._expected):
            self._said = time.monotonic()
            self.say(f"{what}: {self._done} of {len(self._expected)} runs, {left}")
