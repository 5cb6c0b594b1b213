# SPDX-License-Identifier: MIT
"""What is said of CPython's multiprocessing and can be decided by trying it: the facts of tools/claims.toml."""

import multiprocessing
import multiprocessing.shared_memory
import os
import queue
import signal
import stat
import struct
import threading
from collections import Counter

import pytest

from child import attach

fork = multiprocessing.get_context("fork")
WRITERS = b"abc"
EACH = 200


@pytest.fixture(autouse=True)
def limited():
    def too_long(*_):
        raise TimeoutError("hangs")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    for child in multiprocessing.active_children():  # of a test that failed: they ignore SIGTERM
        child.kill()
        child.join()


def run(*targets):
    parent = os.getpid()

    def attached(target):
        attach(parent)
        target()

    processes = [fork.Process(target=attached, args=(each,), daemon=True) for each in targets]
    for process in processes:
        process.start()
    return processes


def test_there_are_more_ways_than_three():
    for way in ("Queue", "Pipe", "Value", "Array", "Manager", "Lock", "Semaphore", "Event"):
        assert hasattr(multiprocessing, way)
    assert multiprocessing.shared_memory.SharedMemory


def written_by_three(connections, size, locked):
    """The bytes that arrive when three processes send by the same end."""
    receiver, sender = connections
    lock = fork.Lock()

    def write(letter):
        receiver.close()
        for _ in range(EACH):
            if locked:
                with lock:
                    sender.send_bytes(bytes([letter]) * size)
            else:
                sender.send_bytes(bytes([letter]) * size)

    processes = run(*(lambda letter=letter: write(letter) for letter in WRITERS))
    sender.close()
    data = bytearray()
    while chunk := os.read(receiver.fileno(), 1 << 16):
        data += chunk
    for process in processes:
        process.join()
    return bytes(data)


def whole_frames(data, size):
    """How many frames of each letter there are; None when a frame is not as one writer wrote it."""
    frames = Counter()
    step = 4 + size
    for begin in range(0, len(data), step):
        body = data[begin + 4 : begin + step]
        if data[begin : begin + 4] != struct.pack("!i", size) or body != body[:1] * size:
            return None
        frames[body[:1]] += 1
    return frames


ALL = {bytes([letter]): EACH for letter in WRITERS}


@pytest.mark.parametrize("size", [10, 4093, 100000])
def test_three_writers_under_a_lock_mix_nothing(size):
    assert whole_frames(written_by_three(fork.Pipe(False), size, True), size) == ALL


def test_an_end_is_handed_on_in_time():
    receiver, sender = fork.Pipe(False)
    for number in range(3):
        (process,) = run(lambda number=number: sender.send(number))
        process.join()
        assert receiver.recv() == number


@pytest.mark.parametrize("size", [10, 1000, 4092])
def test_small_messages_of_three_writers_are_not_mixed(size):
    assert whole_frames(written_by_three(fork.Pipe(False), size, False), size) == ALL


def test_large_messages_of_three_writers_are_mixed():
    tries = (
        whole_frames(written_by_three(fork.Pipe(False), 100000, False), 100000) for _ in range(5)
    )
    assert any(frames is None for frames in tries)


def test_two_receivers_mix_small_messages():
    receiver, sender = fork.Pipe(False)
    wrong = fork.RawValue("i", 0)

    def take():
        sender.close()
        try:
            while True:
                if receiver.recv_bytes() != b"x" * 10:
                    wrong.value = 1
        except (EOFError, OSError):  # an OSError: a length that nobody sent
            pass
        except BaseException:
            wrong.value = 1

    processes = run(take, take)
    receiver.close()
    try:
        for _ in range(100_000):
            sender.send_bytes(b"x" * 10)
    except OSError:  # both have given up
        wrong.value = 1
    sender.close()
    for process in processes:
        process.join(1)
        wrong.value |= process.is_alive()  # waits for the rest of a message that nobody sent
        process.kill()
    assert wrong.value


def test_a_value_stands_in_an_unlinked_file():
    value = fork.Value("q", 1)
    with open("/proc/self/maps", encoding="ascii") as maps:
        assert any("/dev/shm/pym-" in line and "(deleted)" in line for line in maps)
    (process,) = run(lambda: setattr(value, "value", 42))
    process.join()
    assert value.value == 42


def test_a_queue_is_shared_by_threads_and_processes():
    shared, results = fork.Queue(8), fork.SimpleQueue()
    each = 500

    def two_threads(work):
        threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def produce(process):
        two_threads(lambda i: [shared.put((process, i, n)) for n in range(each)])

    def consume():
        got = []
        lock = threading.Lock()

        def take(_):
            while (item := shared.get()) is not None:
                with lock:
                    got.append(item)

        two_threads(take)
        results.put(got)

    consumers = run(consume, consume)
    for process in run(lambda: produce(0), lambda: produce(1)):
        process.join()
    for _ in range(4):
        shared.put(None)
    items = results.get() + results.get()
    for process in consumers:
        process.join()
    assert sorted(items) == sorted(
        (p, i, n) for p in range(2) for i in range(2) for n in range(each)
    )


def look_then_take(raised):
    """Puts numbers until one of two who take them when the queue is not empty has found nothing."""
    shared = fork.Queue()

    def greedy():
        while not raised.value:
            if not shared.empty():
                try:
                    shared.get_nowait()
                except queue.Empty:
                    raised.value = 1

    processes = run(greedy, greedy)
    for number in range(200_000):
        shared.put(number)
        if raised.value:
            break
    raised.value |= 2
    for process in processes:
        process.join(1)
        process.kill()
    shared.cancel_join_thread()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")
def test_a_queue_that_is_not_empty_may_have_nothing_to_get():
    raised = fork.RawValue("i", 0)
    # In a process of its own, which the queue's thread leaves with it.
    process = fork.Process(target=look_then_take, args=(raised,))
    process.start()
    process.join()
    assert raised.value & 1


def test_a_pipe_is_duplex_by_default():
    first, second = fork.Pipe()
    for end in (first, second):
        assert stat.S_ISSOCK(os.fstat(end.fileno()).st_mode)
    first.send("ping")
    second.send("pong")
    assert (first.recv(), second.recv()) == ("pong", "ping")


def test_a_one_way_pipe_receives_on_its_first_end():
    receiver, sender = fork.Pipe(False)
    for end in (receiver, sender):
        assert stat.S_ISFIFO(os.fstat(end.fileno()).st_mode)
    for wrong in (
        lambda: receiver.send(1),
        lambda: receiver.send_bytes(b"x"),
        sender.recv,
        sender.recv_bytes,
        sender.poll,
    ):
        with pytest.raises(OSError):
            wrong()
    sender.send(1)
    assert receiver.poll() and receiver.recv() == 1


def test_an_end_has_all_its_methods():
    names = (
        "send recv send_bytes recv_bytes recv_bytes_into poll close fileno closed readable "
        "writable __enter__ __exit__"
    ).split()
    end, _ = fork.Pipe()
    assert all(hasattr(end, name) for name in names)


def test_different_ends_at_the_same_time_carry_no_risk():
    first, second = fork.Pipe()
    count = 20_000

    def exchange(end):
        sender = threading.Thread(target=lambda: [end.send(n) for n in range(count)])
        sender.start()
        got = [end.recv() for _ in range(count)]
        sender.join()
        assert got == list(range(count))

    (process,) = run(lambda: exchange(second))
    exchange(first)
    process.join()
    assert process.exitcode == 0


def test_two_large_sends_without_a_reader_block_each_other():
    first, second = fork.Pipe()

    ended = []

    def blocked():
        try:
            first.send_bytes(bytes(1 << 20))
        except OSError as error:
            ended.append(error)

    (process,) = run(lambda: second.send_bytes(bytes(1 << 20)))
    sender = threading.Thread(target=blocked)
    sender.start()
    sender.join(0.3)
    process.join(0.1)
    assert sender.is_alive() and process.is_alive()
    process.kill()
    process.join()
    second.close()  # ends the thread's send
    sender.join(60)
    assert ended
