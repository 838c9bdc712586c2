"""An operator adds a platform above by its few fields in a real browser, and sees at one click what it sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from simulator.platform_above import Upper, UpperSettings
from tests.journeys.clicks import Counting
from tests.journeys.conftest import CAMERA, PASSWORD, SERVER, Estate
from tests.journeys.test_browser import browser, log_in

__all__ = ["browser"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

ABOVE = "34000000002000000001"


async def test_a_platform_above_is_added_by_its_fields_and_what_it_sees_is_one_click_away(
    estate: Estate, browser: Browser, done: Counting, tmp_path: Path
):
    await estate.camera()
    async with Upper(UpperSettings(ABOVE, PASSWORD)) as above:
        page = await log_in(browser, estate)
        async with done(page, "upper"):
            await page.get_by_role("link", name="级联").click()
            await page.get_by_test_id("platform-add").click()
            await expect(page.get_by_test_id("platform-address").locator("input")).to_be_focused()
            await page.keyboard.type(f"127.0.0.1:{above.port}")
            await page.keyboard.press("Tab")
            await page.keyboard.type(ABOVE)
            for _ in range(3):  # over its domain and our user name, which follow from the code
                await page.keyboard.press("Tab")
            await page.keyboard.type(PASSWORD)
            await page.keyboard.press("Enter")
            await above.registered(SERVER, 20)
        await page.get_by_role("link", name="监看").click()
        async with done(page, "upper-sees"):
            await page.get_by_role("link", name="级联").click()
            preview = page.get_by_test_id("sharing-preview")
            await expect(preview).to_contain_text(CAMERA, timeout=15_000)
            await expect(page.get_by_test_id("preview-diff")).to_be_visible()
        await page.screenshot(path=tmp_path / "sees.png")
