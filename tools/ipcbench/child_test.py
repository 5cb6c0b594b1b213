# SPDX-License-Identifier: MIT
"""Children: they are told apart by how they end, and none outlives the call."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from ipcbench.child import Stop, run_child


@pytest.fixture
def stop():
    with Stop() as running:
        yield running


def gone(pid_file: Path) -> bool:
    """Waits until the process whose pid a child wrote runs no longer (a zombie does not run); False if it goes on."""
    stat = Path(f"/proc/{pid_file.read_text().strip()}/stat")
    for _ in range(500):
        try:
            if stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_output_and_exit_status_come_back(stop):
    ended = run_child(["sh", "-c", "echo out; echo first >&2; echo last >&2; exit 7"], stop, 10)
    assert (ended.code, ended.out, ended.timed_out) == (7, "out\n", False)
    assert ended.reason() == "exit 7: last"


def test_a_crash_is_named_by_its_signal(stop):
    assert run_child(["sh", "-c", "kill -SEGV $$"], stop, 10).reason() == "ended by SIGSEGV"


def test_a_hanging_child_is_ended_with_its_children(stop, tmp_path):
    script = f"trap '' TERM; sleep 600 & echo $! >{tmp_path}/pid; wait; sleep 600"
    ended = run_child(["sh", "-c", script], stop, 0.5)
    assert ended.timed_out and ended.reason().startswith("no end after")
    assert gone(tmp_path / "pid")


def test_what_a_child_leaves_behind_is_ended(stop, tmp_path):
    script = f"sleep 600 >/dev/null 2>&1 & echo $! >{tmp_path}/pid"
    assert run_child(["sh", "-c", script], stop, 10).code == 0
    assert gone(tmp_path / "pid")


def test_a_signal_ends_the_child_and_is_remembered(stop):
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    ended = run_child(["sleep", "600"], stop, 60)
    timer.join()
    assert stop.signum == signal.SIGTERM
    assert ended.code == -signal.SIGTERM and not ended.timed_out


def test_a_terminal_that_is_closed_twice_lets_the_child_clean_up(stop, tmp_path):
    script = f"trap 'sleep 0.5; echo done >{tmp_path}/cleaned; exit 1' TERM; touch {tmp_path}/ready; sleep 600 & wait"

    def close_twice():
        while not (tmp_path / "ready").exists():
            time.sleep(0.01)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
            time.sleep(0.1)

    timer = threading.Thread(target=close_twice)
    timer.start()
    run_child(["sh", "-c", script], stop, 60)
    timer.join()
    assert stop.signum == signal.SIGHUP and (tmp_path / "cleaned").exists()


def test_a_child_that_ignores_the_signal_is_killed(stop):
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    ended = run_child(["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"], stop, 60)
    timer.join()
    assert stop.signum == signal.SIGINT
    assert ended.code == -signal.SIGKILL and not ended.timed_out


def test_settings_of_google_benchmark_do_not_come_from_our_environment(stop, monkeypatch):
    monkeypatch.setenv("BENCHMARK_FILTER", "nothing")
    assert run_child(["sh", "-c", 'echo "[$BENCHMARK_FILTER]"'], stop, 10).out == "[]\n"


def test_the_handlers_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with Stop():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
