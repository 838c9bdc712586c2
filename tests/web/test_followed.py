"""What we follow of a neighbour below is shown to operators."""

from __future__ import annotations

from types import SimpleNamespace

from registry.device import Device, DeviceKind

LOWER = "34020200002000000001"
PATH = f"/api/v1/devices/{LOWER}/subscriptions"
ITEM = {
    "subject": "catalog",
    "target": LOWER,
    "standing": "active",
    "reason": "",
    "expires_at": 1795312800.0,
    "heard_at": None,
    "notices": 12,
    "grants": 3,
}


async def test_our_subscriptions_at_a_platform_below_are_shown(house):
    await house.directory.add_device(Device(LOWER, kind=DeviceKind.PLATFORM))
    operator = await house.person("operator")
    nothing = dict.fromkeys(("catalog", "alarm", "position", "ptz"), "settings")
    assert await operator.ask("GET", PATH) == (200, {"items": [], "choices": nothing, "is_2022": False})
    house.followed[LOWER] = [SimpleNamespace(**ITEM)]
    assert (await operator.get(f"/devices/{LOWER}/subscriptions"))["items"] == [ITEM]


async def test_what_is_followed_of_a_device_is_chosen_kept_and_taken_back(house):
    await house.directory.add_device(Device(LOWER, kind=DeviceKind.PLATFORM, edition="3.0"))
    operator, viewer = await house.person("operator"), await house.person("viewer")
    assert (await viewer.ask("PUT", PATH, {"alarm": "on"}))[0] == 403
    status, said = await operator.ask("PUT", PATH, {"alarm": "on", "catalog": "off", "ptz": "on"})
    assert (status, said["is_2022"]) == (200, True)
    assert said["choices"] == {"catalog": "off", "alarm": "on", "position": "settings", "ptz": "on"}
    device = house.directory.device(LOWER)
    assert device is not None and device.follows == "catalog=off alarm=on ptz=on"
    assert (await operator.ask("PUT", PATH, {}))[1]["choices"]["alarm"] == "settings"
    assert (await operator.ask("PUT", PATH, {"alarm": "perhaps"}))[0] == 400


async def test_what_the_2016_edition_lacks_is_refused_with_the_reason(house):
    await house.directory.add_device(Device(LOWER, kind=DeviceKind.PLATFORM, edition="2.0"))
    operator = await house.person("operator")
    status, said = await operator.ask("PUT", PATH, {"ptz": "on"})
    assert (status, said["error"]["code"]) == (409, "edition-too-old")


async def test_a_stranger_is_followed_by_nobody_and_viewers_do_not_see_it(house):
    operator, viewer = await house.person("operator"), await house.person("viewer")
    status, said = await operator.ask("GET", PATH)
    assert (status, said["error"]["code"]) == (404, "unknown-device")
    assert (await viewer.ask("GET", PATH))[0] == 403
