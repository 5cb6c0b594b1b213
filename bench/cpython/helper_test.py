# SPDX-License-Identifier: MIT
"""A backend's helper, the server of a manager: where it runs, who pays for it, and what a killed process does to others."""

import contextlib
import itertools
import multiprocessing
import os
import queue
import re
import signal
import subprocess
import threading
import time
from resource import RUSAGE_SELF, getrusage

import pytest

import peers
import placement
from backends import CpythonManagerQueue
from child import Cost, cost_of
from measure import measure
from peer import Job
from peers import SeriesFailed
from questions import Series

fork = multiprocessing.get_context("fork")


def series(placed="same"):
    return Series("queue_throughput", "cpython_manager_queue", 64, "pickle", placed, (1, 1))


def run(backend=CpythonManagerQueue, placed="same"):
    return measure(series(placed), 200, 2, 65536, 5.0, backend)


def cpus_of(pid):
    """The CPUs that each thread of a process may use."""
    return [os.sched_getaffinity(int(thread)) for thread in os.listdir(f"/proc/{pid}/task")]


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    allowed = os.sched_getaffinity(0)
    yield
    assert not multiprocessing.active_children()
    assert os.sched_getaffinity(0) == allowed


@pytest.mark.parametrize("placed", ["same", "cross", "free"])
def test_the_helper_runs_behind_the_peers(placed):
    """On their CPU (same), on that after theirs (cross), anywhere (free)."""

    class Telling(CpythonManagerQueue):
        def open(self, role):
            send, receive = super().open(role)
            self._ends[role][0 if send else 1].qsize()  # now it has the thread that serves us, too
            raise RuntimeError(f"{sorted(set(map(tuple, map(sorted, cpus_of(self.helper.pid)))))}")

    cpus = placement.allowed_cpus()
    if placed == "cross" and len(cpus) < 2:
        pytest.skip("needs two CPUs")
    where = {"same": [cpus[-1]], "cross": [cpus[2 % len(cpus)]], "free": sorted(cpus)}[placed]
    with pytest.raises(SeriesFailed, match=re.escape(f"RuntimeError {[tuple(where)]}")):
        run(Telling, placed)


def test_the_helpers_cost_is_in_the_row(monkeypatch):
    asked = []

    def a_lot_each_time(pid):
        asked.append(pid)
        return Cost(len(asked) * 10**15, len(asked) * 10**9, len(asked) * 10**7)

    monkeypatch.setattr(peers, "cost_of", a_lot_each_time)
    result = run()
    assert len(asked) == 2 * 3 and len(set(asked)) == 1  # before and after each batch
    assert 2 * 10**15 < result.cpu_ns < 2.1 * 10**15
    assert 2 * 10**9 < result.voluntary < 2.1 * 10**9
    assert 2 * 10**7 <= result.involuntary < 2.1 * 10**7


def test_the_cost_of_a_process_is_that_of_all_its_threads():
    ours, theirs = multiprocessing.Pipe()

    def work():
        def burn():
            while time.thread_time() < 0.03:
                pass

        def sleep():
            for _ in range(50):
                time.sleep(0.0001)

        tasks = [burn, burn, sleep]
        done = threading.Barrier(len(tasks) + 1)
        for task in tasks:
            threading.Thread(
                target=lambda t=task: (t(), done.wait(), time.sleep(60)), daemon=True
            ).start()
        done.wait()
        usage = getrusage(RUSAGE_SELF)
        theirs.send((time.process_time_ns(), usage.ru_nvcsw, usage.ru_nivcsw))
        time.sleep(60)

    process = fork.Process(target=work, daemon=True)
    process.start()
    told = Cost(*ours.recv())
    time.sleep(0.1)  # it goes to sleep
    more = cost_of(process.pid) - told
    assert told.cpu_ns >= 60e6 and told.voluntary >= 50
    assert 0 <= more.cpu_ns < 20e6 and 0 <= more.voluntary < 20 and 0 <= more.involuntary < 20
    process.kill()
    process.join()
    with pytest.raises(OSError):
        cost_of(process.pid)


def test_a_server_that_is_killed_is_the_reason():
    class Killing(CpythonManagerQueue):
        def open(self, role):
            send, receive = super().open(role)
            if role == "consumer":
                return send, receive
            calls = iter(range(10**9))

            def put(message):
                if next(calls) == 50:
                    os.kill(self.helper.pid, signal.SIGKILL)
                send(message)

            return put, None

    with pytest.raises(SeriesFailed, match=re.escape("manager was killed by signal 9 (Killed)")):
        run(Killing)


def test_a_server_that_is_killed_is_the_reason_though_all_peers_have_ended_before_it(monkeypatch):
    """The kernel closes the connections of a dying process before its parent hears of its end."""
    monkeypatch.setattr(peers, "GRACE_S", 20.0)  # whatever else runs on that CPU

    class Dying(CpythonManagerQueue):
        def open(self, role):
            def cut_off(*message):
                if role == "producer":
                    subprocess.Popen(["sh", "-c", f"sleep 0.1; kill -KILL {self.helper.pid}"])
                raise ConnectionResetError(104, "Connection reset by peer")

            return (cut_off, None) if role == "producer" else (None, cut_off)

    with pytest.raises(SeriesFailed, match=re.escape("manager was killed by signal 9 (Killed)")):
        run(Dying)


def test_a_peer_that_is_killed_between_two_looks_at_it_is_the_reason():
    ended, end = multiprocessing.Pipe()
    end.close()

    class Victim:
        sentinel = ended
        looks = itertools.chain([None], itertools.repeat(-signal.SIGKILL))
        exitcode = property(lambda self: next(self.looks))

    watched = peers.Peers.__new__(peers.Peers)
    watched._jobs, watched._processes = [Job("producer", 0, None)], [Victim()]
    watched._controls, watched._helper = [], None
    assert str(watched._failure("cut off")) == "producer 0 was killed by signal 9 (Killed)"


def test_a_manager_that_does_not_start_is_no_result(monkeypatch):
    import child

    monkeypatch.setattr(child, "attach", lambda coordinator: os._exit(1))
    with pytest.raises(SeriesFailed, match="cannot be set up: the manager's server did not start"):
        run()


# What the traits say of killed processes (on_kill).


@pytest.fixture
def shared():
    """A Manager().Queue(16) and the manager's server."""
    with contextlib.closing(CpythonManagerQueue(False, 64, "pickle", 1024)) as backend:
        yield backend._ends["producer"][0], backend.helper


def killed_while(task):
    """Runs the task in a process and kills that while it waits in it."""
    ours, theirs = multiprocessing.Pipe()
    process = fork.Process(target=lambda: (theirs.send("now"), task()), daemon=True)
    process.start()
    ours.recv()
    process.join(0.5)
    assert process.is_alive(), "it was to wait"
    process.kill()
    process.join()


def test_a_client_killed_between_calls_disturbs_nobody(shared):
    items, _ = shared
    killed_while(lambda: (items.put(1), time.sleep(60)))
    items.put(2)
    assert [items.get(timeout=60), items.get(timeout=60)] == [1, 2]


def test_a_client_killed_in_get_takes_a_message_with_it(shared):
    items, _ = shared
    killed_while(items.get)
    items.put("lost")
    deadline = time.monotonic() + 60
    while items.qsize():  # until its thread in the server has taken it
        assert time.monotonic() < deadline
    items.put("next")
    assert items.get(timeout=60) == "next"
    with pytest.raises(queue.Empty):
        items.get(timeout=0.1)


def test_the_message_of_a_client_killed_in_put_still_comes(shared):
    items, _ = shared
    for number in range(16):
        items.put(number)
    killed_while(lambda: items.put("late"))
    assert [items.get(timeout=60) for _ in range(17)] == [*range(16), "late"]


def test_a_killed_server_is_an_error_for_all_at_once(shared):
    items, server = shared
    ours, theirs = multiprocessing.Pipe()

    def wait():
        try:
            items.get()
        except (EOFError, OSError) as error:
            theirs.send(type(error).__name__)

    waiting = fork.Process(target=wait, daemon=True)
    waiting.start()
    waiting.join(0.5)
    server.kill()
    assert ours.poll(60) and ours.recv() in ("EOFError", "ConnectionResetError")
    waiting.join()
    for _ in range(2):
        with pytest.raises((EOFError, OSError)):
            items.put(1)
