"""A camera is in one hand at a time, and whoever must wait sees in whose."""

from __future__ import annotations

import time

import pytest

from gb28181 import ptz
from gb28181.manscdp.control import DeviceControl
from registry.events import SteeringChanged

CAMERA = "34020000001320000001"
STEER = f"/api/v1/channels/{CAMERA}/{CAMERA}/ptz"
HOLD = f"/api/v1/channels/{CAMERA}/{CAMERA}/hold"


async def test_whoever_comes_second_sees_who_holds_the_camera_and_until_when(house):
    peer = await house.camera()
    one, two = await house.person("operator", "wang"), await house.person("operator", "li")
    assert (await one.ask("POST", STEER, {"pan": 1}))[0] == 204
    status, said = await two.ask("POST", STEER, {"pan": -1})
    assert (status, said["error"]["code"]) == (409, "steering-held")
    details = said["error"]["details"]
    assert details["holder"] == "wang" and details["on_purpose"] is False
    assert 0 < details["until"] - time.time() <= 15
    assert len(peer.told) == 1


async def test_an_administrator_takes_a_camera_over_and_the_news_says_from_whom(house):
    await house.camera()
    told = []
    house.bus.listen(told.append)
    one, chief = await house.person("operator", "wang"), await house.person("administrator", "chief")
    await one.ask("POST", STEER, {"pan": 1})
    assert (await chief.ask("POST", STEER, {"pan": -1}))[0] == 204
    assert (await one.ask("POST", STEER, {"stop": True}))[0] == 409
    steering = [event for event in told if isinstance(event, SteeringChanged)]
    assert [(event.name, event.lost_by) for event in steering] == [("wang", ""), ("chief", "user:wang")]


async def test_a_camera_held_on_purpose_is_listed_and_given_back(house):
    await house.camera()
    one, two = await house.person("operator", "wang"), await house.person("operator", "li")
    status, held = await one.ask("PUT", HOLD, {"minutes": 5})
    assert status == 200 and held["mine"] and held["on_purpose"] and held["until"] - time.time() > 290
    (listed,) = (await two.get("/holds"))["items"]
    assert (listed["holder"], listed["mine"]) == ("user:wang", False)
    assert (await two.ask("DELETE", HOLD))[0] == 409
    assert (await one.ask("DELETE", HOLD))[0] == 204
    assert (await two.get("/holds"))["items"] == []


async def test_a_motion_ends_when_a_higher_rank_takes_the_camera_for_itself(house):
    peer = await house.camera()
    one, chief = await house.person("operator", "wang"), await house.person("administrator", "chief")
    await one.ask("POST", STEER, {"pan": 1})
    assert (await chief.ask("PUT", HOLD, {"minutes": 1}))[0] == 200
    stop = DeviceControl(0, CAMERA, ptz=ptz.encode(ptz.Stop()))
    for _ in range(200):
        if stop in peer.told:
            break
        await chief.get("/holds")
    assert stop in peer.told


@pytest.mark.parametrize("minutes", [0, -1, 1441, "long"])
async def test_a_hold_of_no_time_or_of_days_is_refused(house, minutes):
    await house.camera()
    operator = await house.person("operator")
    assert (await operator.ask("PUT", HOLD, {"minutes": minutes}))[0] == 400


async def test_nobody_holds_a_camera_that_is_not_there_and_no_viewer_any(house):
    await house.camera()
    operator, viewer = await house.person("operator"), await house.person("viewer")
    assert (await operator.ask("PUT", f"/api/v1/channels/{CAMERA}/nothing/hold", {"minutes": 1}))[0] == 404
    assert (await viewer.ask("PUT", HOLD, {"minutes": 1}))[0] == 403
