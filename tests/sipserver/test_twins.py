"""Who speaks from where it has left is not the one that moved."""

from __future__ import annotations

from sipserver.below.twins import MEMORY_S, SETTLED_S, Twins

CODE = "34020000001320000001"


def test_who_moved_is_not_heard_from_where_it_was_unless_there_are_two():
    twins = Twins(size=10)
    twins.moved(CODE, "10.0.0.1", now=100.0)
    assert not twins.has_left(CODE, "10.0.0.2", now=200.0)
    assert twins.has_left(CODE, "10.0.0.1", now=200.0)


def test_what_was_under_way_during_the_move_and_what_is_long_ago_does_not_count():
    twins = Twins(size=10)
    twins.moved(CODE, "10.0.0.1", now=100.0)
    assert not twins.has_left(CODE, "10.0.0.1", now=100.0 + SETTLED_S - 0.1)
    assert not twins.has_left(CODE, "10.0.0.1", now=100.0 + MEMORY_S + 1)


def test_of_known_twins_nothing_is_taken_for_a_straggler():
    twins = Twins(size=10)
    twins.moved(CODE, "10.0.0.1", now=100.0)
    assert twins.has_left(CODE, "10.0.0.1", now=110.0)
    twins.moved(CODE, "10.0.0.2", now=110.0)
    assert twins.has_left(CODE, "10.0.0.2", now=110.1)


def test_a_device_that_moves_on_and_on_is_one():
    twins = Twins(size=10)
    for step in range(20):
        host, now = f"10.0.0.{step}", 100.0 * step
        assert not twins.has_left(CODE, host, now)
        twins.moved(CODE, f"10.0.0.{step - 1}", now)


def test_no_more_codes_are_remembered_than_there_is_room_for():
    twins = Twins(size=3)
    for number in range(10):
        twins.moved(str(number), "10.0.0.1", now=0.0)
    assert len(twins) == 3
    assert twins.has_left("9", "10.0.0.1", now=10.0) and not twins.has_left("0", "10.0.0.1", now=10.0)
