"""An operator sets a camera in a real browser: a mask on the picture, a week with the hand, and an older device."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from gb28181.edition import Edition
from simulator.configuration import ConfigurationFaults
from tests.journeys.conftest import CAMERA, opened
from tests.journeys.test_browser import browser, log_in

__all__ = ["browser"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

OLD = "34020000001320000016"


async def drag(page: Page, what: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Within a thing, from one place to another in shares of it."""
    box = await page.get_by_test_id(what).bounding_box()
    assert box is not None
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (start, end)]
    await page.mouse.move(*places[0])
    await page.mouse.down()
    await page.mouse.move(*places[1], steps=4)
    await page.mouse.up()


async def save(page: Page) -> str:
    await page.get_by_test_id("setting-save").click()
    outcome = page.get_by_test_id("setting-outcome")
    await outcome.wait_for()
    return await outcome.inner_text()


async def test_a_camera_is_set_with_the_hand_and_says_what_it_took(tmp_path: Path, browser: Browser):
    async with opened(tmp_path) as estate:
        camera = await estate.camera(configuration=ConfigurationFaults(ignored=frozenset(("AlarmReport",))))
        await estate.camera(OLD, speaker={"edition": Edition.V2016})
        page = await log_in(browser, estate)
        page.set_default_timeout(60_000)
        await page.goto(f"{estate.house.console_url}/devices?device={CAMERA}")
        await page.get_by_test_id("device-told").get_by_text("撤防").wait_for()
        await page.get_by_test_id("device-tab-settings").click()
        await page.get_by_test_id("setting-BasicParam").get_by_text("心跳间隔").wait_for()

        await page.get_by_test_id("type-PictureMask").click()
        await page.get_by_text("坐标按 320×180 计").wait_for()
        await drag(page, "picture-stage", (0.25, 0.25), (0.5, 0.5))
        assert "回读一致" in await save(page)
        kept = camera.configuration.kept[CAMERA]
        left, top, right, bottom = kept.masks[1]
        assert abs(left - 80) <= 2 and abs(top - 45) <= 2 and abs(right - 160) <= 2 and abs(bottom - 90) <= 2

        await page.get_by_test_id("type-VideoRecordPlan").click()
        await page.get_by_test_id("week-plan").wait_for()
        await drag(page, "week-day-3", (0.505, 0.5), (0.74, 0.5))
        assert "回读一致" in await save(page)
        assert camera.configuration.kept[CAMERA].plan == {3: [(12, 0, 0, 18, 0, 0)]}

        await page.get_by_test_id("type-AlarmReport").click()
        await page.get_by_label("移动侦测报警").click()
        assert "移动侦测报警：要求 是，设备为 否" in await save(page)

        await page.goto(f"{estate.house.console_url}/devices?device={OLD}")
        await page.get_by_test_id("device-tab-settings").click()
        await page.get_by_test_id("setting-BasicParam").wait_for()
        assert await page.get_by_test_id("type-PictureMask").is_disabled()
        await page.get_by_text("2022 版才有，该设备为 2016 版").wait_for()
        await page.close()
