"""What stands at the bottom is what the top sees, whatever happens to it on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gb28181.manscdp.catalog import Item
from simulator.holdings import Holdings, division_tree
from tests.journeys.cascade.comparing import differences, mirror_equals
from tests.journeys.cascade.tiers import chain, until

TOWN = "44010601002000000001"
STATION = "44010601002160000001"


def town(cameras: int = 12) -> Holdings:
    return division_tree(TOWN, "天园街道监控中心", "440106", "天河区", cameras=cameras)


async def test_the_top_sees_what_the_bottom_has_through_every_change(tmp_path: Path):
    async with chain(tmp_path) as (province, city, county, ground):
        holdings = town()
        await ground.lower(county, holdings)
        judge = await ground.judge(province)

        async def equal() -> bool:
            return not await differences(judge, holdings)

        await until(equal, 30)
        got = await judge.ask_catalog(province.code)
        order = [item.code for item in got.items]
        assert order[0] == province.code
        assert order.index(city.code) < order.index(county.code) < order.index(TOWN)
        parents = {item.code: item.parent_ids for item in got.items}
        assert parents[province.code] == ()
        assert parents[city.code] == (province.code,)
        assert parents[county.code] == (city.code,)
        assert parents[TOWN] == (county.code,)

        # Everything that can happen to a tree, told by subscription, without a query.
        followed = await judge.follow(province.code)
        cameras = [item.code for item in holdings.cameras]
        holdings.rename(cameras[0], "改名后的路口")
        holdings.move(cameras[1], (TOWN, STATION))
        holdings.add(
            Item(
                code="44010601001320009999",
                name="新路口",
                manufacturer="M",
                model="M",
                civil_code="44010601",
                address="新",
                parent_ids=(TOWN,),
            )
        )
        holdings.delete(cameras[2])
        holdings.flip(cameras[3], on=False)
        holdings.rename(STATION, "城东中心派出所")
        mirror = judge.mirror(province.code)
        await until(lambda: mirror_equals(mirror, holdings), 30)
        assert not await differences(judge, holdings)
        fresh = (await judge.ask_catalog(province.code)).items
        assert mirror.same_as(fresh) == []
        assert followed.state.startswith("active")

        names = await province.names()
        for item in holdings.cameras:
            assert names[item.code] == item.name
        assert names[STATION] == "城东中心派出所"
        assert cameras[2] not in names


async def test_a_platform_that_goes_offline_takes_its_cameras_offline_up_to_the_top(tmp_path: Path):
    async with chain(tmp_path) as (province, _, county, ground):
        holdings = town(4)
        lower = await ground.lower(county, holdings)
        camera = holdings.cameras[0].code
        await until(lambda: province.sees(camera), 30)
        await ground.take_away(lower, deregister=True)
        await until(lambda: province.sees(camera, online=False), 30)


async def test_a_county_killed_in_the_middle_of_its_catalog_deletes_nothing_and_is_whole_in_the_end(tmp_path: Path):
    async with chain(tmp_path, transport="udp") as (province, city, county, ground):
        holdings = town(400)
        await ground.lower(county, holdings, items_a_part=50)
        last = holdings.cameras[-1].code
        await until(lambda: province.sees(last), 60)
        known = len(await province.names())
        await county.ask("POST", f"/api/v1/platforms/{city.code}/resend", {})
        await city.ask("POST", f"/api/v1/devices/{county.code}/catalog", {})
        await asyncio.sleep(0.15)
        county.kill()
        await asyncio.sleep(3.0)
        assert len(await city.names()) >= len(holdings)
        assert len(await province.names()) == known
        holdings.rename(last, "重启之后")
        await county.start()
        await until(lambda: is_named(province, last, "重启之后"), 60)
        assert len(await province.names()) == known


async def is_named(tier, code: str, name: str) -> bool:
    channel = await tier.channel(code)
    return channel is not None and channel["name"] == name and channel["online"]
