"""Devices are let in, changed and removed; channels get our names; refusals can be acted on."""

from __future__ import annotations

import pytest

from registry.device import Presence
from registry.events import CatalogChanged, CatalogProgress
from registry.refusal import Refusal, RefusalSeen

CAMERA = "34020000001320000001"
OTHER = "34020000001320000002"


async def test_a_device_is_let_in_before_it_comes(house):
    boss = await house.person("administrator")
    status, said = await boss.ask(
        "POST",
        "/api/v1/devices",
        {"code": CAMERA, "name_here": "北门", "kind": "camera", "password": "a secret", "media_transport": "udp"},
    )
    assert status == 201, said
    assert (said["shown_name"], said["presence"], said["media_transport"]) == ("北门", "never", "udp")
    assert said["has_password"] is True and "a secret" not in str(said)
    device = house.directory.device(CAMERA)
    assert device.password == "a secret" and device.added_at is not None


async def test_no_view_of_a_device_shows_its_password(house):
    await house.camera(password="a secret")
    viewer = await house.person("viewer")
    for path in ("/devices", f"/devices/{CAMERA}"):
        said = str(await viewer.get(path))
        assert "a secret" not in said and "'password'" not in said


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"code": "12345"}, "code-malformed"),
        ({"code": "3402"}, "code-malformed"),
        ({"code": "3402000000132000000x"}, "code-malformed"),
        ({"code": OTHER, "dialect": "nobody's"}, "unknown-dialect"),
        ({"code": OTHER, "media_transport": "carrier-pigeon"}, "invalid"),
        ({"code": OTHER, "password": ""}, "invalid"),
        ({"code": OTHER, "keepalive_interval_s": 0}, "invalid"),
        ({"code": OTHER, "presence": "online"}, "invalid"),
    ],
)
async def test_a_device_that_makes_no_sense_is_refused(house, body, code):
    boss = await house.person("administrator")
    status, said = await boss.ask("POST", "/api/v1/devices", body)
    assert (status, said["error"]["code"]) == (400, code)
    assert house.directory.all_devices() == ()


async def test_a_device_is_let_in_once(house):
    await house.camera()
    boss = await house.person("administrator")
    status, said = await boss.ask("POST", "/api/v1/devices", {"code": CAMERA})
    assert (status, said["error"]["code"]) == (409, "device-exists")


async def test_a_change_touches_what_was_given_and_nothing_else(house):
    await house.camera(password="a secret", name_here="ours")
    boss = await house.person("administrator")
    status, said = await boss.ask("PATCH", f"/api/v1/devices/{CAMERA}", {"media_transport": "tcp-active"})
    assert status == 200 and said["media_transport"] == "tcp-active"
    assert (said["name_here"], said["has_password"], said["presence"]) == ("ours", True, "online")
    _, said = await boss.ask("PATCH", f"/api/v1/devices/{CAMERA}", {"password": None, "name_here": None})
    assert (said["name_here"], said["has_password"]) == (None, False)


async def test_a_removed_device_takes_its_streams_along(house):
    await house.camera()
    boss = await house.person("administrator")
    await boss.ask("POST", "/api/v1/live", {"owner": CAMERA, "channel": CAMERA})
    assert (await boss.ask("DELETE", f"/api/v1/devices/{CAMERA}"))[0] == 204
    assert house.directory.device(CAMERA) is None
    assert house.broker.stopped == [f"{CAMERA}-{CAMERA}"]
    assert (await boss.ask("DELETE", f"/api/v1/devices/{CAMERA}"))[0] == 404


async def test_devices_are_found_sorted_and_paged(house):
    for n in range(1, 6):
        await house.camera(f"3402000000132000000{n}")
    house.directory.note_presence("34020000001320000003", Presence.OFFLINE, "silent", 2000.0)
    viewer = await house.person("viewer")
    first = await viewer.get("/devices?limit=2&sort=-code")
    assert [item["code"][-1] for item in first["items"]] == ["5", "4"] and first["total"] == 5
    second = await viewer.get(f"/devices?limit=2&sort=-code&after={first['next']}")
    assert [item["code"][-1] for item in second["items"]] == ["3", "2"]
    offline = await viewer.get("/devices?presence=offline")
    assert [item["code"][-1] for item in offline["items"]] == ["3"]
    assert len((await viewer.get("/devices?q=0000004"))["items"]) == 1


@pytest.mark.parametrize("sort", ["password", "code;drop table", "--code"])
async def test_devices_are_not_sorted_by_what_is_not_shown(house, sort):
    viewer = await house.person("viewer")
    assert (await viewer.ask("GET", "/api/v1/devices", params={"sort": sort}))[0] == 400


async def test_a_catalog_is_asked_for_anew_of_those_who_are_there(house):
    await house.camera()
    operator = await house.person("operator")
    assert (await operator.ask("POST", f"/api/v1/devices/{CAMERA}/catalog"))[0] == 202
    assert house.resynced == [CAMERA]
    house.directory.note_presence(CAMERA, Presence.OFFLINE, "silent", 2000.0)
    status, said = await operator.ask("POST", f"/api/v1/devices/{CAMERA}/catalog")
    assert (status, said["error"]["code"]) == (409, "device-offline")
    assert (await operator.ask("POST", f"/api/v1/devices/{OTHER}/catalog"))[0] == 404


async def test_a_coming_catalog_shows_how_far_it_has_got(house):
    await house.camera()
    viewer = await house.person("viewer")
    house.bus.tell(CatalogProgress(CAMERA, 40, 200))
    assert (await viewer.get(f"/devices/{CAMERA}"))["catalog_progress"] == {"got": 40, "expected": 200}
    house.bus.tell(CatalogChanged(CAMERA, (), (), (), 0, 0, 0, True))
    assert (await viewer.get(f"/devices/{CAMERA}"))["catalog_progress"] is None


async def test_channels_of_a_device_are_listed_with_what_can_be_asked(house):
    await house.camera()
    viewer = await house.person("viewer")
    (channel,) = (await viewer.get(f"/devices/{CAMERA}/channels"))["items"]
    assert channel["id"] == f"channel:{CAMERA}/{CAMERA}"
    assert (channel["name"], channel["has_ptz"], channel["playable"]) == ("北门", True, True)
    assert channel["streams"] == [0, 1]


async def test_a_channel_gets_our_name_and_its_own_back(house):
    await house.camera()
    operator = await house.person("operator")
    path = f"/api/v1/channels/{CAMERA}/{CAMERA}"
    _, said = await operator.ask("PATCH", path, {"name_here": " 大门 "})
    assert (said["name"], said["name_said"]) == ("大门", "北门")
    _, said = await operator.ask("PATCH", path, {"name_here": None})
    assert said["name"] == "北门"
    assert (await operator.ask("PATCH", f"/api/v1/channels/{CAMERA}/x", {"name_here": "y"}))[0] == 404


class TestRefusals:
    SEEN = RefusalSeen(
        OTHER, Refusal.UNKNOWN_DEVICE, "admission is closed", "10.0.0.65:5060", "UDP", 1000.0, "IP Camera"
    )

    async def test_say_who_why_and_whence(self, house):
        house.directory.note_refusal(self.SEEN)
        operator = await house.person("operator")
        (item,) = (await operator.get("/refusals"))["items"]
        assert item == {
            "code": OTHER,
            "reason": "unknown-device",
            "detail": "admission is closed",
            "source": "10.0.0.65:5060",
            "transport": "UDP",
            "at": 1000.0,
            "user_agent": "IP Camera",
            "count": 1,
            "known": False,
        }

    async def test_are_forgotten_when_the_device_is_accepted(self, house):
        house.directory.note_refusal(self.SEEN)
        boss = await house.person("administrator")
        assert (await boss.ask("POST", "/api/v1/devices", {"code": OTHER}))[0] == 201
        assert (await boss.get("/refusals"))["items"] == []
        assert house.directory.device(OTHER) is not None

    async def test_can_be_taken_off_the_list(self, house):
        house.directory.note_refusal(self.SEEN)
        operator = await house.person("operator")
        assert (await operator.ask("DELETE", f"/api/v1/refusals/{OTHER}"))[0] == 204
        assert (await operator.get("/refusals"))["items"] == []
