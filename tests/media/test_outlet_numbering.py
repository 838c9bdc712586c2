"""Our own numbers on other people's packets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.outlets.numbering import STEP_90K, Numbering
from media.rtp import Packetiser, parse
from media.run import Run, join


def numbers(numbering: Numbering, timestamp: int, marker: bool = False, lost: bool = False) -> tuple[int, int]:
    packet = parse(numbering.header(timestamp, marker, lost) + b"x")
    assert packet is not None and packet.marker is marker
    assert (packet.ssrc, packet.payload_type) == (7, 96)
    return packet.sequence, packet.timestamp


def test_the_sequence_is_ours_and_the_time_the_sources():
    mine = Numbering(7, 96, 65_535)
    assert [numbers(mine, at, at == 2) for at in (1, 1, 2)] == [(65_535, 1), (0, 1), (1, 2)]


def test_a_loss_is_one_gap():
    mine = Numbering(7, 96, 10)
    assert numbers(mine, 3600) == (10, 3600)
    assert numbers(mine, 7200, lost=True) == (12, 7200)
    assert numbers(mine, 7200) == (13, 7200)


def test_a_source_that_begins_anew_runs_on_without_a_gap():
    mine = Numbering(7, 96, 10)
    numbers(mine, 90_000)
    mine.restart()
    assert numbers(mine, 5) == (11, 90_000 + STEP_90K)
    assert numbers(mine, 5 + 3600) == (12, 90_000 + STEP_90K + 3600)


def test_a_clock_that_jumps_in_a_loss_runs_on_too():
    mine = Numbering(7, 96, 10)
    numbers(mine, 90_000)
    assert numbers(mine, 90_000_000, lost=True) == (12, 90_000 + STEP_90K)


def test_a_seek_without_a_loss_is_passed_on():
    mine = Numbering(7, 96, 10)
    numbers(mine, 90_000)
    assert numbers(mine, 90_000_000) == (11, 90_000_000)


def test_restarting_before_the_first_packet_changes_nothing():
    mine = Numbering(7, 96, 10)
    mine.restart()
    assert numbers(mine, 4242) == (10, 4242)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.booleans(), st.booleans(), st.booleans()), max_size=50))
def test_the_sequence_goes_on_by_one_or_by_one_gap_whatever_the_source_does(steps):
    mine = Numbering(7, 96, 65_500)
    before = None
    for timestamp, marker, lost, anew in steps:
        if anew:
            mine.restart()
        sequence, _ = numbers(mine, timestamp, marker, lost)
        if before is not None:
            assert sequence - before & 0xFFFF == (2 if lost else 1)
        before = sequence


def a_run(count: int, timestamp: int, payload_type: int, marker: bool, lost: bool, tail: int, size: int) -> Run:
    packetiser = Packetiser(99, payload_type, payload_limit=size, sequence=7)
    packets = packetiser.packets(bytes(range(size)) * (count - 1) + b"t" * min(tail, size), timestamp)
    if not marker:
        packets[-1] = bytes((0x80, payload_type)) + packets[-1][2:]
    return join(packets, lost_before=lost)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 127),
    st.one_of(st.integers(0, 65_535), st.integers(65_400, 65_535)),
    st.lists(
        st.tuples(
            st.integers(1, 70),
            st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 20_000)),
            st.sampled_from([96, 0, 98]),
            st.booleans(),
            st.booleans(),
            st.integers(1, 34),
            st.sampled_from([28, 29, 30, 34]),
            st.booleans(),
        ),
        max_size=8,
    ),
)
def test_a_run_is_numbered_as_its_packets_one_by_one_would_be(ssrc, payload_type, sequence, steps):
    scratch = bytearray(b"x" * 1000)  # too little for the longest
    at_once, one_by_one = (Numbering(ssrc, payload_type, sequence) for _ in range(2))
    for count, timestamp, theirs, marker, lost, tail, size, anew in steps:
        if anew:
            at_once.restart()
            one_by_one.restart()
        run = a_run(count, timestamp, theirs, marker, lost, tail, size)
        before = run.data
        expected = b""
        for number, packet in enumerate(run.packets()):
            is_last = number == run.count - 1
            expected += one_by_one.header(timestamp, marker and is_last, lost and number == 0) + packet[12:]
        assert at_once.over(run, scratch) == expected
        assert run.data == before
        assert (at_once.sequence, at_once.timestamp) == (one_by_one.sequence, one_by_one.timestamp)
