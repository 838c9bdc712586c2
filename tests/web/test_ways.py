"""The ways to one camera are shown, the likeliest to work first, and which is in use."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gb28181.manscdp.catalog import Item
from registry.device import Device, DeviceKind, Presence

CAMERA = "34020200001320000001"
OWN = "34020000002000000002"
NORTH = "34020200002000000001"
SOUTH = "34020300002000000001"


@pytest.fixture
async def doubled(house: Any) -> Any:
    """One camera that two platforms below export; from the south it comes through one more."""
    for code, name in ((NORTH, "North"), (SOUTH, "South")):
        await house.directory.add_device(Device(code, name=name, kind=DeviceKind.PLATFORM))
        house.directory.note_presence(code, Presence.ONLINE, "registered", 1000.0)
        parents = (NORTH,) if code == NORTH else (SOUTH, NORTH)
        items = [Item(code=CAMERA, name=f"Gate as {name} says", parent_ids=parents)]
        await house.directory.merge(code, items, complete=True, at=1000.0)
    return house


async def ways(client: Any, owner: str = NORTH) -> list[Any]:
    items: list[Any] = (await client.get(f"/channels/{owner}/{CAMERA}/paths"))["items"]
    return items


async def test_the_nearer_way_comes_first(doubled):
    viewer = await doubled.person("viewer")
    first, second = await ways(viewer, SOUTH)
    assert (first["owner"], first["owner_name"], first["tiers"]) == (NORTH, "North", 1)
    assert (second["owner"], second["name"], second["tiers"]) == (SOUTH, "Gate as South says", 2)
    assert first["presence"] == "online" and not first["in_use"] and first["streams"] == []


async def test_a_way_that_failed_or_is_offline_comes_last(doubled):
    viewer = await doubled.person("viewer")
    doubled.routes.failed(NORTH, CAMERA, time.monotonic())
    first, second = await ways(viewer)
    assert (first["owner"], second["owner"]) == (SOUTH, NORTH)
    assert first["trouble"] == 0 and second["trouble"] > 0.9
    doubled.routes.worked(NORTH, CAMERA)
    doubled.directory.note_presence(NORTH, Presence.OFFLINE, "silent", 1001.0)
    assert [way["owner"] for way in await ways(viewer)] == [SOUTH, NORTH]


async def test_the_way_in_use_is_marked_with_the_platforms_it_goes_by(doubled):
    viewer = await doubled.person("viewer")
    doubled.broker.path = (OWN, SOUTH, NORTH)
    await viewer.ask("POST", "/api/v1/live", {"owner": SOUTH, "channel": CAMERA})
    south = next(way for way in await ways(viewer) if way["owner"] == SOUTH)
    assert south["in_use"] and south["streams"] == [f"{SOUTH}-{CAMERA}"]
    assert (south["path"], south["tiers"]) == ([OWN, SOUTH, NORTH], 2)
    (stream,) = (await viewer.get("/streams"))["items"]
    assert (stream["path"], stream["kind"]) == ([OWN, SOUTH, NORTH], "live")
    assert (stream["senders"][0]["target"], stream["senders"][0]["lost_there"]) == ("10.0.0.1:30000", 0.01)


async def test_the_platforms_of_a_way_are_told_before_anything_flows(doubled):
    viewer = await doubled.person("viewer")
    by = {way["owner"]: way["path"][1:] for way in await ways(viewer)}
    assert by == {NORTH: [NORTH], SOUTH: [SOUTH, NORTH]}
    doubled.routes.worked(SOUTH, CAMERA, (SOUTH, OWN, NORTH))
    south = next(way for way in await ways(viewer) if way["owner"] == SOUTH)
    assert (south["path"][1:], south["tiers"]) == ([SOUTH, OWN, NORTH], 3), "as the last answer told"


async def test_a_channel_nobody_has_has_no_ways(doubled):
    viewer = await doubled.person("viewer")
    for path in (f"/channels/{NORTH}/{OWN}/paths", f"/channels/{OWN}/{CAMERA}/paths"):
        status, said = await viewer.ask("GET", "/api/v1" + path)
        assert (status, said["error"]["code"]) == (404, "unknown-channel")
