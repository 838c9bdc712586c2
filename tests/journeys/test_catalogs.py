"""A recorder of two hundred channels tells what it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.camera import ChannelSettings
from tests.journeys.conftest import Estate, opened, until

RECORDER = "34020000001180000001"
CHANNELS = tuple(ChannelSettings(f"3402000000132{number:07d}", f"通道 {number:03d}") for number in range(1, 201))


async def test_two_hundred_channels_in_parts_are_all_there_and_can_be_found(estate: Estate):
    await estate.camera(RECORDER, channels=CHANNELS)
    device = await estate.device(RECORDER)
    assert (device["channels_total"], device["channels_online"], device["catalog_complete"]) == (200, 200, True)
    hits = (await estate.get("/api/v1/search?q=通道 137"))["hits"]
    assert [hit["channel"]["code"] for hit in hits] == ["34020000001320000137"]
    by_initials = (await estate.get("/api/v1/search?q=td137"))["hits"]
    assert [hit["channel"]["code"] for hit in by_initials] == ["34020000001320000137"]


async def test_a_lost_part_leaves_an_incomplete_catalog_that_says_so_and_deletes_nothing(tmp_path: Path):
    async with opened(tmp_path, below={"catalog_tries": 1}) as estate:
        whole = await estate.camera(RECORDER, channels=CHANNELS)
        await estate.take_away(whole, deregister=True)
        estate.start_camera(estate.camera_settings(RECORDER, channels=CHANNELS, lose_part=7))

        async def incomplete() -> Any:
            device = await estate.device(RECORDER)
            return device if device["presence"] == "online" and not device["catalog_complete"] else None

        device = await until(incomplete, 20)
        assert device["channels_total"] == 200
        assert "196" in device["catalog_note"] and "200" in device["catalog_note"]


async def test_what_is_gone_from_a_whole_catalog_is_gone_from_the_tree(estate: Estate):
    whole = await estate.camera(RECORDER, channels=CHANNELS[:20])
    await estate.take_away(whole, deregister=True)
    await estate.camera(RECORDER, channels=CHANNELS[:12])

    async def smaller() -> bool:
        return bool((await estate.device(RECORDER))["channels_total"] == 12)

    await until(smaller)


async def test_the_tree_counts_what_is_online_at_every_node(estate: Estate):
    await estate.camera(RECORDER, channels=CHANNELS[:5])
    top = (await estate.get("/api/v1/tree"))["children"]
    assert sum(node["total"] for node in top) == 5
    node = top[0]
    while node["kind"] != "channel":
        assert (node["online"], node["total"]) == (5, 5)
        children = (await estate.get(f"/api/v1/tree?node={node['id']}"))["children"]
        assert children
        node = children[0]
    assert node["channel"]["has_ptz"]
