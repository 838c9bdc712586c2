"""A wish of an operator becomes one control to the right thing, or a clear no before anything is sent."""

from __future__ import annotations

import pytest

from gb28181 import ptz
from gb28181.dialect import DIALECTS
from gb28181.manscdp.control import Box, ControlResponse, DeviceControl, HomePosition, PrecisePosition
from gb28181.peer import PeerRefused, PeerSilent

CAMERA = "34020000001320000001"
AT = f"/api/v1/channels/{CAMERA}/{CAMERA}"
DRAWN = {"window_width": 800, "window_height": 600, "left": 400, "top": 150, "width": 400, "height": 300}
BOX = Box(800, 600, 600, 300, 400, 300)


def digits(command: ptz.Command) -> DeviceControl:
    return DeviceControl(0, CAMERA, ptz=ptz.encode(command))


TOLD = [
    ("cruise", {"action": "add", "group": 1, "preset": 3}, digits(ptz.Cruise(ptz.CruiseAction.ADD, 1, 3))),
    ("cruise", {"action": "delete", "group": 1, "preset": 3}, digits(ptz.Cruise(ptz.CruiseAction.DELETE, 1, 3))),
    ("cruise", {"action": "clear", "group": 1}, digits(ptz.Cruise(ptz.CruiseAction.DELETE, 1, 0))),
    ("cruise", {"action": "dwell", "group": 1, "value": 300}, digits(ptz.Cruise(ptz.CruiseAction.DWELL, 1, 300))),
    ("cruise", {"action": "speed", "group": 1, "value": 291}, digits(ptz.Cruise(ptz.CruiseAction.SPEED, 1, 291))),
    ("cruise", {"action": "start", "group": 1}, digits(ptz.Cruise(ptz.CruiseAction.START, 1))),
    ("cruise", {"action": "stop"}, digits(ptz.Stop())),
    ("scan", {"action": "left", "group": 2}, digits(ptz.Scan(ptz.ScanAction.LEFT, 2))),
    ("scan", {"action": "right", "group": 2}, digits(ptz.Scan(ptz.ScanAction.RIGHT, 2))),
    ("scan", {"action": "speed", "group": 2, "value": 564}, digits(ptz.Scan(ptz.ScanAction.SPEED, 2, 564))),
    ("scan", {"action": "start", "group": 2}, digits(ptz.Scan(ptz.ScanAction.START, 2))),
    ("scan", {"action": "stop"}, digits(ptz.Stop())),
    ("switch", {"number": 1, "on": True}, digits(ptz.Auxiliary(1, True))),
    ("precise", {"pan": 90, "zoom": 2}, DeviceControl(0, CAMERA, precise=PrecisePosition(90.0, None, 2.0))),
    ("zoom-box", {"direction": "in", "box": DRAWN}, DeviceControl(0, CAMERA, zoom_in=BOX)),
    ("zoom-box", {"direction": "out", "box": DRAWN}, DeviceControl(0, CAMERA, zoom_out=BOX)),
    ("track", {"mode": "auto"}, DeviceControl(0, CAMERA, track="Auto")),
    ("track", {"mode": "stop"}, DeviceControl(0, CAMERA, track="Stop")),
    (
        "track",
        {"mode": "manual", "panorama": "34020000001320000009", "box": DRAWN},
        DeviceControl(0, CAMERA, track="Manual", track_panorama="34020000001320000009", target_area=BOX),
    ),
    ("key-frame", None, DeviceControl(0, CAMERA, i_frame=True)),
    ("reboot", None, DeviceControl(0, CAMERA, teleboot=True)),
    ("format-card", {"card": 0}, DeviceControl(0, CAMERA, format_card=0)),
]
ASKED = [
    (
        "home-position",
        {"enabled": True, "reset_time_s": 120, "preset": 3},
        DeviceControl(0, CAMERA, home_position=HomePosition(True, 120, 3)),
    ),
    ("guard", {"on": True}, DeviceControl(0, CAMERA, guard=True)),
    ("guard", {"on": False}, DeviceControl(0, CAMERA, guard=False)),
    (
        "alarm-reset",
        {"method": "5", "type": "2"},
        DeviceControl(0, CAMERA, alarm_reset=True, alarm_method="5", alarm_type="2"),
    ),
    ("device-record", {"on": True, "stream": 1}, DeviceControl(0, CAMERA, record=True, stream_number=1)),
]


@pytest.mark.parametrize(("what", "wish", "control"), TOLD)
async def test_what_has_no_answer_is_told(house, what, wish, control):
    peer = await house.camera(edition="3.0")
    chief = await house.person("administrator")
    status, said = await chief.ask("POST", f"{AT}/{what}", wish)
    assert status == 204, said
    assert (peer.told, peer.asked) == ([control], [])


@pytest.mark.parametrize(("what", "wish", "control"), ASKED)
async def test_what_has_an_answer_is_asked_and_the_answer_awaited(house, what, wish, control):
    peer = await house.camera(edition="3.0")
    peer.answer = ControlResponse(1, CAMERA)
    operator = await house.person("operator")
    assert await operator.ask("POST", f"{AT}/{what}", wish) == (200, {"answered": True})
    assert (peer.told, peer.asked) == ([], [control])


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (PeerRefused("no", status=200, reason="no preset 9"), 502, "device-refused"),
        (PeerSilent("it took DeviceControl and did not answer in 10 s"), 504, "device-silent"),
    ],
)
async def test_a_refusal_is_quoted_and_silence_is_an_end(house, failure, status, code):
    peer = await house.camera()
    peer.failure = failure
    operator = await house.person("operator")
    got, said = await operator.ask("POST", f"{AT}/home-position", {"enabled": True, "preset": 9})
    assert (got, said["error"]["code"]) == (status, code)


async def test_what_a_maker_obeys_in_silence_is_told_and_no_answer_is_waited_for(house):
    """Dahua sends no Response to HomePosition: that it heard is all there is (signalling 10.1)."""
    peer = await house.camera()
    peer.dialect = DIALECTS["dahua"]
    operator = await house.person("operator")
    got, said = await operator.ask("POST", f"{AT}/home-position", {"enabled": True, "preset": 9})
    assert (got, said) == (200, {"answered": False}) and peer.asked == []
    assert peer.told == [DeviceControl(0, CAMERA, home_position=HomePosition(True, None, 9))]


@pytest.mark.parametrize(
    ("what", "wish"),
    [
        ("precise", {"pan": 90}),
        ("track", {"mode": "auto"}),
        ("format-card", {"card": 1}),
        ("device-record", {"on": True, "stream": 1}),
        ("cruise", {"action": "add", "preset": 1, "name": "外圈"}),
        ("alarm-reset", {"method": "1/2"}),
    ],
)
async def test_what_came_with_2022_is_not_sent_to_a_device_of_2016(house, what, wish):
    peer = await house.camera(edition="2.0")
    chief = await house.person("administrator")
    status, said = await chief.ask("POST", f"{AT}/{what}", wish)
    assert (status, said["error"]["code"]) == (409, "edition-too-old")
    assert said["error"]["details"]["edition"] == "2.0"
    assert (peer.told, peer.asked) == ([], [])


@pytest.mark.parametrize(
    ("what", "wish"),
    [
        ("cruise", {"action": "add", "group": 1}),
        ("cruise", {"action": "add", "group": 1, "preset": 0}),
        ("cruise", {"action": "dwell", "group": 1, "value": 4096}),
        ("cruise", {"action": "start", "name": "长" * 17}),
        ("scan", {"action": "speed"}),
        ("scan", {"action": "left", "value": 3}),
        ("switch", {"number": 256, "on": True}),
        ("precise", {}),
        ("precise", {"pan": 361}),
        ("zoom-box", {"direction": "in", "box": {**DRAWN, "width": 401}}),
        ("zoom-box", {"direction": "in", "box": {**DRAWN, "width": 0}}),
        ("track", {"mode": "manual"}),
        ("track", {"mode": "auto", "box": DRAWN}),
        ("home-position", {"enabled": True, "preset": 256}),
        ("alarm-reset", {"method": "9"}),
        ("format-card", {"card": -1}),
    ],
)
async def test_what_cannot_be_meant_reaches_no_camera(house, what, wish):
    peer = await house.camera(edition="3.0")
    chief = await house.person("administrator")
    assert (await chief.ask("POST", f"{AT}/{what}", wish))[0] == 400
    assert (peer.told, peer.asked) == ([], [])


@pytest.mark.parametrize(("what", "wish"), [("reboot", None), ("format-card", {"card": 1})])
async def test_what_cannot_be_undone_is_for_administrators_and_stands_in_the_book(house, what, wish):
    peer = await house.camera(edition="3.0")
    operator, chief = await house.person("operator"), await house.person("administrator")
    assert (await operator.ask("POST", f"{AT}/{what}", wish))[0] == 403
    assert peer.told == []
    assert (await chief.ask("POST", f"{AT}/{what}", wish))[0] == 204
    lines = [
        (line.who, line.result) for line in (await house.accounts.audits(None, 50)).items if "controls." in line.what
    ]
    assert lines == [("administrator", "ok"), ("operator", "forbidden")]


async def test_a_tour_takes_the_camera_and_guard_does_not(house):
    peer = await house.camera()
    peer.answer = ControlResponse(1, CAMERA)
    one, two = await house.person("operator", "wang"), await house.person("operator", "li")
    assert (await one.ask("POST", f"{AT}/cruise", {"action": "start"}))[0] == 204
    assert (await two.ask("POST", f"{AT}/zoom-box", {"direction": "in", "box": DRAWN}))[0] == 409
    assert (await two.ask("POST", f"{AT}/home-position", {"enabled": False}))[0] == 409
    assert (await two.ask("POST", f"{AT}/guard", {"on": True}))[0] == 200
