"""Our own numbers on other people's packets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.outlets.numbering import STEP_90K, Numbering
from media.rtp import parse


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
