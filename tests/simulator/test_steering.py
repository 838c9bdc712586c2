"""What a head does by itself, by a clock that the test sets."""

from __future__ import annotations

import pytest

from gb28181 import ptz
from gb28181.manscdp.control import Box, DeviceControl, HomePosition, PrecisePosition
from simulator.aim import MAX_ZOOM, Aim, through
from simulator.head import Head
from simulator.steering import steer, take_home

CAMERA = "34020000001320000001"


def tell(head: Head, command: ptz.Command, now: float, **names: str) -> None:
    steer(head, DeviceControl(1, CAMERA, ptz=ptz.encode(command), **names), now)


def two_presets() -> Head:
    head = Head(Aim(0.0, 0.5))
    head.set_preset(1, 0.0)
    head.look(PrecisePosition(pan=180.0), 0.0)
    head.set_preset(2, 0.0)
    return head


def test_a_cruise_goes_from_preset_to_preset_and_rests_there_until_it_is_stopped():
    head = two_presets()
    for number in (1, 2):
        tell(head, ptz.Cruise(ptz.CruiseAction.ADD, 3, number), 0.0, cruise_name="外圈")
    tell(head, ptz.Cruise(ptz.CruiseAction.DWELL, 3, 10), 0.0)
    tell(head, ptz.Cruise(ptz.CruiseAction.SPEED, 3, 0xFFF), 0.0)
    assert head.cruises[3].name == "外圈"
    tell(head, ptz.Cruise(ptz.CruiseAction.START, 3), 100.0)
    assert head.at(105.0).pan == 0.0
    assert 0.0 < head.at(110.3).pan < 1.0
    assert head.at(115.0).pan == 1.0
    assert head.at(125.0).pan == 0.0
    tell(head, ptz.Stop(), 125.0)
    assert head.at(200.0).pan == 0.0


def test_points_and_whole_cruises_are_deleted():
    head = two_presets()
    for number in (1, 2, 1):
        tell(head, ptz.Cruise(ptz.CruiseAction.ADD, 3, number), 0.0)
    tell(head, ptz.Cruise(ptz.CruiseAction.DELETE, 3, 1), 0.0)
    assert head.cruises[3].points == [2]
    tell(head, ptz.Cruise(ptz.CruiseAction.DELETE, 3, 0), 0.0)
    assert head.cruises == {}


def test_a_scan_sweeps_between_its_limits_to_the_left_first():
    head = Head(Aim(0.2, 0.5))
    tell(head, ptz.Scan(ptz.ScanAction.LEFT, 1), 0.0)
    head.look(PrecisePosition(pan=0.8 * 180), 0.0)
    tell(head, ptz.Scan(ptz.ScanAction.RIGHT, 1), 0.0)
    tell(head, ptz.Scan(ptz.ScanAction.SPEED, 1, 0xFFF), 0.0)
    tell(head, ptz.Scan(ptz.ScanAction.START, 1), 10.0)
    seen = [head.at(10.0 + step / 20).pan for step in range(100)]
    assert seen[1] < seen[0] == pytest.approx(0.8)
    assert min(seen) == pytest.approx(0.2, abs=0.01) and max(seen) <= 0.8001


def test_a_position_beyond_the_limits_is_the_limit():
    head = Head()
    steer(head, DeviceControl(1, CAMERA, precise=PrecisePosition(500.0, -90.0, 72.0)), 0.0)
    assert head.at(1.0) == Aim(1.0, 0.0, MAX_ZOOM)
    steer(head, DeviceControl(1, CAMERA, precise=PrecisePosition(tilt=30.0)), 0.0)
    assert head.at(1.0) == Aim(1.0, 0.5, MAX_ZOOM)


def test_it_comes_home_after_its_rest_and_not_while_it_turns():
    head = two_presets()
    home = DeviceControl(1, CAMERA, home_position=HomePosition(True, 30, 1))
    assert take_home(head, home, 0.0) == ""
    tell(head, ptz.Move(pan=0.01), 100.0)
    assert head.at(150.0).pan > 0.0
    tell(head, ptz.Stop(), 150.0)
    assert head.at(179.0).pan > 0.0
    assert head.at(181.0).pan == 0.0
    assert take_home(head, DeviceControl(1, CAMERA, home_position=HomePosition(True, 1, 9)), 0.0) == "no preset 9"


def test_a_box_that_is_drawn_becomes_the_picture_and_back():
    head = Head()
    right = Box(800, 600, 600, 300, 400, 300)
    steer(head, DeviceControl(1, CAMERA, zoom_in=right), 0.0)
    near = head.at(0.0)
    assert near.zoom == pytest.approx(2.0) and near.pan > 0.5 and near.tilt == pytest.approx(0.5)
    middle = Box(800, 600, 400, 300, 400, 300)
    steer(head, DeviceControl(1, CAMERA, zoom_out=middle), 0.0)
    assert head.at(0.0).zoom == pytest.approx(1.0)


@pytest.mark.parametrize("box", [Box(0, 0, 1, 1, 1, 1), Box(800, 600, -5000, 9000, 0, 0), Box(1, 1, 1, 1, 10**9, 1)])
def test_a_box_that_cannot_be_leaves_the_head_within_its_limits(box: Box):
    for inward in (True, False):
        aim = through(box, Aim(), inward=inward)
        assert 0 <= aim.pan <= 1 and 0 <= aim.tilt <= 1 and 1 <= aim.zoom <= MAX_ZOOM


def test_a_target_is_followed_from_within_the_box_until_stop():
    head = Head()
    box = Box(800, 600, 700, 300, 80, 80)
    steer(head, DeviceControl(1, CAMERA, track="Manual", target_area=box), 10.0)
    assert head.tracking == "Manual" and head.at(10.0).pan > 0.5
    assert head.at(12.0).pan != head.at(10.0).pan
    steer(head, DeviceControl(1, CAMERA, track="Stop"), 12.0)
    assert head.tracking == "Stop" and head.at(20.0) == head.at(12.0)


def test_lens_and_switches_do_as_they_are_told():
    head = Head()
    tell(head, ptz.FocusIris(focus=1.0), 0.0)
    tell(head, ptz.FocusIris(), 1.0)
    assert head.lens_at(5.0)[0] == pytest.approx(0.7) and head.lens_at(5.0)[1] == 0.5
    tell(head, ptz.Auxiliary(1, True), 0.0)
    tell(head, ptz.Auxiliary(2, True), 0.0)
    tell(head, ptz.Auxiliary(2, False), 0.0)
    assert head.switches == {1: True, 2: False}
