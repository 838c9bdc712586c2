"""When a picture does not come, the top is told at which hop, with which status, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.faults import Faults
from simulator.holdings import division_tree
from tests.journeys.cascade.tiers import chain, until

TOWN = "44010601002000000001"


async def test_the_top_sees_the_ladder_down_to_the_hop_that_failed(tmp_path: Path):
    async with chain(tmp_path) as (province, city, county, ground):
        holdings = division_tree(TOWN, "天园街道", "440106", "天河区", cameras=4)
        lower = await ground.lower(county, holdings)
        code = holdings.cameras[0].code
        await until(lambda: province.sees(code), 30)

        lower.faults = Faults(refuse={"INVITE": 486})
        _, error = await province.failing_live(code, city.code)
        assert error["details"]["status"] == 486
        assert failing_hops(error) == [(city.code, 486), (county.code, 486), (TOWN, 486)]

        lower.faults = Faults(refuse={"INVITE": 500})
        _, error = await province.failing_live(code, city.code)
        assert failing_hops(error)[-1] == (TOWN, 500)

        lower.faults = Faults(silent_media=True)
        _, error = await province.failing_live(code, city.code)
        hops = failing_hops(error)
        assert [who for who, _ in hops[:2]] == [city.code, county.code]
        assert TOWN in error["message"] or TOWN in str(error["details"]["hops"])


def failing_hops(error: dict[str, Any]) -> list[tuple[str, int]]:
    """Who refused whom, from the top down, without the steps that went well."""
    return [(hop["who"], hop["status"]) for hop in error["details"]["hops"] if hop["status"] >= 400]


async def test_an_offline_camera_is_named_by_the_tier_that_knows_it(tmp_path: Path):
    async with chain(tmp_path) as (province, city, county, ground):
        camera = await ground.camera(county)
        code = camera.settings.speaker.code
        await until(lambda: province.sees(code), 30)
        await ground.take_away(camera, deregister=True)
        await until(lambda: province.sees(code, online=False), 30)
        _, error = await province.failing_live(code, city.code)
        assert error["details"]["status"] == 480
        assert error["details"]["hops"]


async def test_calls_without_y_and_with_foreign_numbers_play_all_the_same(tmp_path: Path):
    async with chain(tmp_path) as (province, _, county, ground):
        holdings = division_tree(TOWN, "天园街道", "440106", "天河区", cameras=4)
        await ground.lower(county, holdings, Faults(no_y=True, foreign_ssrc=True))
        code = holdings.cameras[0].code
        judge = await ground.judge(province)
        await until(lambda: province.sees(code), 30)
        for transport in ("udp", "tcp-passive", "tcp-active"):
            call = await judge.invite(province.code, code, transport=transport, with_y=transport != "udp")
            await call.wait_frames(10)
            if call.answer.ssrc is not None:
                assert set(call.receiver.ssrcs) == {call.answer.ssrc}
            await call.bye()
