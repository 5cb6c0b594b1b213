# SPDX-License-Identifier: MIT
"""Measurements with real processes: all backends and questions pass, broken producers do not."""

import contextlib
import multiprocessing
import os
import re
import time

import pytest

import peer
import placement
from backends import (
    CpythonManagerQueue,
    CpythonPipeDuplex,
    CpythonPipeOneway,
    CpythonQueue,
    CpythonSimpleQueue,
)
from loops import Mismatch, share
from measure import measure
from peers import SeriesFailed
from questions import Series, all_series
from registry import BACKENDS

SMALL = [
    each
    for each in all_series()
    if each.bytes in (0, 16, 65536) and each.placement != "cross" and not each.skip()
]
TRANSPORTS = [each for each in BACKENDS.values() if each.family in ("pipe", "queue")]


def stream(backend, size=64, codec="", counts=None):
    question = "queue_throughput" if backend.family == "queue" else "pipe_throughput"
    return Series(question, backend.name, size, codec, "same", counts)


def run(series, backend=None, messages=200, time_limit=5.0):
    return measure(series, messages, 2, 65536, time_limit, backend)


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    before = set(os.listdir("/dev/shm"))
    yield
    assert not multiprocessing.active_children()
    left = [name for name in set(os.listdir("/dev/shm")) - before if name.startswith("sem.mp-")]
    assert not left


@pytest.mark.parametrize("backend", ["cpython_pipe_oneway", "cpython_queue"])
def test_a_receiver_waits_for_what_comes_after_a_silence(backend, monkeypatch):
    monkeypatch.setattr(peer, "SILENCE_S", 0.2)  # the peers are forked
    question = f"{BACKENDS[backend].family}_idle_cost"
    codec = BACKENDS[backend].codecs[-1]
    result = run(Series(question, backend, 64, codec, "free"), messages=None)
    assert result.messages == 1 and result.batches == 2
    assert result.elapsed_ns > 2 * 0.2e9 and result.cpu_ns > 0


def test_huge_messages_are_asked_of_streams_of_one_pair():
    huge = [s for s in all_series() if s.bytes >= 2**24 and s.question != "process_start"]
    assert {each.bytes for each in huge} == {2**24, 2**26}
    assert {each.metric for each in huge} == {"throughput"}
    assert {(each.producers, each.consumers) for each in huge} == {(1, 1)}
    assert {each.placement for each in huge} == {"same", "cross"}


@pytest.mark.parametrize("series", SMALL, ids=lambda series: series.name)
def test_every_backend_answers_every_question(series):
    # To start a process takes ms.
    messages = {"process_start": 10, "pool_once": 2}.get(series.question, 200)
    if series.backend == "cpython_process_per_task":
        messages = min(messages, 10)
    result = run(series, messages=messages)
    assert result.messages == messages and result.batches == 2
    assert result.elapsed_ns > 0 and result.cpu_ns > 0
    assert (result.capacity_bytes > 0) == (BACKENDS[series.backend] in TRANSPORTS)
    assert result.round_trips.total == (400 if series.metric == "latency" else 0)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")
@pytest.mark.parametrize("backend", TRANSPORTS, ids=lambda backend: backend.name)
def test_peers_spread_over_cpus_start_together(backend):
    family, codec = backend.family, "pickle" if backend.family == "queue" else ""
    for question in (f"{family}_latency", f"{family}_throughput"):
        assert run(Series(question, backend.name, 64, codec, "cross")).elapsed_ns > 0


def test_a_message_larger_than_the_capacity_passes():
    for backend in TRANSPORTS:
        assert run(stream(backend, 1048576, backend.codecs[-1]), messages=4).elapsed_ns > 0


def test_messages_that_do_not_split_evenly_all_arrive():
    assert [share(7, 3, index) for index in range(3)] == [3, 2, 2]
    run(stream(CpythonQueue, counts=(2, 2)), messages=7)
    run(stream(CpythonQueue, counts=(2, 2)), messages=1)


def test_without_a_number_of_messages_a_batch_takes_about_20_ms():
    result = run(stream(CpythonPipeOneway), messages=None)
    assert 2e6 < result.elapsed_ns / result.batches < 200e6


def test_latency_stamps_add_up_to_the_time_of_the_batches():
    result = run(Series("pipe_latency", "cpython_pipe_oneway", 64, "", "same"))
    middle = sum((low + high) / 2 * count for low, high, count in result.round_trips.buckets())
    assert middle == pytest.approx(result.elapsed_ns, rel=0.02)


def test_capacity_is_what_was_granted():
    asked = 16384
    for backend, granted in ((CpythonPipeOneway, asked), (CpythonSimpleQueue, asked)):
        assert backend(False, 64, "", asked).capacity_bytes == granted
    assert CpythonPipeDuplex(True, 64, "", asked).capacity_bytes == asked
    assert CpythonQueue(False, 1000, "pickle", asked).capacity_bytes == 16000
    assert CpythonQueue(False, asked + 1, "pickle", asked).capacity_bytes == 16 * (asked + 1)
    with contextlib.closing(CpythonManagerQueue(False, 1000, "pickle", asked)) as backend:
        assert backend.capacity_bytes == 16000


def test_same_is_one_cpu_and_cross_takes_all_in_turn():
    cpus = placement.allowed_cpus()
    assert sorted(cpus) == sorted(os.sched_getaffinity(0))
    assert placement.place("same", 3) == [cpus[-1]] * 3
    assert placement.place("cross", len(cpus) + 1) == cpus + [cpus[0]]
    assert placement.place("free", 2) == [None, None]


def test_peers_run_where_they_are_placed():
    class Telling(CpythonPipeOneway):
        def open(self, role):
            raise RuntimeError(f"on {sorted(os.sched_getaffinity(0))}")

    with pytest.raises(SeriesFailed, match=re.escape(f"on [{placement.allowed_cpus()[-1]}]")):
        run(stream(Telling), Telling)


def broken(base, send_instead):
    """A backend whose first sender calls `send_instead(send, message, number of the call)`."""

    class Broken(base):
        def open(self, role):
            send, receive = super().open(role)
            if role not in ("producer", "ping"):
                return send, receive
            calls = iter(range(10**9))
            return lambda message: send_instead(send, message, next(calls)), receive

    return Broken


def lose(lost):
    return lambda send, message, number: None if number == lost else send(message)


def double(doubled):
    def send_instead(send, message, number):
        send(message)
        if number == doubled:
            send(message)

    return send_instead


def tear(send, message, number):
    send(message[:30] + bytes(1) + message[31:])


def hold_back(send, message, number):
    if number % 2:
        send(message)
        send(hold_back.held)
    hold_back.held = message


ALL = pytest.mark.parametrize("base", TRANSPORTS, ids=lambda each: each.name)


@ALL
def test_a_lost_message_is_no_result(base):
    with pytest.raises(SeriesFailed, match="message 151 of producer 0 where 150 was due"):
        run(stream(base), broken(base, lose(150)))


@ALL
def test_a_doubled_message_is_no_result(base):
    with pytest.raises(SeriesFailed, match="message 150 of producer 0 where 151 was due"):
        run(stream(base), broken(base, double(150)))


@ALL
def test_messages_out_of_order_are_no_result(base):
    with pytest.raises(SeriesFailed, match="message 1 of producer 0 where 0 was due"):
        run(stream(base), broken(base, hold_back))


@ALL
def test_a_torn_message_is_no_result(base):
    with pytest.raises(SeriesFailed, match="message 0 of producer 0 is torn"):
        run(stream(base), broken(base, tear))


@ALL
def test_the_last_message_lost_is_noticed_by_the_time_limit(base):
    began = time.monotonic()
    with pytest.raises(SeriesFailed, match="time limit of 0.3 s passed, waiting for consumer 0"):
        run(stream(base), broken(base, lose(599)), time_limit=0.3)
    assert time.monotonic() - began < 5


@ALL
def test_the_very_last_message_doubled_is_noticed_at_the_end(base):
    with pytest.raises(SeriesFailed, match="more messages than were due"):
        run(stream(base), broken(base, double(599)))


@ALL
def test_a_doubled_request_is_no_round_trip(base):
    series = Series(f"{base.family}_latency", base.name, 64, base.codecs[-1], "same")
    with pytest.raises(SeriesFailed, match="message 150 of producer 0 where 151 was due"):
        run(series, broken(base, double(150)))


def test_among_several_consumers_a_doubled_message_is_no_result():
    # Two producers with 100 messages of a batch each: the double takes the place of a due one.
    with pytest.raises(SeriesFailed, match="came|where|more messages"):
        backend = broken(CpythonSimpleQueue, double(50))
        run(stream(CpythonSimpleQueue, counts=(2, 2)), backend, time_limit=1.0)


def test_a_message_that_two_consumers_get_is_no_result():
    class Dealt(CpythonSimpleQueue):
        """Deals messages to two consumers in turn, number 4 to both: each sees numbers go up."""

        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.hands = [multiprocessing.SimpleQueue(), multiprocessing.SimpleQueue()]
            self.first = multiprocessing.Semaphore(1)

        def open(self, role):
            if role == "consumer":
                return None, self.hands[0 if self.first.acquire(block=False) else 1].get
            sent = []

            def deal(message):
                sent.append(message)
                self.hands[len(sent) % 2].put(sent[4] if len(sent) == 6 else message)

            return deal, None

    with pytest.raises(SeriesFailed, match="message 4 of producer 0 in this batch came 2 times"):
        run(stream(Dealt, counts=(1, 2)), Dealt)


def test_an_exception_in_a_peer_is_the_reason():
    class Failing(CpythonPipeDuplex):
        def open(self, role):
            raise OSError("no such thing")

    with pytest.raises(SeriesFailed, match="(producer|consumer) 0: OSError no such thing"):
        run(stream(Failing), Failing)


def test_the_one_who_found_a_fault_is_heard_before_those_cut_off_by_it():
    class Closing(CpythonPipeOneway):
        def open(self, role):
            send, receive = super().open(role)
            if role == "producer":
                return send, receive

            def fail():
                self._ends[role][1].close()  # the producer's next message has nowhere to go
                time.sleep(0.03)
                raise Mismatch("the cause")

            return None, fail

    with pytest.raises(SeriesFailed, match="consumer 0: the cause"):
        run(stream(Closing), Closing)


def test_a_transport_that_cannot_be_made_is_no_result():
    class Refused(CpythonPipeOneway):
        def __init__(self, *_):
            raise OSError(24, "Too many open files")

    with pytest.raises(SeriesFailed, match="cannot be set up: .*Too many open files"):
        run(stream(Refused), Refused)


def test_a_peer_that_leaves_is_noticed():
    leave = broken(CpythonQueue, lambda send, message, number: os._exit(0))
    with pytest.raises(SeriesFailed, match="producer 0 has ended unasked"):
        run(stream(CpythonQueue), leave)
