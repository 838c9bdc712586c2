"""A hand on the stick becomes eight bytes for the right camera."""

from __future__ import annotations

import pytest

from gb28181 import ptz
from gb28181.manscdp.catalog import Item
from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.preset import Preset, PresetList, PresetQuery
from gb28181.peer import Gathered, PeerRefused, PeerSilent
from registry.device import Device, DeviceKind
from web.api.ptz import Steering, command_of
from web.desk import DESK
from web.errors import Problem
from web.settings import WebSettings

CAMERA = "34020000001320000001"
STEER = f"/api/v1/channels/{CAMERA}/{CAMERA}/ptz"
PRESETS = f"/api/v1/channels/{CAMERA}/{CAMERA}/presets"


@pytest.mark.parametrize(
    ("wish", "command"),
    [
        ({"pan": 0.5, "tilt": -1}, ptz.Move(pan=0.5, tilt=-1.0)),
        ({"zoom": 1}, ptz.Move(zoom=1.0)),
        ({"pan": 0.5, "tilt": 0, "zoom": 0, "focus": 0, "iris": 0}, ptz.Move(pan=0.5)),
        ({"focus": -1}, ptz.FocusIris(focus=-1.0)),
        ({"iris": 0.5, "pan": 0}, ptz.FocusIris(iris=0.5)),
        ({"focus": 0}, ptz.FocusIris()),
        ({"stop": True}, ptz.Stop()),
        ({"stop": True, "pan": 0}, ptz.Stop()),
        ({"pan": 0, "tilt": 0}, ptz.Stop()),
        ({"preset": {"action": "call", "number": 3}}, ptz.Preset(ptz.PresetAction.CALL, 3)),
    ],
)
async def test_a_wish_is_one_command_to_that_channel(house, wish, command):
    peer = await house.camera()
    operator = await house.person("operator")
    status, said = await operator.ask("POST", STEER, wish)
    assert status == 204, said
    assert peer.told == [DeviceControl(sn=0, device=CAMERA, ptz=ptz.encode(command))]


@pytest.mark.parametrize(
    "wish",
    [
        Steering(),
        Steering(pan=1.0, focus=1.0),
        Steering(pan=1.0, stop=True),
    ],
)
def test_none_or_several_commands_at_once_are_unclear(wish):
    with pytest.raises(Problem) as refused:
        command_of(wish)
    assert refused.value.code == "steering-unclear"


@pytest.mark.parametrize(
    "wish",
    [
        {"pan": 1.01},
        {"pan": "left"},
        {"zoom": -7},
        {"preset": {"action": "call", "number": 0}},
        {"preset": {"action": "call", "number": 256}},
        {"preset": {"action": "fly", "number": 1}},
    ],
)
async def test_a_wish_out_of_bounds_reaches_no_camera(house, wish):
    peer = await house.camera()
    operator = await house.person("operator")
    assert (await operator.ask("POST", STEER, wish))[0] == 400
    assert peer.told == []


async def test_a_preset_is_set_under_its_name(house):
    peer = await house.camera()
    operator = await house.person("operator")
    await operator.ask("POST", STEER, {"preset": {"action": "set", "number": 3, "name": "gate"}})
    assert peer.told[0].preset_name == "gate"


async def test_a_viewer_moves_nothing(house):
    peer = await house.camera()
    viewer = await house.person("viewer")
    assert (await viewer.ask("POST", STEER, {"pan": 1}))[0] == 403
    assert peer.told == []


async def test_an_unknown_channel_and_an_absent_camera_are_told_apart(house):
    await house.camera()
    operator = await house.person("operator")
    status, said = await operator.ask("POST", f"/api/v1/channels/{CAMERA}/nothing/ptz", {"pan": 1})
    assert (status, said["error"]["code"]) == (404, "unknown-channel")
    del house.neighbours.peers[CAMERA]
    status, said = await operator.ask("POST", STEER, {"pan": 1})
    assert (status, said["error"]["code"]) == (409, "device-offline")


async def test_a_camera_that_refuses_is_quoted(house):
    peer = await house.camera()
    peer.failure = PeerRefused("refused", status=403, reason="Forbidden")
    operator = await house.person("operator")
    status, said = await operator.ask("POST", STEER, {"pan": 1})
    assert (status, said["error"]["details"]["reason"]) == (502, "Forbidden")


async def test_a_moving_hand_is_one_line_in_the_book_and_a_failure_is_another(house):
    peer = await house.camera()
    operator = await house.person("operator")
    for _ in range(5):
        await operator.ask("POST", STEER, {"pan": 1})
    peer.failure = PeerSilent("no answer")
    await operator.ask("POST", STEER, {"pan": 1})
    lines = [line.result for line in (await house.accounts.audits(None, 50)).items if line.what == "ptz.steer"]
    assert lines == ["device-silent", "ok"]


async def test_presets_are_awaited_the_longer_the_more_platforms_are_on_the_way(house):
    camera = await house.camera()
    viewer = await house.person("viewer")
    camera.answer = PresetList(1, CAMERA, presets=(Preset("3", "gate"),))
    await viewer.get(f"/channels/{CAMERA}/{CAMERA}/presets")
    city, county = "34020000002000000009", "34020200002000000009"
    platform = await house.camera(city)
    platform.answer = camera.answer
    await house.directory.change_device(city, kind=DeviceKind.PLATFORM)
    far = "34020200001320000009"
    await house.directory.merge(city, [Item(far, parent_ids=(county,))], complete=True, at=1.0)
    await viewer.get(f"/channels/{city}/{far}/presets")
    assert (camera.patience, platform.patience) == ([None], [30.0])


async def test_presets_are_shown_by_number(house):
    peer = await house.camera()
    peer.answer = PresetList(1, CAMERA, (Preset("1", "gate"), Preset("", "no number"), Preset("12", "yard")), 3)
    viewer = await house.person("viewer")
    said = await viewer.get(f"/channels/{CAMERA}/{CAMERA}/presets")
    assert said == {"items": [{"number": 1, "name": "gate"}, {"number": 12, "name": "yard"}], "complete": True}
    assert peer.asked == [PresetQuery(sn=0, device=CAMERA)]


async def test_presets_that_stopped_short_say_so(house):
    peer = await house.camera()
    part = PresetList(1, CAMERA, (Preset("1", "gate"),), 3)
    peer.answer = Gathered((part,), expected=3, got=1, complete=False)
    viewer = await house.person("viewer")
    assert (await viewer.get(f"/channels/{CAMERA}/{CAMERA}/presets"))["complete"] is False
    peer.answer = part
    assert (await viewer.get(f"/channels/{CAMERA}/{CAMERA}/presets"))["complete"] is False


async def test_a_camera_that_will_not_tell_its_presets_is_quoted(house):
    peer = await house.camera()
    peer.answer = PresetList(1, CAMERA, ok=False, reason="not supported")
    viewer = await house.person("viewer")
    status, said = await viewer.ask("GET", PRESETS)
    assert (status, said["error"]["details"]["reason"]) == (502, "not supported")


async def test_a_platform_below_is_told_who_steers_and_a_camera_is_not(house):
    platform, channel = "34020200002000000001", "34020200001320000001"
    peer = await house.camera()
    operator = await house.person("operator")
    await operator.ask("POST", STEER, {"stop": True})
    assert peer.told and peer.names == []
    below = house.neighbours.peers[platform] = type(peer)(platform)
    await house.directory.add_device(Device(platform, kind=DeviceKind.PLATFORM))
    await house.directory.merge(platform, [Item(code=channel, name="Gate")], complete=True, at=1000.0)
    status, said = await operator.ask("POST", f"/api/v1/channels/{platform}/{channel}/ptz", {"stop": True})
    assert status == 204, said
    (name,) = below.names
    assert len(below.told) == 1 and name.partition("-")[2] == "operator-operator" and len(name.partition("-")[0]) == 20


async def test_the_route_holds_the_lever_and_lets_it_go(house):
    peer = await house.camera()
    operator = await house.person("operator")
    assert (await operator.ask("POST", STEER, {"pan": 1}))[0] == 204
    assert len(house.app[DESK].levers) == 1
    assert (await operator.ask("POST", STEER, {"stop": True}))[0] == 204
    assert len(house.app[DESK].levers) == 0
    assert len(peer.told) == 2


async def test_a_stop_of_ours_for_a_platform_below_says_whose_hand_it_was(house):
    city, far = "34020000002000000009", "34020200001320000009"
    platform = await house.camera(city)
    await house.directory.merge(city, [Item(far, parent_ids=(city,))], complete=True, at=1.0)
    operator = await house.person("operator")
    assert (await operator.ask("POST", f"/api/v1/channels/{city}/{far}/ptz", {"pan": 1}))[0] == 204
    await house.app[DESK].levers.close()
    assert [ptz.decode(told.ptz) for told in platform.told] == [ptz.Move(pan=1.0), ptz.Stop()]
    assert len(platform.names) == 2 and platform.names[0] == platform.names[1] != ""


def test_a_lever_that_is_never_let_go_or_at_once_is_refused():
    for wrong in (0.0, -1.0, 61.0, float("nan")):
        with pytest.raises(ValueError, match="ptz_hold_s"):
            WebSettings(ptz_hold_s=wrong)
