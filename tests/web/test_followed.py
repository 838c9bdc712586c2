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
    assert await operator.ask("GET", PATH) == (200, {"items": []})
    house.followed[LOWER] = [SimpleNamespace(**ITEM)]
    assert await operator.ask("GET", PATH) == (200, {"items": [ITEM]})


async def test_a_stranger_is_followed_by_nobody_and_viewers_do_not_see_it(house):
    operator, viewer = await house.person("operator"), await house.person("viewer")
    status, said = await operator.ask("GET", PATH)
    assert (status, said["error"]["code"]) == (404, "unknown-device")
    assert (await viewer.ask("GET", PATH))[0] == 403
