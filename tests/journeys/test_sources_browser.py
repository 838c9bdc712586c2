"""An administrator offers a camera by its RTSP address in a real browser, and sees what it answers and shows."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from simulator.rtsp_server import RtspServer, RtspSettings
from simulator.video import VideoSettings
from tests.journeys.conftest import Estate, until
from tests.journeys.test_browser import browser, log_in  # noqa: F401  # a fixture is used by its name

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
VIDEO = VideoSettings(width=320, height=180, fps=20, gop_s=1.0, kbps=400)
PASSWORD = "three blue herons"


async def test_a_camera_is_tried_added_and_listed_as_online(estate: Estate, browser: Browser):  # noqa: F811
    server = RtspServer(RtspSettings(password=PASSWORD, guard="md5", video=VIDEO))
    await server.start()
    try:
        page = await log_in(browser, estate)
        await page.goto(f"{estate.house.console_url}/devices?tab=sources")
        await page.get_by_test_id("devices-add").click()
        await page.get_by_test_id("source-name").locator("input").fill("地下车库 入口")
        # As it is pasted from a maker's manual.
        await page.get_by_test_id("source-url").locator("input").fill(server.url.replace("//", "//admin:wrong@"))
        await page.get_by_test_id("source-try").click()
        trial = page.get_by_test_id("source-trial")
        await expect(trial).to_contain_text("401", timeout=20_000)
        await page.get_by_test_id("source-url").locator("input").fill(server.url.replace("//", f"//admin:{PASSWORD}@"))
        await page.get_by_test_id("source-try").click()
        await expect(trial).to_contain_text("可以取流", timeout=20_000)
        await page.get_by_test_id("source-save").click()
        row = page.get_by_role("row", name="地下车库")
        await expect(row).to_contain_text("在线", timeout=20_000)
        await expect(page.get_by_test_id("source-url")).to_have_count(0)  # the dialog, in which it was typed, is gone
        assert PASSWORD not in await page.content()
        await row.get_by_role("button", name="删除").click()
        await page.get_by_role("button", name="删除", exact=True).last.click()
        await until(lambda: not estate.house.directory.sources.all())
    finally:
        await server.close()
