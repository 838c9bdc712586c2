"""Which payload types count together."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from media.inlets.order import LINES, Order
from media.rtp import RtpPacket

PS, PCMA = 96, 8


def packet(kind: int, sequence: int) -> RtpPacket:
    return RtpPacket(kind, False, sequence & 0xFFFF, 0, 1, memoryview(b""))


def run(order: Order, packets: list[RtpPacket], step_s: float = 0.001) -> list[tuple[int, int, bool]]:
    out = []
    for number, each in enumerate(packets):
        out += order.push(each, number * step_s)
    out += order.flush(len(packets) * step_s + 10.0)
    return [(each.payload_type, each.sequence, lost) for each, lost in out]


def order(*, reorders: bool = True) -> Order:
    return Order(reorders=reorders, window=128, hold_s=0.2)


def test_types_that_share_a_sequence_are_ordered_together():
    packets = [packet(PCMA if n % 5 == 4 else PS, n) for n in range(1, 101)]
    packets[20], packets[21] = packets[21], packets[20]
    packets[41], packets[40] = packets[40], packets[41]
    subject = order()
    got = run(subject, packets)
    assert [sequence for _, sequence, _ in got] == list(range(1, 101))
    assert not any(lost for *_, lost in got) and subject.lost == 0 and subject.reordered == 2


def test_types_that_count_apart_do_not_disturb_each_other():
    packets = []
    for n in range(200):
        packets.append(packet(PS, 1000 + n))
        if n % 4 == 3:
            packets.append(packet(PCMA, n // 4))
    subject = order()
    got = run(subject, packets)
    assert [s for kind, s, _ in got if kind == PS] == list(range(1000, 1200))
    assert [s for kind, s, _ in got if kind == PCMA] == list(range(50))
    assert not any(lost for *_, lost in got) and subject.lost == subject.duplicates == 0


def test_sound_that_counts_in_step_with_the_picture_is_not_taken_for_duplicates():
    packets = [packet(kind, n) for n in range(100) for kind in (PS, PCMA)]
    got = run(order(), packets)
    assert len(got) == 200


def test_on_tcp_a_gap_is_the_senders_loss():
    subject = order(reorders=False)
    got = run(subject, [packet(PS, n) for n in (65534, 65535, 0, 1, 5, 6)])
    assert [lost for *_, lost in got] == [False, False, False, False, True, False]
    assert subject.lost == 3


def test_on_udp_a_gap_is_given_up_and_marked():
    subject = order()
    got = run(subject, [packet(PS, n) for n in (1, 2, 4, 5)])
    assert [(sequence, lost) for _, sequence, lost in got] == [(1, False), (2, False), (4, True), (5, False)]
    assert subject.lost == 1


@given(st.lists(st.tuples(st.sampled_from([96, 8, 0, 98]), st.integers(0, 65535)), max_size=300), st.booleans())
def test_any_numbers_at_all_are_passed_on_once_and_bounded(noise, reorders):
    subject = order(reorders=reorders)
    got = run(subject, [packet(kind, sequence) for kind, sequence in noise])
    assert len(got) <= len(noise)


def test_a_flood_of_payload_types_is_bounded():
    subject = order()
    dice = random.Random(4)
    for n in range(5000):
        subject.push(packet(dice.randrange(128), dice.randrange(65536)), n * 0.001)
    assert len(subject._apart) <= LINES


def test_half_of_the_packets_shuffled_come_out_sorted():
    numbers = list(range(500))
    dice = random.Random(3)
    for start in range(0, 500, 10):
        block = numbers[start : start + 10]
        dice.shuffle(block)
        numbers[start : start + 10] = block
    numbers.insert(0, 65535)
    got = run(order(), [packet(PS, n) for n in numbers])
    assert [sequence for _, sequence, _ in got][1:] == list(range(500))
