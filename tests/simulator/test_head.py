"""The motor head."""

from __future__ import annotations

import pytest

from simulator.head import MAX_ZOOM, Head


def test_a_head_turns_until_it_is_stopped():
    head = Head()
    head.turn(1.0, 0.0, 0.0, now=10.0)
    assert head.at(11.0).pan > head.at(10.5).pan > 0.5
    head.stop(11.0)
    assert head.at(20.0).pan == head.at(11.0).pan


def test_up_is_up_and_tele_is_near():
    head = Head()
    head.turn(0.0, 1.0, 1.0, now=0.0)
    assert head.at(1.0).tilt < 0.5
    assert head.at(1.0).zoom > 1.0


def test_a_head_stops_at_its_ends():
    head = Head()
    head.turn(-1.0, -1.0, 1.0, now=0.0)
    assert head.at(1000.0).pan == 0.0
    assert head.at(1000.0).tilt == 1.0
    assert head.at(1000.0).zoom == MAX_ZOOM


def test_a_preset_brings_the_head_back():
    head = Head()
    head.turn(1.0, 0.0, 0.0, now=0.0)
    head.stop(1.0)
    head.set_preset(3, 1.0, "Gate")
    there = head.at(1.0)
    head.turn(-1.0, 0.0, 0.0, now=1.0)
    assert head.call_preset(3, 4.0)
    assert head.at(9.0) == there


@pytest.mark.parametrize("number", [0, 9])
def test_a_preset_that_was_never_set_moves_nothing(number: int):
    head = Head()
    assert not head.call_preset(number, 1.0)
    head.delete_preset(number)
    assert head.at(2.0).pan == 0.5
