"""Packets put back in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.reorder import Reorderer


def play(order: Reorderer[int], numbers: list[int], now: float = 0.0) -> list[tuple[int, bool]]:
    return [ready for number in numbers for ready in order.push(number & 0xFFFF, number, now)]


def test_packets_in_order_pass_at_once() -> None:
    assert play(Reorderer(), [65534, 65535, 65536, 65537]) == [(n, False) for n in range(65534, 65538)]


def test_two_swapped_packets_come_out_in_order_and_nothing_is_lost() -> None:
    order: Reorderer[int] = Reorderer()
    assert play(order, [1, 3, 2, 4]) == [(1, False), (2, False), (3, False), (4, False)]
    assert (order.lost, order.reordered) == (0, 1)


def test_a_gap_is_given_up_after_the_hold_time_and_the_next_packet_says_so() -> None:
    order: Reorderer[int] = Reorderer(hold_s=0.2)
    assert play(order, [1, 3, 4]) == [(1, False)]
    assert order.flush(0.19) == []
    assert order.flush(0.2) == [(3, True), (4, False)]
    assert order.lost == 1


def test_a_gap_is_given_up_when_the_window_is_full() -> None:
    order: Reorderer[int] = Reorderer(window=4)
    assert play(order, [1, 3, 4, 5]) == [(1, False)]
    assert play(order, [6]) == [(3, True), (4, False), (5, False), (6, False)]


def test_what_comes_after_its_place_was_given_up_is_late_and_not_a_duplicate() -> None:
    order: Reorderer[int] = Reorderer(window=2)
    play(order, [1, 3, 4])
    assert play(order, [2, 3, 5]) == [(5, False)]
    assert (order.late, order.duplicates) == (1, 1)


def test_duplicates_are_dropped() -> None:
    order: Reorderer[int] = Reorderer()
    assert play(order, [1, 1, 3, 3, 2]) == [(1, False), (2, False), (3, False)]
    assert order.duplicates == 2


def test_a_sequence_that_begins_anew_is_taken_after_eight_packets_and_none_of_them_is_lost() -> None:
    order: Reorderer[int] = Reorderer()
    play(order, list(range(5000, 5010)))
    assert play(order, list(range(7))) == []
    assert play(order, [7, 8]) == [(0, True), *[(n, False) for n in range(1, 9)]]
    assert order.restarts == 1


@pytest.mark.parametrize("start", [100, 65_400])
def test_what_a_long_pause_of_the_network_cost_is_counted_as_lost(start: int) -> None:
    order: Reorderer[int] = Reorderer()
    came = [*range(start, start + 10), *range(start + 1010, start + 1030)]
    assert [number for number, _ in play(order, came)] == came
    assert (order.lost, order.restarts) == (1000, 0)


def test_a_short_new_sequence_is_taken_when_silence_follows() -> None:
    order: Reorderer[int] = Reorderer(hold_s=0.2)
    play(order, list(range(5000, 5010)))
    play(order, [0, 1, 2], now=1.0)
    assert order.flush(1.25) == [(0, True), (1, False), (2, False)]


def test_a_single_wild_packet_begins_nothing() -> None:
    order: Reorderer[int] = Reorderer()
    assert play(order, [10, 40000, 11]) == [(10, False), (11, False)]
    assert order.flush(9.0) == []
    assert play(order, [12]) == [(12, False)]


@given(st.permutations(range(40)))
def test_any_shuffle_within_the_window_comes_out_in_order(numbers: list[int]) -> None:
    order: Reorderer[int] = Reorderer(window=64)
    numbers = [0, *[number + 1 for number in numbers]]
    assert [packet for packet, _ in play(order, numbers)] == sorted(numbers)


@given(st.lists(st.tuples(st.integers(0, 65535), st.floats(0, 3)), max_size=300))
def test_whatever_comes_little_is_held_and_all_that_goes_out_is_new(arrivals: list[tuple[int, float]]) -> None:
    order: Reorderer[int] = Reorderer(window=16)
    out = 0
    for sequence, now in sorted(arrivals, key=lambda each: each[1]):
        out += len(order.push(sequence, sequence, now)) + len(order.flush(now))
        assert len(order._held) <= 16 and len(order._side) < 8 and len(order._given_up) < 1600
    assert out <= len(arrivals)
