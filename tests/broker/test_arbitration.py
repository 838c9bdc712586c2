"""One hand on a camera at a time, and everybody knows whose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.arbitration import Arbitration, Grip, Steerer, SteeringHeld, SteeringSettings, grip_of
from gb28181 import ptz
from gb28181.manscdp.control import Box, DeviceControl, HomePosition, PrecisePosition
from registry.events import SteeringChanged

NVR, CAMERA = "34020000001180000001", "34020000001320000001"
WANG = Steerer("user:wang", "wang", 200)
LI = Steerer("user:li", "li", 200)
CHIEF = Steerer("user:chief", "chief", 300)
CITY = Steerer("upper:44010000002000000001", "广州市", 100)


class Story:
    """An arbitration whose clock is a number, and what it told."""

    def __init__(self, settings: SteeringSettings = SteeringSettings()) -> None:
        self.now = 1000.0
        self.told: list[SteeringChanged] = []
        self.arbitration = Arbitration(settings, self.told.append, clock=lambda: self.now)

    def steers(self, who: Steerer, grip: Grip = Grip.TAKES) -> bool:
        try:
            with self.arbitration.turn(NVR, CAMERA, who, grip):
                return True
        except SteeringHeld:
            return False

    @property
    def holder(self) -> str:
        hold = self.arbitration.of(NVR, CAMERA)
        return hold.steerer.name if hold is not None else ""


def test_whoever_steers_holds_the_camera_for_some_seconds_more():
    story = Story()
    assert story.steers(WANG) and story.holder == "wang"
    story.now += 10
    assert story.steers(WANG)
    story.now += 14.9
    assert story.holder == "wang"
    story.now += 0.2
    assert story.holder == ""


def test_an_equal_waits_and_is_told_who_holds_it_and_until_when():
    story = Story()
    story.steers(WANG)
    with pytest.raises(SteeringHeld) as held, story.arbitration.turn(NVR, CAMERA, LI):
        pass
    assert (held.value.hold.steerer.name, held.value.hold.until) == ("wang", 1015.0)
    story.now += 15
    assert story.steers(LI)


def test_a_higher_rank_takes_it_over_and_the_loser_is_told():
    story = Story()
    story.steers(WANG)
    assert story.steers(CHIEF)
    assert (story.told[-1].lost_by, story.told[-1].taken_by, story.told[-1].holder) == (
        "user:wang",
        "chief",
        "user:chief",
    )
    assert not story.steers(WANG)


def test_operators_here_come_before_platforms_above_unless_settings_say_otherwise():
    story = Story()
    story.steers(CITY)
    assert story.steers(WANG)
    assert not story.steers(CITY)
    province = SteeringSettings(uppers_by_code=(("44", 150), ("4400", 250)))
    assert province.rank_of_upper("44000000002000000001") == 250
    assert province.rank_of_upper("44010000002000000001") == 150
    assert province.rank_of_upper("11010000002000000001") == 100


def test_between_platforms_of_one_rank_the_larger_control_priority_wins():
    story = Story()
    county = replace(CITY, key="upper:2", priority=5)
    story.steers(CITY)
    assert story.steers(county)
    assert not story.steers(CITY)


def test_a_stop_takes_no_camera_and_is_not_for_others():
    story = Story()
    assert story.steers(WANG, Grip.ENDS) and story.holder == ""
    story.steers(WANG)
    story.now += 10
    assert story.steers(WANG, Grip.ENDS)
    assert not story.steers(CHIEF, Grip.ENDS)
    story.now += 5
    assert story.holder == ""


def test_a_camera_is_held_on_purpose_for_minutes_and_steering_does_not_shorten_that():
    story = Story()
    story.arbitration.hold(NVR, CAMERA, WANG, 300)
    story.steers(WANG)
    story.now += 299
    assert not story.steers(LI)
    story.arbitration.give_back(NVR, CAMERA, WANG)
    assert story.told[-1].holder == "" and story.told[-1].lost_by == ""
    assert story.steers(LI)


def test_nobody_holds_longer_than_the_settings_allow():
    story = Story(SteeringSettings(longest_hold_s=60))
    assert story.arbitration.hold(NVR, CAMERA, WANG, 86_400).until == story.now + 60


def test_only_a_higher_rank_lets_go_for_another():
    story = Story()
    story.arbitration.hold(NVR, CAMERA, WANG, 300)
    with pytest.raises(SteeringHeld):
        story.arbitration.give_back(NVR, CAMERA, LI)
    story.arbitration.give_back(NVR, CAMERA, CHIEF)
    assert story.holder == "" and story.told[-1].lost_by == "user:wang"


def test_a_command_that_did_not_go_out_holds_nothing():
    story = Story()
    with pytest.raises(RuntimeError), story.arbitration.turn(NVR, CAMERA, WANG):
        raise RuntimeError("the camera is away")
    assert story.holder == ""
    story.steers(WANG)
    with pytest.raises(RuntimeError), story.arbitration.turn(NVR, CAMERA, WANG):
        raise RuntimeError("the camera is away")
    assert story.holder == "wang"


def test_a_hand_that_goes_on_is_no_news_twice_a_second():
    story = Story()
    for _ in range(10):
        story.steers(WANG)
        story.now += 0.2
    assert len(story.told) == 2


@pytest.mark.parametrize(
    ("control", "grip"),
    [
        (DeviceControl(0, CAMERA, ptz=ptz.encode(ptz.Move(pan=1.0))), Grip.TAKES),
        (DeviceControl(0, CAMERA, ptz=ptz.encode(ptz.Preset(ptz.PresetAction.CALL, 1))), Grip.TAKES),
        (DeviceControl(0, CAMERA, ptz="no digits"), Grip.TAKES),
        (DeviceControl(0, CAMERA, ptz=ptz.encode(ptz.Stop())), Grip.ENDS),
        (DeviceControl(0, CAMERA, ptz=ptz.encode(ptz.FocusIris())), Grip.ENDS),
        (DeviceControl(0, CAMERA, zoom_in=Box(1, 1, 1, 1, 1, 1)), Grip.TAKES),
        (DeviceControl(0, CAMERA, precise=PrecisePosition(1.0)), Grip.TAKES),
        (DeviceControl(0, CAMERA, home_position=HomePosition(True)), Grip.TAKES),
        (DeviceControl(0, CAMERA, track="Auto"), Grip.TAKES),
        (DeviceControl(0, CAMERA, i_frame=True), Grip.NONE),
        (DeviceControl(0, CAMERA, record=True), Grip.NONE),
    ],
)
def test_only_what_moves_the_picture_takes_the_hand(control: DeviceControl, grip: Grip):
    assert grip_of(control) is grip


@pytest.mark.parametrize("wrong", [{"hold_s": 0.1}, {"hold_s": 30, "longest_hold_s": 20}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError):
        SteeringSettings(**wrong)
