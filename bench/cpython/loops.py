# SPDX-License-Identifier: MIT
"""The timed code: the loops ping, pong, produce and consume, and what their messages say.

A message is its sequence number (8 bytes, little-endian), its producer's number (1 byte) and that
producer's pattern. Joining them writes every byte, comparing the tail with the expected one reads
every byte, both at the speed of memcpy and memcmp. Sequence numbers go on from batch to batch, so
that a message left over from an earlier one shows. Stamps are nanoseconds of CLOCK_MONOTONIC.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns

HEAD = 8  # bytes of the sequence number; the producer's number follows
_PERIOD = 251  # of the pattern, prime: bytes displaced by a page or a block do not fit


class Mismatch(Exception):
    """A consumer got something that no producer sent to it at this point."""


def make_tail(producer: int, size: int) -> bytes:
    """All of a message of `size` bytes behind its sequence number."""
    start = producer * 17
    pattern = bytes((start + i) % _PERIOD for i in range(_PERIOD))
    length = size - HEAD - 1
    return bytes([producer]) + (pattern * (length // _PERIOD + 1))[:length]


def share(messages: int, parts: int, index: int) -> int:
    """How many of `messages` fall to one of `parts`, split evenly."""
    return messages // parts + (index < messages % parts)


def produce(send: Callable, count: int, first: int, tail: bytes) -> int:
    """Sends `count` messages numbered from `first`; returns the stamp before the first."""
    begin = monotonic_ns()
    for sequence in range(first, first + count):
        send(sequence.to_bytes(HEAD, "little") + tail)
    return begin


def consume_alone(receive: Callable, counts: list[int], first: int, tails: list[bytes]) -> int:
    """Takes all messages, `counts[p]` of producer p; returns the stamp after the last.

    Raises Mismatch unless each producer's numbers go up by exactly one from `first`.
    """
    size = HEAD + len(tails[0])
    expected = [first] * len(tails)
    for _ in range(sum(counts)):
        message = receive()
        try:
            producer = message[HEAD]
            if (
                int.from_bytes(message[:HEAD], "little") != expected[producer]
                or not message.endswith(tails[producer])
                or len(message) != size
            ):
                raise Mismatch(explain(message, expected, tails))
            expected[producer] += 1
        except IndexError:
            raise Mismatch(explain(message, expected, tails)) from None
    end = monotonic_ns()
    if expected != [first + count for count in counts]:
        raise Mismatch(f"next numbers of the producers are {expected}, counts were {counts}")
    return end


def consume_among(
    receive: Callable, count: int, counts: list[int], first: int, tails: list[bytes]
) -> tuple[int, list[bytes]]:
    """Takes `count` messages while other consumers take the rest.

    Raises Mismatch unless each producer's numbers go up. Returns the stamp after the last message
    and, per producer, one byte for each of its messages: 1 if it came here (see `exactly_once`).
    """
    size = HEAD + len(tails[0])
    expected = [first] * len(tails)  # the lowest number that may still come
    seen = [bytearray(messages) for messages in counts]
    for _ in range(count):
        message = receive()
        try:
            producer = message[HEAD]
            sequence = int.from_bytes(message[:HEAD], "little")
            if (
                sequence < expected[producer]
                or not message.endswith(tails[producer])
                or len(message) != size
            ):
                raise Mismatch(explain(message, expected, tails))
            expected[producer] = sequence + 1
            seen[producer][sequence - first] = 1
        except IndexError:
            raise Mismatch(explain(message, expected, tails)) from None
    return monotonic_ns(), [bytes(marks) for marks in seen]


def ping(
    send: Callable, receive: Callable, count: int, first: int, own: bytes, other: bytes
) -> list[int]:
    """Sends a message and awaits the answer, `count` times; `own` and `other` are the two tails.

    Returns count + 1 stamps: the end of a round trip is the start of the next. Raises Mismatch.
    """
    size = HEAD + len(other)
    stamps = [0] * (count + 1)
    stamps[0] = monotonic_ns()
    for i in range(count):
        head = (first + i).to_bytes(HEAD, "little")
        send(head + own)
        answer = receive()
        if answer[:HEAD] != head or not answer.endswith(other) or len(answer) != size:
            raise Mismatch(explain(answer, [first + i] * 2, [own, other]))
        stamps[i + 1] = monotonic_ns()
    return stamps


def pong(
    send: Callable, receive: Callable, count: int, first: int, own: bytes, other: bytes
) -> None:
    """Answers `count` messages, each with one of its own of the same number. Raises Mismatch."""
    size = HEAD + len(other)
    for sequence in range(first, first + count):
        head = sequence.to_bytes(HEAD, "little")
        message = receive()
        if message[:HEAD] != head or not message.endswith(other) or len(message) != size:
            raise Mismatch(explain(message, [sequence] * 2, [other, own]))
        send(head + own)


def explain(message: bytes, expected: list[int], tails: list[bytes]) -> str:
    """What is wrong with a message where number expected[p] of producer p with tails[p] was due."""
    size = HEAD + len(tails[0])
    if len(message) != size:
        return f"a message of {len(message)} bytes where {size} were due"
    producer, sequence = message[HEAD], int.from_bytes(message[:HEAD], "little")
    if producer >= len(tails):
        return f"a message of producer {producer}, who does not exist"
    if not message.endswith(tails[producer]):
        return f"message {sequence} of producer {producer} is torn"
    return f"message {sequence} of producer {producer} where {expected[producer]} was due"


def exactly_once(seen: list[list[bytes]]) -> None:
    """Raises Mismatch unless each message came to one consumer.

    `seen[consumer][producer]` are the marks from `consume_among`, `seen` may be empty.
    """
    for producer, marks in enumerate(zip(*seen)):
        # Each byte adds up by itself: there are fewer than 256 consumers.
        total = sum(int.from_bytes(each, "little") for each in marks)
        times = total.to_bytes(len(marks[0]), "little")
        for index, count in enumerate(times if times.strip(b"\1") else b""):
            if count != 1:
                raise Mismatch(
                    f"message {index} of producer {producer} in this batch came {count} times"
                )
