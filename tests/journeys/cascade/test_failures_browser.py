"""When a picture does not come through three tiers, the pane names the hop that failed, its status and its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from simulator.faults import Faults
from simulator.holdings import division_tree
from tests.journeys.cascade.test_failures import TOWN
from tests.journeys.cascade.tiers import chain, until
from tests.journeys.test_browser import browser, log_in_at  # noqa: F401  # a fixture is used by its name

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


async def test_the_pane_shows_the_ladder_down_to_the_platform_that_refused(
    tmp_path: Path,
    browser: Browser,  # noqa: F811
):
    async with chain(tmp_path) as (province, city, county, ground):
        holdings = division_tree(TOWN, "天园街道", "440106", "天河区", cameras=4)
        lower = await ground.lower(county, holdings)
        code = holdings.cameras[0].code
        await until(lambda: province.sees(code), 60)
        lower.faults = Faults(refuse={"INVITE": 486})

        page = await log_in_at(browser, province.url, province.password)
        await page.keyboard.press("/")
        await page.keyboard.type(code, delay=30)
        await page.get_by_test_id("search-hit-0").wait_for()
        await page.keyboard.press("Enter")
        failure = page.get_by_test_id("pane-failure")
        await failure.wait_for(timeout=60_000)

        passed, failed = failure.get_by_test_id("hop-passed"), failure.get_by_test_id("hop-failed")
        assert await failed.count() == 1, await failure.inner_text()
        told = await failed.inner_text()
        assert "486" in told and "Busy Here" in told
        assert await failed.locator(".who").get_attribute("title") == TOWN
        assert [await who.get_attribute("title") for who in await passed.locator(".who").all()] == [
            city.code,
            county.code,
        ]
        # In names, where there are some, and said upward by whoever did not fail.
        assert [city.name in await passed.nth(0).inner_text(), "486" in await passed.nth(1).inner_text()] == [
            True,
            True,
        ]
