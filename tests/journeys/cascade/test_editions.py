"""Platforms of 2016 and 2022 above and below each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from gb28181.edition import Edition
from simulator.holdings import division_tree
from tests.journeys.cascade.comparing import differences
from tests.journeys.cascade.tiers import CITY, COUNTY, PROVINCE, Tier, running, until
from tests.journeys.viewer import watch

TOWN = "44010601002000000001"


@pytest.mark.parametrize(("above", "below"), [("3.0", "2.0"), ("2.0", "3.0")])
async def test_a_platform_of_one_edition_serves_under_one_of_the_other(tmp_path: Path, above: str, below: str):
    province = Tier(*PROVINCE, tmp_path / "province", edition=above)
    city = Tier(*CITY, tmp_path / "city", edition=below)
    county = Tier(*COUNTY, tmp_path / "county", edition=above)
    async with running(province, city, county) as ground:
        await county.register_with(city, edition=below)
        await city.register_with(province, edition=above)
        holdings = division_tree(TOWN, "天园街道", "440106", "天河区", cameras=6)
        holdings.rename(holdings.cameras[0].code, "㐀𠮷岗路口")
        edition = Edition.V2016 if below == "2.0" else Edition.V2022
        lower = await ground.lower(county, holdings, speaker={"edition": edition})
        judge = await ground.judge(province, Edition.V2016 if above == "2.0" else Edition.V2022)

        async def equal() -> bool:
            return not await differences(judge, holdings, through_2016=True)

        await until(equal, 30)
        holdings.rename(holdings.cameras[1].code, "改名")
        holdings.delete(holdings.cameras[2].code)
        await until(equal, 30)
        live = await province.live(holdings.cameras[0].code)
        assert (await watch(province.http, live, 1.0)).pictures()
        assert lower.studio.calls_taken == 1
