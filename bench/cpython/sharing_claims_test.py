# SPDX-License-Identifier: MIT
"""What is said of CPython's queues, ends of files and managers and can be decided by trying it (tools/claims.toml)."""

import errno
import multiprocessing
import multiprocessing.queues
import os
import queue
import signal
import socket
import stat

import pytest

from claims_test import fork, limited, run
from process_claims_test import inherit, put, put_inherited

assert limited  # a fixture of every test here
BRIEF = 0.3
TRIES = 200
# What a managed object is made with, a call of it and what that gives.
MANAGED = {
    "list": (([1, 2],), lambda each: each.pop(), 2),
    "dict": (({"a": 1},), lambda each: each["a"], 1),
    "Namespace": ((), lambda each: setattr(each, "a", 1), None),
    "Lock": ((), lambda each: each.acquire(), True),
    "RLock": ((), lambda each: each.acquire(), True),
    "Semaphore": ((1,), lambda each: each.acquire(), True),
    "BoundedSemaphore": ((1,), lambda each: each.acquire(), True),
    "Condition": ((), lambda each: each.acquire(), True),
    "Event": ((), lambda each: each.is_set(), False),
    "Barrier": ((1,), lambda each: each.wait(), 0),
    "Queue": ((1,), lambda each: each.put(1), None),
    "JoinableQueue": ((1,), lambda each: each.put(1), None),
    "Value": (("i", 7), lambda each: each.get(), 7),
    "Array": (("i", [7, 8]), lambda each: each[1], 8),
    "Pool": ((1,), lambda each: each.apply(abs, (-1,)), 1),
}


@pytest.fixture
def manager():
    with fork.Manager() as made:
        yield made


def end(processes):
    for process in processes:
        process.join()
        assert process.exitcode == 0


def test_a_queue_serves_many_processes():
    items, results = fork.Queue(50), fork.SimpleQueue()
    each = 1000

    def consume():
        results.put(list(iter(items.get, None)))

    consumers = run(*[consume] * 4)
    end(run(*(lambda p=p: [items.put((p, n)) for n in range(each)] for p in range(4))))
    for _ in range(4):
        items.put(None)
    got = [results.get() for _ in range(4)]
    end(consumers)
    assert sorted(sum(got, [])) == [(p, n) for p in range(4) for n in range(each)]
    for mine in got:  # the items of a producer come to a consumer in their order
        assert all(
            [n for p, n in mine if p == q] == sorted(n for p, n in mine if p == q) for q in range(4)
        )


def test_items_of_one_producer_come_in_their_order():
    items = fork.Queue()
    (producer,) = run(lambda: [items.put(n) for n in range(100_000)])
    assert [items.get() for _ in range(100_000)] == list(range(100_000))
    end([producer])


class Slow:
    """Is not written by the queue's thread before that."""

    def __init__(self, event):
        self._event = event

    def __reduce__(self):
        self._event.wait(60)
        return str, ("slow",)


def test_an_item_may_overtake_one_whose_put_had_returned():
    items, was_put, came = fork.Queue(), fork.Event(), fork.Event()

    def first():
        items.put(Slow(came))
        was_put.set()

    def second():
        was_put.wait()
        items.put("quick")

    processes = run(first, second)
    assert items.get() == "quick"
    came.set()
    assert items.get() == "slow"
    end(processes)


def test_items_of_a_managed_queue_come_in_the_order_of_their_puts(manager):
    items = manager.Queue()
    for number in range(20):
        end(run(lambda number=number: items.put(number)))
    assert [items.get() for _ in range(20)] == list(range(20))


def test_full_and_empty_are_of_the_module_queue():
    assert not hasattr(multiprocessing, "Full") and not hasattr(multiprocessing, "Empty")
    assert multiprocessing.queues.Full is queue.Full
    assert multiprocessing.queues.Empty is queue.Empty


def test_what_is_received_is_a_copy_and_a_proxy_refers_to_one_object(manager):
    original = [1]
    items, (receiver, sender) = fork.SimpleQueue(), fork.Pipe(False)
    items.put(original)
    sender.send(original)
    for copy in (items.get(), receiver.recv()):
        copy.append(2)
    assert original == [1]
    shared = manager.list(original)
    end(run(lambda: shared.append(2)))
    assert list(shared) == [1, 2]


@pytest.mark.parametrize("name", MANAGED)
def test_a_manager_has_it_and_a_child_calls_it(name, manager):
    arguments, call, wanted = MANAGED[name]
    shared = getattr(manager, name)(*arguments)
    result = fork.SimpleQueue()
    end(run(lambda: result.put(call(shared))))
    assert result.get() == wanted


def test_without_its_server_a_managed_object_is_gone():
    made = fork.Manager()
    shared, value = made.dict(a=1), fork.Value("i", 1)
    assert shared["a"] == 1
    os.kill(made._process.pid, signal.SIGKILL)
    made._process.join()
    with pytest.raises((OSError, EOFError)):
        shared["a"]
    assert value.value == 1  # nobody serves that


def test_appends_of_ten_processes_are_all_kept(manager):
    shared = manager.list()
    end(run(*[lambda: [shared.append(1) for _ in range(100)]] * 10))
    assert len(shared) == 1000


def test_subtracting_from_an_element_is_two_calls(manager):
    shared = manager.list([10])
    before = shared[0]
    end(run(lambda: shared.__setitem__(0, shared[0] - 1)))
    assert shared[0] == 9
    shared[0] = before - 1  # as num[0] -= 1 does after the other has been there
    assert shared[0] == 9


def test_under_a_managed_lock_no_subtraction_is_lost(manager):
    shared, lock = manager.list([1000]), manager.Lock()

    def subtract():
        for _ in range(250):
            with lock:
                shared[0] -= 1

    end(run(subtract, subtract))
    assert shared[0] == 500


def test_a_pool_can_use_a_managed_queue(manager):
    items = manager.Queue(10)
    with fork.Pool(2) as pool:
        pool.apply_async(put, (items, "a"))
        assert items.get() == "a"


def test_a_pool_can_use_a_simple_queue_that_its_initializer_gets():
    items = fork.SimpleQueue()
    with fork.Pool(2, inherit, (items,)) as pool:
        pool.apply_async(put_inherited, ("a",))
        assert items.get() == "a"


@pytest.mark.parametrize("duplex", [False, True])
def test_the_end_of_file_comes_after_all_that_was_sent(duplex):
    receiver, sender = fork.Pipe(duplex)
    for number in range(10):
        sender.send(number)
    sender.close()
    assert [receiver.recv() for _ in range(10)] == list(range(10))
    with pytest.raises(EOFError):
        receiver.recv()


def test_what_its_peer_had_not_read_comes_before_the_end_of_file():
    first, second = fork.Pipe()
    first.send("nobody reads it")
    second.close()
    with pytest.raises(ConnectionResetError):
        first.recv()
    with pytest.raises(EOFError):
        first.recv()


def test_a_duplex_pipe_is_a_pair_of_sockets():
    first, second = fork.Pipe()
    for each in (first, second):
        assert stat.S_ISSOCK(os.fstat(each.fileno()).st_mode)
        with socket.socket(fileno=os.dup(each.fileno())) as made:
            assert made.family == socket.AF_UNIX and made.type == socket.SOCK_STREAM


@pytest.mark.parametrize("closes", [True, False])
def test_the_end_of_a_child_shows_only_where_its_end_is_held_by_nobody_else(closes):
    receiver, sender = fork.Pipe(False)
    (child,) = run(lambda: None)
    if closes:
        sender.close()
    end([child])
    assert receiver.poll(BRIEF) is closes  # an end of file is something to receive
    if closes:
        with pytest.raises(EOFError):
            receiver.recv()


def test_a_queue_of_five_is_stuck_after_five():
    items = fork.Queue(5)
    for number in range(5):
        items.put(number, timeout=BRIEF)
    with pytest.raises(queue.Full):
        items.put(5, timeout=BRIEF)
    assert [items.get() for _ in range(5)] == list(range(5))
    with pytest.raises(queue.Empty):
        items.get(timeout=BRIEF)


def test_a_queue_may_say_empty_right_after_a_put():
    items = fork.Queue()
    said_empty = 0
    for _ in range(TRIES):
        items.put(1)
        said_empty += items.empty() and items.qsize() == 1
        items.get()
    assert said_empty


def test_get_nowait_may_find_nothing_right_after_a_put():
    items = fork.Queue()
    found_nothing = 0
    for _ in range(TRIES):
        items.put(1)
        try:
            items.get_nowait()
        except queue.Empty:
            found_nothing += 1
            items.get()
    assert found_nothing


def test_a_managed_queue_has_what_was_put(manager):
    items = manager.Queue()
    for _ in range(TRIES):
        items.put(1)
        assert not items.empty() and items.qsize() == 1
        assert items.get_nowait() == 1


def lives(pid):
    try:
        os.kill(pid, 0)
    except OSError as error:
        assert error.errno == errno.ESRCH
        return False
    return True


def test_a_proxy_keeps_the_server_of_a_temporary_manager():
    shared = fork.Manager().dict()
    server = shared._manager._process.pid
    shared["a"] = 1
    assert shared["a"] == 1 and lives(server)
    del shared  # the last one: its manager ends the server, and waits for that
    assert not lives(server)
