"""What a simulated camera tells when it is asked once: its place, and the alarms it raised before."""

from __future__ import annotations

from gb28181.manscdp.alarm import Alarm, AlarmQuery, AlarmResponse
from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.position import Fix, MobilePosition, MobilePositionQuery
from simulator.camera import Camera, ChannelSettings
from tests.conformance.bare import CAMERA, Platform, settings


def camera(**place: float) -> Camera:
    return Camera(settings(Platform(), channels=(ChannelSettings(CAMERA, "北门", **place),)))


async def test_a_place_is_told_by_a_camera_that_has_one():
    (told,) = camera(longitude=117.28, latitude=31.86).answer(MobilePositionQuery(5, CAMERA))
    assert isinstance(told, MobilePosition) and told.sn == 5
    (fix,) = told.fixes
    assert isinstance(fix, Fix) and (fix.device, fix.longitude, fix.latitude) == (CAMERA, 117.28, 31.86)
    (refused,) = camera().answer(MobilePositionQuery(6, CAMERA))
    assert isinstance(refused, ControlResponse) and not refused.ok


async def test_alarms_of_before_are_told_by_time_and_priority_and_then_that_these_were_all():
    made = camera()
    made.alarming.raised += [
        Alarm(1, CAMERA, 1, 5, 100.0),
        Alarm(2, CAMERA, 4, 5, 200.0),
        Alarm(3, CAMERA, 1, 2, 300.0),
    ]
    told = made.answer(AlarmQuery(9, CAMERA, 1, 2, start=50.0, end=250.0))
    assert told == [Alarm(9, CAMERA, 1, 5, 100.0), AlarmResponse(9, CAMERA)]
    assert made.answer(AlarmQuery(9, CAMERA, methods=(7,))) == [AlarmResponse(9, CAMERA)]
