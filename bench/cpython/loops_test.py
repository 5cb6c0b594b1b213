# SPDX-License-Identifier: MIT
"""The consumers' checks: what is right passes, each kind of damage is named."""

import pytest

import loops

SIZE = 64
TAILS = [loops.make_tail(producer, SIZE) for producer in (0, 1)]


def message(producer, sequence):
    return sequence.to_bytes(loops.HEAD, "little") + TAILS[producer]


def receiver(messages):
    return iter(messages).__next__


def test_produced_messages_pass_the_check_of_the_only_consumer():
    sent = []
    loops.produce(sent.append, 5, 10, TAILS[0])
    loops.produce(sent.append, 4, 10, TAILS[1])
    assert {len(each) for each in sent} == {SIZE}
    loops.consume_alone(receiver(sent), [5, 4], 10, TAILS)


@pytest.mark.parametrize(
    "damaged, reason",
    [
        ([message(0, 0), message(0, 2)], "message 2 of producer 0 where 1 was due"),
        ([message(0, 0), message(0, 0)], "message 0 of producer 0 where 1 was due"),
        ([message(0, 0)[:-1]], "a message of 63 bytes where 64 were due"),
        ([b""], "a message of 0 bytes where 64 were due"),
        ([message(0, 0)[:40] + message(1, 0)[40:]], "message 0 of producer 0 is torn"),
        ([b"\0" * 8 + b"\7" + TAILS[0][1:]], "a message of producer 7, who does not exist"),
    ],
)
def test_damage_is_named(damaged, reason):
    with pytest.raises(loops.Mismatch, match=reason):
        loops.consume_alone(receiver(damaged), [2, 0], 0, TAILS)


def test_one_producer_may_not_stand_in_for_another():
    sent = [message(0, 0), message(0, 1)]
    with pytest.raises(loops.Mismatch, match="counts were"):
        loops.consume_alone(receiver(sent), [1, 1], 0, TAILS)


def test_several_consumers_see_numbers_go_up_and_together_all_of_them():
    _, first = loops.consume_among(receiver([message(0, 5), message(0, 7)]), 2, [4, 0], 5, TAILS)
    _, second = loops.consume_among(receiver([message(0, 6), message(0, 8)]), 2, [4, 0], 5, TAILS)
    loops.exactly_once([first, second])
    with pytest.raises(loops.Mismatch, match="message 0 of producer 0 .* came 2 times"):
        loops.exactly_once([first, first])


@pytest.mark.parametrize("numbers", [[6, 5], [5, 5], [4], [9]])
def test_a_consumer_among_others_refuses_numbers_that_go_back_or_out_of_range(numbers):
    sent = [message(0, number) for number in numbers]
    with pytest.raises(loops.Mismatch):
        loops.consume_among(receiver(sent), len(sent), [4, 0], 5, TAILS)


def test_loss_and_doubling_that_leave_count_and_sum_as_they_were_are_found():
    # 0 + 2 + 2 + 2 = 0 + 1 + 2 + 3
    _, first = loops.consume_among(receiver([message(0, 0), message(0, 2)]), 2, [4, 0], 0, TAILS)
    _, second = loops.consume_among(receiver([message(0, 2)]), 1, [4, 0], 0, TAILS)
    _, third = loops.consume_among(receiver([message(0, 2)]), 1, [4, 0], 0, TAILS)
    with pytest.raises(loops.Mismatch, match="message 1 .* came 0 times"):
        loops.exactly_once([first, second, third])


def test_ping_stamps_every_round_trip_and_pong_answers_with_its_own_bytes():
    to_ping, to_pong = [], []
    for sequence in range(3):
        to_pong.append(message(0, sequence))
    loops.pong(to_ping.append, receiver(list(to_pong)), 3, 0, TAILS[1], TAILS[0])
    sent = []
    stamps = loops.ping(sent.append, receiver(to_ping), 3, 0, TAILS[0], TAILS[1])
    assert sent == to_pong
    assert len(stamps) == 4 and stamps == sorted(stamps)


def test_an_answer_out_of_turn_is_refused():
    with pytest.raises(loops.Mismatch, match="message 1 of producer 1 where 0 was due"):
        loops.ping([].append, receiver([message(1, 1)]), 1, 0, *TAILS)
    with pytest.raises(loops.Mismatch, match="message 1 of producer 0 where 0 was due"):
        loops.pong([].append, receiver([message(0, 1)]), 1, 0, TAILS[1], TAILS[0])
