"""One camera by two ways: when the first is cut off, the second is taken by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.journeys.cascade.tiers import CITY, COUNTY, OTHER_CITY, PROVINCE, Tier, running, until
from tests.journeys.viewer import watch


async def test_a_camera_with_two_paths_plays_on_by_the_second_when_the_first_is_cut_off(tmp_path: Path):
    province = Tier(*PROVINCE, tmp_path / "province")
    city = Tier(*CITY, tmp_path / "city")
    other = Tier(*OTHER_CITY, tmp_path / "other")
    county = Tier(*COUNTY, tmp_path / "county")
    tiers = {each.code: each for each in (city, other)}
    async with running(province, city, other, county) as ground:
        await asyncio.gather(
            city.register_with(province),
            other.register_with(province),
            county.register_with(city),
            county.register_with(other),
        )
        camera = await ground.camera(county)
        code = camera.settings.speaker.code

        async def paths() -> list[dict[str, Any]]:
            known = await province.ask("GET", f"/api/v1/channels/{city.code}/{code}/paths", None)
            return known[1]["items"] if known[0] == 200 else []

        await until(lambda: has_two(paths), 40)
        # Known by the catalogs alone, before anything flows; and one camera it is, wherever one counts.
        by_catalog = {(item["tiers"], *item["path"]) for item in await paths()}
        assert by_catalog == {(2, province.code, each.code, county.code) for each in (city, other)}
        roots = (await province.get("/api/v1/tree"))["children"]
        assert [(root["online"], root["total"]) for root in roots] == [(1, 1)]
        assert (await province.get("/api/v1/system"))["channels"] == {"online": 1, "total": 1}

        # Merged upward: one item, both cities among its parents, ON while one of them has it.
        judge = await ground.judge(province)
        got = await judge.ask_catalog(province.code)
        (item,) = [each for each in got.items if each.code == code]
        assert item.status_on
        (merged,) = [each for each in got.items if each.code == county.code]
        assert set(merged.parent_ids) == {city.code, other.code}

        first = await province.post("/api/v1/live", {"owner": "", "channel": code})
        assert (await watch(province.http, first, 1.0)).pictures()
        assert first["path"][0] == province.code and first["path"][-1] == county.code
        taken = first["path"][1]
        tiers[taken].kill()
        spare = next(each for each in tiers if each != taken)
        await asyncio.sleep(1.0)
        second = await province.post("/api/v1/live", {"owner": "", "channel": code})
        assert second["path"] == [province.code, spare, county.code]
        assert (await watch(province.http, second, 1.0)).pictures()

        # An upper may wish for a path, and is told the one it got.
        call = await judge.invite(province.code, code, via=(province.code, spare, county.code))
        await call.wait_frames(5)
        assert call.route == (province.code, spare, county.code)
        await call.bye()


async def has_two(paths) -> bool:
    return len(await paths()) == 2
