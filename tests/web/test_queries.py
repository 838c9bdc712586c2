"""What a device is asked, and how its answers are shown: whole, in part, or refused with its own reason."""

from __future__ import annotations

from typing import Any

import pytest

from gb28181.manscdp.alarm import Alarm, AlarmQuery
from gb28181.manscdp.control import HomePosition
from gb28181.manscdp.cruise import CruisePoint, CruisePoints, CruiseTrack, CruiseTrackList, CruiseTrackQuery
from gb28181.manscdp.device_info import DeviceInfo
from gb28181.manscdp.device_status import DeviceStatus, Duty
from gb28181.manscdp.home_position import HomePositionAnswer
from gb28181.manscdp.position import Fix, Look, MobilePosition, PtzPosition
from gb28181.manscdp.sd_card import SdCard, SdCardStatus
from gb28181.peer import Gathered, PeerRefused, PeerSilent

CAMERA = "34020000001320000001"
BASE = f"/channels/{CAMERA}/{CAMERA}"


def without_time(said: dict[str, Any]) -> dict[str, Any]:
    assert said.pop("at") > 1_700_000_000
    return said


def part(*parts: Any, of: int) -> Gathered:
    return Gathered(parts, of, len(parts), len(parts) >= of)


ANSWERS = [
    (
        "info",
        DeviceInfo(1, CAMERA, name="院", manufacturer="ACME", model="B2", firmware="1.0", channels=4),
        {"name": "院", "manufacturer": "ACME", "model": "B2", "firmware": "1.0", "channels": 4},
    ),
    (
        "status",
        DeviceStatus(1, CAMERA, status_ok=False, reason="disk", encoding=True, at=9.0, duties=(Duty("x", "ONDUTY"),)),
        {
            "online": True,
            "ok": False,
            "reason": "disk",
            "encoding": True,
            "recording": None,
            "clock": 9.0,
            "duties": [{"code": "x", "duty": "ONDUTY"}],
        },
    ),
    (
        "home-position",
        HomePositionAnswer(1, CAMERA, HomePosition(True, 60, 3)),
        {"enabled": True, "reset_time_s": 60, "preset": 3},
    ),
    ("home-position", HomePositionAnswer(1, CAMERA), {"enabled": None, "reset_time_s": None, "preset": None}),
    (
        "cruises",
        part(CruiseTrackList(1, CAMERA, (CruiseTrack(0, "夜"),), 2), of=2),
        {"items": [{"number": 0, "name": "夜"}], "complete": False, "got": 1, "expected": 2},
    ),
    (
        "cruises/4",
        part(CruisePoints(1, CAMERA, 4, "夜", (CruisePoint(1, 15, 8), CruisePoint(1, 15, 8)), 2), of=1),
        {
            "number": 4,
            "name": "夜",
            "points": [{"preset": 1, "stay_s": 15, "speed": 8}] * 2,
            "complete": True,
            "got": 2,
            "expected": 2,
        },
    ),
    (
        "look",
        PtzPosition(1, CAMERA, Look(90.0, 12.5, 4.0)),
        {
            "pan": 90.0,
            "tilt": 12.5,
            "zoom": 4.0,
            "horizontal_angle": None,
            "vertical_angle": None,
            "max_distance": None,
        },
    ),
    (
        "cards",
        part(SdCardStatus(1, CAMERA, (SdCard(1, "SD1", "formatting", 40, 100, 9),), 1), of=1),
        {
            "items": [
                {
                    "number": 1,
                    "name": "SD1",
                    "state": "formatting",
                    "progress": 40,
                    "capacity_mb": 100,
                    "free_mb": 9,
                }
            ],
            "complete": True,
            "got": 1,
            "expected": 1,
        },
    ),
    (
        "place",
        MobilePosition(1, CAMERA, 5.0, (Fix("", 5.0, 117.2, 31.8, 36.5),)),
        {
            "code": CAMERA,
            "taken_at": 5.0,
            "longitude": 117.2,
            "latitude": 31.8,
            "speed": 36.5,
            "direction": None,
            "altitude": None,
        },
    ),
]


@pytest.mark.parametrize(("path", "answer", "shown"), ANSWERS, ids=[path for path, *_ in ANSWERS])
async def test_an_answer_is_shown_as_the_device_gave_it(house, path, answer, shown):
    peer = await house.camera(edition="3.0")
    peer.answer = answer
    viewer = await house.person("viewer")
    assert without_time(await viewer.get(f"{BASE}/{path}")) == shown
    assert peer.asked[0].device == CAMERA


NEW = ["home-position", "cruises", "cruises/0", "look", "cards"]


@pytest.mark.parametrize("path", NEW)
async def test_reg_18_what_is_new_in_2022_is_not_sent_to_a_device_of_2016(house, path):
    peer = await house.camera()
    viewer = await house.person("viewer")
    status, said = await viewer.ask("GET", f"/api/v1{BASE}/{path}")
    assert (status, said["error"]["code"]) == (409, "edition-too-old")
    assert peer.asked == []


async def test_the_number_of_a_cruise_is_asked_for(house):
    peer = await house.camera(edition="3.0")
    peer.answer = part(CruisePoints(1, CAMERA, 7), of=0)
    viewer = await house.person("viewer")
    await viewer.get(f"{BASE}/cruises/7")
    assert peer.asked == [CruiseTrackQuery(0, CAMERA, 7)]
    assert (await viewer.ask("GET", f"/api/v1{BASE}/cruises/x"))[0] == 400


async def test_a_refusal_comes_with_the_devices_reason(house):
    peer = await house.camera(edition="3.0")
    viewer = await house.person("viewer")
    peer.answer = SdCardStatus(1, CAMERA, ok=False, reason="no slot")
    status, said = await viewer.ask("GET", f"/api/v1{BASE}/cards")
    assert (status, said["error"]["code"], said["error"]["details"]["reason"]) == (502, "device-refused", "no slot")
    peer.failure = PeerRefused("no", status=403, reason="Forbidden")
    assert (await viewer.ask("GET", f"/api/v1{BASE}/info"))[0] == 502
    peer.failure = PeerSilent("nothing")
    assert (await viewer.ask("GET", f"/api/v1{BASE}/status"))[0] == 504


async def test_a_place_of_something_else_is_none(house):
    peer = await house.camera()
    peer.answer = MobilePosition(1, CAMERA, 5.0, (Fix("34020000001320000099", 5.0, 117.2, 31.8),))
    viewer = await house.person("viewer")
    status, said = await viewer.ask("GET", f"/api/v1{BASE}/place")
    assert (status, said["error"]["code"]) == (502, "no-place")


async def test_past_alarms_are_asked_by_time_priority_and_method(house):
    peer = await house.camera()
    alarms = (Alarm(1, CAMERA, 2, 5, 20.0, "移动侦测", alarm_type=2), Alarm(1, CAMERA, 1, 2, 30.0))
    peer.answer = Gathered(alarms, 4, 2, False)
    viewer = await house.person("viewer")
    said = await viewer.get(f"{BASE}/past-alarms?start=10&end=40&first_priority=1&last_priority=2&method=5")
    assert peer.asked == [AlarmQuery(0, CAMERA, 1, 2, (5,), start=10.0, end=40.0)]
    assert [(item["at"], item["priority"], item["alarm_type"]) for item in said["items"]] == [
        (20.0, 2, 2),
        (30.0, 1, None),
    ]
    assert said["complete"] is False
    for wrong in ("start=40&end=10", "start=0&end=9999999", "start=1"):
        assert (await viewer.ask("GET", f"/api/v1{BASE}/past-alarms?{wrong}"))[0] == 400
