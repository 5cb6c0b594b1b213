# SPDX-License-Identifier: MIT
"""What the others notice of a killed process is what the traits say (`killed`), for every backend."""

import contextlib
import multiprocessing
import queue
import time

import pytest

from registry import BACKENDS

fork = multiprocessing.get_context("fork")
LARGE = bytes(256 * 1024)  # more than a transport holds: killed inside such a message
PATIENCE = 10.0
MESSAGES = 8


def killed(state, send, receive):
    """Forks a process that goes into that state, and kills it there."""
    ours, theirs = multiprocessing.Pipe()

    def victim():
        theirs.send("now")
        while state == "sending":
            send()(LARGE)
        if state == "receiving":
            receive()()
        time.sleep(60)

    process = fork.Process(target=victim, daemon=True)
    process.start()
    ours.recv()
    process.join(2)  # it is there by then, whatever else runs
    assert process.is_alive(), "it was to wait"
    process.kill()
    process.join()


def of_pipe(backend, state):
    """What is left at the other side of a pipe."""
    opened = []

    def end(number):  # in the victim
        if not opened:
            opened.extend(backend.open("pong"))
        return opened[number]

    killed(state, lambda: end(0), lambda: end(1))
    _, receive = backend.open("ping")
    connection = backend._ends["ping"][1]
    try:
        while connection.poll(0.5):
            receive()
    except EOFError:
        return "end of file"
    except OSError:
        return "error"
    return "time-out"


def of_queue(backend, state):
    """How much of what others exchange over the queue arrives."""
    items = backend._ends["producer"][0]
    killed(state, lambda: items.put, lambda: items.get)
    ours, theirs = multiprocessing.Pipe()
    takes_time = {"timeout": 0.5} if hasattr(items, "get_nowait") else {}

    def exchange():
        arrived = 0
        try:
            while not items.empty():
                items.get()
            for number in range(MESSAGES):
                items.put(number)
                time.sleep(0.02)  # so that what still waits for the victim has its turn first
                with contextlib.suppress(queue.Empty):
                    while items.get(**takes_time) != number:
                        pass
                    arrived += 1
        except (EOFError, OSError):
            theirs.send("error")
        theirs.send({MESSAGES: "nothing", 0: "time-out"}.get(arrived, "loss"))

    survivor = fork.Process(target=exchange, daemon=True)
    survivor.start()
    seen = ours.recv() if ours.poll(PATIENCE) else "hang"
    survivor.kill()
    survivor.join()
    return seen


@pytest.mark.parametrize("state", ["idle", "sending", "receiving"])
@pytest.mark.parametrize(
    "backend", [each for each in BACKENDS.values() if each.killed], ids=lambda each: each.name
)
def test_a_kill_is_noticed_as_the_traits_say(backend, state):
    if reason := backend.unavailable():
        pytest.skip(reason)
    is_pipe = backend.family == "pipe"
    with contextlib.closing(backend(is_pipe, 4096, "pickle", 65536)) as made:
        assert (of_pipe if is_pipe else of_queue)(made, state) == backend.killed[state]
        made.release()
