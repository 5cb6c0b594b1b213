# SPDX-License-Identifier: MIT
"""Progress: how many launches are done, and about how long the rest takes, at a terminal and in a file."""

import io
import re
import time

import pytest
from rich.console import Console

from ipcbench import progress
from ipcbench.progress import Steps


def test_the_time_left_is_what_is_expected_until_it_is_known_better():
    with Steps(Console(file=io.StringIO()), "measuring", [0.1, 0.3, 0.2]) as steps:
        assert steps.seconds_left() == pytest.approx(0.6)
        time.sleep(0.2)  # the first takes twice as long as expected, or longer
        steps.step()
        assert steps.seconds_left() >= 1.0
        steps.step()
        steps.step()
        assert steps.seconds_left() == 0


def test_a_terminal_shows_a_bar_with_counts_and_the_time_left(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")  # else rich draws the end only
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system=None, width=100)
    with Steps(console, "measuring", [5.0, 5.0, 5.0]) as steps:
        steps.step("block 1 of 3")
        steps.say("failed: a series")
        steps.step("block 2 of 3")
    shown = screen.getvalue()
    assert "measuring block 1 of 3" in shown and "measuring block 2 of 3" in shown
    assert re.search(r"1/3.*about .* left", shown) and "2/3" in shown
    assert "failed: a series" in shown


def test_a_file_gets_a_line_now_and_then(monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0)
    log = io.StringIO()
    with Steps(Console(file=log), "calibrating", [1.0, 1.0, 1.0]) as steps:
        for _ in range(3):
            steps.step()
    lines = log.getvalue().splitlines()
    assert [line.split(" runs,")[0] for line in lines] == [
        "calibrating: 1 of 3",
        "calibrating: 2 of 3",
    ]
    assert all(re.search(r"about .* left$", line) for line in lines)
