"""One camera by two ways: when the first is cut off, the second is taken by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.journeys.cascade.tiers import CITY, COUNTY, OTHER_CITY, PROVINCE, Tier, running
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

        async def by_catalog() -> set[tuple[Any, ...]]:
            return {(item["tiers"], *item["path"]) for item in await paths()}

        async def counts() -> list[tuple[int, int]]:
            return [(root["online"], root["total"]) for root in (await province.get("/api/v1/tree"))["children"]]

        # Known by the catalogs alone, before anything flows; and one camera it is, wherever one counts. The cities tell
        # of it at times of their own, piece by piece.
        await comes_to(by_catalog, {(2, province.code, each.code, county.code) for each in (city, other)})
        await comes_to(counts, [(1, 1)])
        assert (await province.get("/api/v1/system"))["channels"] == {"online": 1, "total": 1}

        # Merged upward: one item, both cities among its parents, ON while one of them has it.
        judge = await ground.judge(province)
        got = await judge.ask_catalog(province.code)
        (item,) = [each for each in got.items if each.code == code]
        assert item.status_on
        (merged,) = [each for each in got.items if each.code == county.code]
        assert set(merged.parent_ids) == {city.code, other.code}

        first = await province.post("/api/v1/live", {"owner": "", "channel": code})
        assert (await watch(province.http, first, 3.0)).pictures()
        assert first["path"][0] == province.code and first["path"][-1] == county.code
        taken = first["path"][1]
        tiers[taken].kill()
        spare = next(each for each in tiers if each != taken)
        # While the call by the lost way is not over, whoever comes would join it.
        await comes_to(province.streams, [])
        second = await province.post("/api/v1/live", {"owner": "", "channel": code})
        assert second["path"] == [province.code, spare, county.code]
        assert (await watch(province.http, second, 3.0)).pictures()

        # An upper may wish for a path, and is told the one it got.
        call = await judge.invite(province.code, code, via=(province.code, spare, county.code))
        await call.wait_frames(5, 30.0)
        assert call.route == (province.code, spare, county.code)
        await call.bye()


async def comes_to(ask: Callable[[], Awaitable[Any]], wanted: object, patience_s: float = 60.0) -> None:
    """Until the answer is what is wanted; when it never is, the last one is told."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while (got := await ask()) != wanted and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.1)
    assert got == wanted
