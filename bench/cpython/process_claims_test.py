# SPDX-License-Identifier: MIT
"""What is said of CPython's processes, pools and queues and can be decided by trying it (tools/claims.toml). Longer
than most: one short experiment after another, on the same few helpers."""

import contextlib
import fcntl
import io
import multiprocessing
import multiprocessing.connection
import os
import queue
import signal
import subprocess
import sys
import threading
import time

import pytest

from claims_test import fork, limited, run

assert limited  # a fixture of every test here
BRIEF = 0.3
# How to put or get, and how long that takes at least when it is in vain.
WAITS = (({"block": False}, 0), ({"timeout": BRIEF}, BRIEF), ({"block": False, "timeout": 60}, 0))
inherited = None


def double(number):
    return 2 * number


def put(items, item):
    items.put(item)


def put_inherited(item):
    inherited.put(item)


def inherit(items):
    global inherited
    inherited = items


def meet(seconds):
    return inherited.wait(seconds)


def refuse():
    raise KeyError("no such thing")


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def test_put_and_get_wait_or_raise_as_asked():
    items = fork.Queue(5)
    large = [bytes([number]) * 1_000_000 for number in range(7)]
    for item in large[:5]:
        items.put(item)
    for options, least in WAITS:
        begin = time.monotonic()
        with pytest.raises(queue.Full):
            items.put(large[5], **options)
        assert time.monotonic() - begin >= least
    (waiting,) = run(lambda: items.put(large[5]))
    waiting.join(BRIEF)
    assert waiting.is_alive()
    assert sorted(items.get() for _ in range(6)) == large[:6]  # in the order of each producer
    waiting.join(60)
    assert waiting.exitcode == 0
    for options, least in WAITS:
        begin = time.monotonic()
        with pytest.raises(queue.Empty):
            items.get(**options)
        assert time.monotonic() - begin >= least
    (late,) = run(lambda: (time.sleep(BRIEF), items.put(large[6])))
    assert items.get() == large[6]
    late.join()


def test_a_connection_is_an_argument_of_a_task():
    with fork.Pool(1) as pool:
        here, there = fork.Pipe()
        result = pool.apply_async(double_what_comes, (there,))
        here.send(21)
        assert result.get(20) == 42
        there.close()  # not before: a thread of the pool encodes it, some time
        with pytest.raises(EOFError):
            here.recv()


def double_what_comes(connection):
    return double(connection.recv())


def test_processes_by_hand_do_what_a_pool_does():
    with fork.Pool(4) as pool:
        by_pool = pool.map(double, range(10))
    results = fork.SimpleQueue()  # by hand, results take a way of their own, and have no order
    processes = run(*(lambda n=n: results.put((n, double(n))) for n in range(10)))
    by_hand = sorted(results.get() for _ in range(10))
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert [result for _, result in by_hand] == by_pool


EACH, LETTERS = 1000, "abcd"
WHOLE = {f"{letter} {letter} {letter}" for letter in LETTERS}


def lines_printed_at_the_same_time(how):
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 1 << 18)  # for all of them
    lock, start = fork.Lock(), fork.Barrier(len(LETTERS))

    def print_lines(letter):
        # As standard output is under python -u: each part that print() gets is a write(2).
        out = io.TextIOWrapper(os.fdopen(write, "wb", 0, closefd=False), write_through=True)
        start.wait()
        for _ in range(EACH):
            if how == "whole":
                out.write(f"{letter} {letter} {letter}\n")
                continue
            with lock if how == "locked" else contextlib.nullcontext():
                print(letter, letter, letter, file=out)

    for process in run(*(lambda letter=letter: print_lines(letter) for letter in LETTERS)):
        process.join()
        assert process.exitcode == 0
    os.close(write)
    with open(read, encoding="ascii") as printed:
        return printed.read().splitlines()


def test_lines_printed_in_parts_at_the_same_time_are_mixed():
    tries = (
        lines_printed_at_the_same_time("parts") for _ in range(50)
    )  # when is chance; that it happens is not
    assert any(line not in WHOLE for lines in tries for line in lines)


@pytest.mark.parametrize("how", ["locked", "whole"])
def test_lines_printed_at_the_same_time_are_whole(how):
    lines = lines_printed_at_the_same_time(how)
    assert set(lines) == WHOLE and len(lines) == len(LETTERS) * EACH


def test_a_thread_has_part_of_what_a_process_has():
    for name in ("start", "join", "name", "daemon", "is_alive"):
        assert hasattr(threading.Thread, name) and hasattr(fork.Process, name)
    for name in ("exitcode", "terminate", "kill", "pid"):
        assert hasattr(fork.Process, name) and not hasattr(threading.Thread, name)


def test_a_process_has_no_pid_before_it_starts():
    process = fork.Process()
    assert process.pid is None
    process.start()
    assert process.pid
    process.join()


def test_threads_share_variables_and_processes_do_not():
    variable = [1]

    def change():
        variable[0] = 99

    (process,) = run(change)
    process.join()
    assert process.exitcode == 0 and variable == [1]
    thread = threading.Thread(target=change)
    thread.start()
    thread.join()
    assert variable == [99]


def test_a_queue_of_threads_brings_nothing_to_another_process():
    items = queue.Queue()
    (process,) = run(lambda: items.put(1))
    process.join()
    assert process.exitcode == 0
    with pytest.raises(queue.Empty):
        items.get(timeout=BRIEF)


def test_a_queue_is_no_argument_of_a_task_but_can_be_inherited():
    items = fork.Queue()
    with fork.Pool(1) as pool:
        result = pool.apply_async(put, (items, 1))
        with pytest.raises(RuntimeError, match="Queue objects should only be shared between"):
            result.get(5)
    with fork.Pool(1, initializer=inherit, initargs=(items,)) as pool:
        pool.apply(put_inherited, (2,))
        assert items.get(timeout=60) == 2
    inherit(items)
    with fork.Pool(1) as pool:
        pool.apply(put_inherited, (3,))
        assert items.get(timeout=60) == 3


def test_results_can_be_asked_for_after_join():
    with fork.Pool(2) as pool:
        results = [pool.apply_async(double, (number,)) for number in range(5)]
        with pytest.raises(ValueError, match="still running"):
            pool.join()
        pool.close()
        pool.join()
        assert [result.get(0) for result in results] == [0, 2, 4, 6, 8]


@pytest.mark.parametrize(
    ("ending", "done"), [("", 0), ("pool.close(); pool.join()", 5)], ids=["ends", "joins"]
)
def test_a_program_that_ends_drops_the_tasks_of_its_pool(ending, done, tmp_path):
    program = f"""
import multiprocessing, pathlib, time
def task(number):
    time.sleep(2)
    pathlib.Path({str(tmp_path)!r}, str(number)).touch()
pool = multiprocessing.get_context("fork").Pool(5)
for number in range(5):
    pool.apply_async(task, (number,))
{ending}
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600)
    time.sleep(0 if done else 3)
    assert len(list(tmp_path.iterdir())) == done


def test_a_killed_program_loses_the_idle_workers_of_its_pool_but_no_daemon():
    program = """
import multiprocessing, os, time
fork = multiprocessing.get_context("fork")
daemon = fork.Process(target=time.sleep, args=(60,), daemon=True)
daemon.start()  # before the pool: with a copy of its pipe, it would keep the workers
pool = fork.Pool(1)
print(pool.apply(os.getpid), daemon.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        worker, daemon = (os.pidfd_open(int(pid)) for pid in parent.stdout.readline().split())
        parent.kill()
    try:
        assert multiprocessing.connection.wait([worker, daemon], 20) == [worker]
        assert not multiprocessing.connection.wait([daemon], BRIEF)
    finally:
        signal.pidfd_send_signal(daemon, signal.SIGKILL)
    assert multiprocessing.connection.wait([daemon], 20)
    os.close(worker)
    os.close(daemon)


def test_tasks_of_apply_async_run_at_the_same_time():
    inherit(fork.Barrier(2))
    with fork.Pool(2) as pool:
        results = [pool.apply_async(meet, (20,)) for _ in range(2)]
        assert sorted(result.get(20) for result in results) == [0, 1]
        with pytest.raises(threading.BrokenBarrierError):
            pool.apply(meet, (BRIEF,))


def test_a_callback_or_an_error_callback_is_called_in_the_parent():
    seen = []

    def tell(value):
        seen.append((repr(value), os.getpid()))

    with fork.Pool(1) as pool:
        pool.apply_async(double, (2,), callback=tell, error_callback=lambda _: tell("no")).wait(60)
        pool.apply_async(refuse, callback=lambda _: tell("no"), error_callback=tell).wait(60)
    assert seen == [("4", os.getpid()), ("KeyError('no such thing')", os.getpid())]


def test_the_result_of_a_worker_that_was_killed_does_not_come():
    with fork.Pool(1) as pool:
        lost = pool.apply_async(die)
        assert pool.apply_async(double, (2,)).get(60) == 4  # by the one in its place
        with pytest.raises(multiprocessing.TimeoutError):
            lost.get(BRIEF)


def test_after_a_callback_that_raises_no_result_comes(monkeypatch):
    def unlucky(_):
        raise ValueError("no such luck")  # a KeyError is passed over

    raised = []
    monkeypatch.setattr(threading, "excepthook", lambda thread: raised.append(thread.exc_type))
    with pytest.raises(AssertionError, match="result_hander not alive"), fork.Pool(1) as pool:
        for callback in (unlucky, None):
            result = pool.apply_async(double, (2,), callback=callback)
            with pytest.raises(multiprocessing.TimeoutError):
                result.get(BRIEF)
    assert raised == [ValueError]


def test_a_join_waits_for_the_end():
    value = fork.Value("i", 0)

    def late():
        time.sleep(BRIEF)
        value.value = 1

    (process,) = run(late)
    process.join()
    assert value.value == 1


def test_a_terminated_reader_takes_the_lock_of_all_with_it():
    items = fork.Queue()

    taken = fork.Event()

    def read():
        items.get()
        taken.set()
        while True:
            items.get()

    reader = fork.Process(target=read, daemon=True)
    reader.start()
    items.put("the first")
    assert taken.wait(60)
    reader.join(1)  # by then it waits for the second one
    assert reader.is_alive()
    reader.terminate()
    reader.join()
    assert reader.exitcode == -signal.SIGTERM
    items.put("an item")
    with pytest.raises(queue.Empty):
        items.get(timeout=1)
    items.cancel_join_thread()


def test_the_end_of_file_waits_for_every_copy_of_the_sender():
    for closes_its_copy in (True, False):
        receiver, sender = fork.Pipe(False)
        ended = fork.Event()

        def read(closes_its_copy=closes_its_copy, receiver=receiver, sender=sender, ended=ended):
            if closes_its_copy:
                sender.close()
            try:
                receiver.recv()
            except EOFError:
                ended.set()

        (process,) = run(read)
        sender.close()
        process.join(60 if closes_its_copy else BRIEF)
        assert ended.is_set() == closes_its_copy == (not process.is_alive())
        process.kill()
        process.join()


def test_an_end_never_receives_what_it_sent():
    one, other = fork.Pipe()
    one.send("a word")
    assert not one.poll(BRIEF)
    assert other.recv() == "a word"


def test_a_child_knows_its_name():
    names = fork.SimpleQueue()
    process = fork.Process(
        target=lambda: names.put(multiprocessing.current_process().name), name="sendData"
    )
    process.start()
    assert names.get() == "sendData"
    process.join()


def test_an_end_marker_stops_one_consumer():
    items = fork.SimpleQueue()

    def consume():
        while items.get() is not None:
            pass

    consumers = run(consume, consume)
    items.put(None)
    multiprocessing.connection.wait([consumer.sentinel for consumer in consumers], 60)
    for consumer in consumers:
        consumer.join(BRIEF)
    assert sum(consumer.is_alive() for consumer in consumers) == 1
    items.put(None)
    for consumer in consumers:
        consumer.join(60)
        assert consumer.exitcode == 0


@pytest.mark.parametrize("daemon", [False, True])
def test_a_program_waits_for_its_children_but_not_for_daemons(daemon, tmp_path):
    program = f"""
import multiprocessing, pathlib, time
def task():
    time.sleep(0.5)
    pathlib.Path({str(tmp_path)!r}, "done").touch()
multiprocessing.get_context("fork").Process(target=task, daemon={daemon}).start()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600)
    time.sleep(1 if daemon else 0)
    assert (tmp_path / "done").exists() == (not daemon)
