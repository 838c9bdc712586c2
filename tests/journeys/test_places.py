"""Where was this vehicle? The map, and two clicks."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from registry.events import PositionReported
from simulator.camera import ChannelSettings
from simulator.reporting import Round
from sipserver.below.following import Whom
from tests.estate import CAMERA, opened, until
from tests.journeys.clicks import Counting
from tests.journeys.test_browser import FLAGS, log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

GL = [flag for flag in FLAGS if flag != "--disable-gpu"] + ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


async def test_a_vehicle_is_on_the_map_and_its_way_is_two_clicks_away(tmp_path: Path, done: Counting):
    below = {"follow_positions": Whom.ALL, "position_interval_s": 1}
    async with opened(tmp_path, below=below) as estate, async_playwright() as playwright:
        channels = (ChannelSettings(CAMERA, "巡逻车 01", longitude=113.3245, latitude=23.1065),)
        await estate.camera(CAMERA, name="巡逻车 01", channels=channels, drives=Round(radius_m=400, period_s=30))

        async def heard() -> bool:
            return len((await estate.get("/api/v1/places"))["items"]) == 1

        await until(heard, 20)
        now = time.time()
        for minute in range(30, 0, -1):  # what it did in the last half hour, told at once
            angle = minute / 5
            estate.house.directory.bus.tell(
                PositionReported(
                    CAMERA,
                    CAMERA,
                    now - minute * 60,
                    113.32 + math.cos(angle) / 100,
                    23.1 + math.sin(angle) / 100,
                    40.0,
                )
            )
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=GL)
        try:
            page = await log_in(browser, estate)
            wrong: list[str] = []
            page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
            told = page.get_by_test_id("track-sum")
            async with done(page, "vehicle"):
                await page.locator("nav a[href='/places']").click()
                await page.locator("[data-testid=map][data-ready=true]").wait_for(timeout=30_000)
                await page.get_by_test_id(f"thing-{CAMERA}").click()
                await told.wait_for()
            text = await told.inner_text()
            assert "km" in text and int(text.split("·")[1].split()[0]) >= 25, text
            canvas = page.locator("[data-testid=map] canvas")
            box = await canvas.bounding_box()
            assert box is not None and box["width"] > 800 and box["height"] > 500
            await page.locator(".word.name", has_text="巡逻车 01").wait_for()
            await page.locator(".word.meridian").nth(2).wait_for()
            assert wrong == []
        finally:
            await browser.close()
