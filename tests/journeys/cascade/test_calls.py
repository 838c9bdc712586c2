"""Pictures through two hops: county, city, province, each a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.journeys.cascade.tiers import CITY, COUNTY, PROVINCE, Tier, chain, running, until
from tests.journeys.viewer import is_a_picture, watch


@pytest.mark.parametrize(
    ("to_city", "to_county", "to_camera"),
    [("tcp-passive", "udp", "tcp-passive"), ("udp", "tcp-active", "udp")],
)
async def test_a_live_picture_crosses_two_hops_over_mixed_transports(
    tmp_path: Path, to_city: str, to_county: str, to_camera: str
):
    async with chain(tmp_path) as (province, city, county, ground):
        camera = await ground.camera(county)
        code = camera.settings.speaker.code
        await until(lambda: province.sees(code), 30)
        await province.patch(f"/api/v1/devices/{city.code}", {"media_transport": to_city})
        await city.patch(f"/api/v1/devices/{county.code}", {"media_transport": to_county})
        await county.patch(f"/api/v1/devices/{code}", {"media_transport": to_camera})
        live = await province.live(code)
        assert [stream["transport"] for stream in await province.streams()] == [to_city]
        assert [stream["transport"] for stream in await city.streams()] == [to_county]
        assert [stream["transport"] for stream in await county.streams()] == [to_camera]
        pictures = (await watch(province.http, live, 2.0)).pictures()
        assert len(pictures) > 15
        assert all(is_a_picture(picture) for picture in pictures)
        status, _ = await province.ask("DELETE", f"/api/v1/live/{live['lease']}", None)
        assert status == 204
        # Stop goes down hop by hop, and each tier lets go of what nobody watches.
        await until(lambda: not camera.calls, 20)
        for tier in (province, city, county):
            await until(lambda tier=tier: nothing_flows(tier), 10)


async def nothing_flows(tier) -> bool:
    return not await tier.streams()


async def test_operators_at_three_tiers_share_one_call_and_leaving_detaches_only_oneself(tmp_path: Path):
    async with chain(tmp_path) as (province, city, county, ground):
        camera = await ground.camera(county)
        code = camera.settings.speaker.code
        await until(lambda: province.sees(code), 30)
        at_top, at_city, at_county = await asyncio.gather(province.live(code), city.live(code), county.live(code))
        seen = await asyncio.gather(
            watch(province.http, at_top, 1.5), watch(city.http, at_city, 1.5), watch(county.http, at_county, 4.0)
        )
        assert all(len(each.pictures()) > 10 for each in seen)
        assert len(seen[2].pictures()) > 40
        assert camera.calls_taken == 1
        await until(lambda: not camera.calls, 20)


async def test_a_city_killed_in_the_middle_of_a_call_leaves_nothing_behind_and_plays_again_after_its_restart(
    tmp_path: Path,
):
    async with chain(tmp_path) as (province, city, county, ground):
        camera = await ground.camera(county)
        code = camera.settings.speaker.code
        await until(lambda: province.sees(code), 30)
        live = await province.live(code)
        assert (await watch(province.http, live, 0.5)).data
        watching = asyncio.create_task(watch(province.http, await province.live(code), 60.0))
        await asyncio.sleep(1.0)
        city.kill()
        # The county notices that nobody takes its media and lets the camera go.
        await until(lambda: not camera.calls, 40)
        await until(lambda: nothing_flows(county), 20)
        await city.start()
        # Each link comes back by itself: the city's upward, the county's to the city.
        await until(lambda: city.is_up(province.code), 60)
        await until(lambda: county.is_up(city.code), 60)
        await until(lambda: province.sees(code), 60)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        again = await province.live(code)
        assert (await watch(province.http, again, 1.0)).pictures()


async def test_who_calls_as_soon_as_the_city_is_back_waits_for_its_county_to_come_back_too(tmp_path: Path):
    province, city = Tier(*PROVINCE, tmp_path / "province"), Tier(*CITY, tmp_path / "city")
    # The county takes its time, and the city is up and registered long before it.
    slow = {"retry_s": 10.0, "retry_longest_s": 10.0, "reconnect_s": 10.0}
    county = Tier(*COUNTY, tmp_path / "county", more={"above": slow})
    async with running(province, city, county) as ground:
        await city.register_with(province)
        await county.register_with(city)
        camera = await ground.camera(county)
        code = camera.settings.speaker.code
        await until(lambda: province.sees(code), 30)
        city.kill()
        await until(lambda: is_off(province, city.code), 30)
        await city.start()
        await until(lambda: province.is_online(city.code), 30)
        # No patience here: whoever calls at this moment is answered, whether the county is back or not.
        live, presets = await asyncio.gather(
            province.live(code), province.get(f"/api/v1/channels/{city.code}/{code}/presets")
        )
        assert (await watch(province.http, live, 1.0)).pictures()
        assert presets["complete"]
        assert live["path"] == [province.code, city.code, county.code]


async def is_off(tier: Tier, code: str) -> bool:
    device = await tier.device(code)
    return device is not None and device["presence"] == "offline"


async def test_a_camera_lost_in_the_middle_of_a_call_releases_every_tier(tmp_path: Path):
    async with chain(tmp_path) as (province, city, county, ground):
        camera = await ground.camera(county)
        code = camera.settings.speaker.code
        await until(lambda: province.sees(code), 30)
        watching = asyncio.create_task(watch(province.http, await province.live(code), 60.0))
        await asyncio.sleep(1.0)
        await ground.take_away(camera)
        watching_ends = asyncio.gather(watching, return_exceptions=True)
        for tier in (county, city, province):
            await until(lambda tier=tier: no_picture_flows(tier), 40)
        watching.cancel()
        await watching_ends


async def no_picture_flows(tier) -> bool:
    return all(stream["failure"] or stream["state"] != "flowing" for stream in await tier.streams())
