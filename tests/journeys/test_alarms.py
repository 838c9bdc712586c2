"""An operator at an alarm: the bell, the list, one click to its picture, acknowledged and closed, all by keys."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from simulator.alarming import AlarmingSettings, Scare
from simulator.camera import Camera, ChannelSettings
from simulator.recorder import RecorderSettings
from simulator.video import VideoSettings
from tests.journeys.clicks import Counting
from tests.journeys.conftest import CAMERA, Estate, until
from tests.journeys.test_browser import browser, log_in  # noqa: F401 - a fixture is used by its name

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

INTRUSION = Scare(5, 6, 1, 1, "有人进入警戒区域")
YARD, DOOR = "34020000001320000002", "34020000001340000001"
INPUT = Scare(2, None, None, 2, "报警输入 1 触发")


async def guarded(estate: Estate) -> Camera:
    return await estate.camera(
        alarming=AlarmingSettings(armed=True), video=VideoSettings(width=640, height=360, fps=15, gop_s=1.0)
    )


async def plays(page: Page) -> None:
    await page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5", timeout=30_000)


async def test_a_bell_rings_and_one_click_leads_from_the_alarm_to_its_picture(
    estate: Estate,
    browser: Browser,  # noqa: F811
    done: Counting,
    tmp_path: Path,
):
    camera = await guarded(estate)
    page = await log_in(browser, estate)
    await expect(page.get_by_test_id("bell")).to_have_count(0)
    assert await camera.raise_alarm(scare=INTRUSION)
    bell = page.get_by_test_id("bell")
    await expect(bell).to_have_text("1", timeout=15_000)
    strip = page.get_by_test_id("alarm-strip")
    await expect(strip).to_contain_text("入侵检测（进入区域）")
    await page.get_by_role("link", name="报警").click()
    row = page.get_by_test_id("alarm-1")
    await expect(row).to_contain_text("北门")
    await row.click()
    detail = page.get_by_test_id("alarm-detail")
    await expect(detail.locator("img")).to_be_visible(timeout=30_000)
    await page.wait_for_function("() => document.querySelector('figure img')?.naturalWidth === 640", timeout=15_000)
    await page.screenshot(path=tmp_path / "alarms.png")
    async with done(page, "alarm-live"):
        await row.get_by_test_id("row-live").click()
        await plays(page)
    # Whoever comes now sees without a click: how many cameras are on, the wall they had, and what waits.
    await page.reload()
    async with done(page, "welcome"):
        await expect(page.get_by_test_id("tree").get_by_role("treeitem").first).to_contain_text("1/1")
        await plays(page)
        await expect(bell).to_have_text("1")
        await expect(strip).to_be_visible()
    async with done(page, "acknowledge"):
        await strip.get_by_test_id("strip-acknowledge").click()
        await expect(strip).to_have_count(0)
    await expect(page.get_by_test_id("bell")).to_have_count(0)


async def test_one_click_plays_what_the_device_recorded_from_ten_seconds_before_the_alarm(
    estate: Estate,
    browser: Browser,  # noqa: F811
    done: Counting,
    tmp_path: Path,
):
    camera = await estate.camera(
        alarming=AlarmingSettings(armed=True),
        recorder=RecorderSettings(history_s=86_400),
        video=VideoSettings(width=640, height=360, fps=15, gop_s=1.0),
    )
    at = int(time.time()) - 120
    page = await log_in(browser, estate)
    assert await camera.raise_alarm(scare=INTRUSION, at=at)
    await page.get_by_test_id("bell").wait_for(timeout=15_000)
    async with done(page, "alarm-video"):
        await page.get_by_role("link", name="报警").hover()
        await page.get_by_test_id("peek-1").wait_for()
        await page.screenshot(path=tmp_path / "peek.png")
        await page.get_by_test_id("peek-1").click()
        await page.wait_for_url(f"**/playback?**at={at - 10}**")
    await page.get_by_role("link", name="报警").click()
    await page.get_by_test_id("alarm-1").get_by_test_id("row-playback").click(timeout=15_000)
    await page.wait_for_url(f"**/playback?**at={at - 10}**")
    async with asyncio.timeout(30):
        while not any(call.offer.start for call in camera.calls if not call.offer.is_live):
            await asyncio.sleep(0.05)
    starts = [call.offer.start for call in camera.calls if not call.offer.is_live]
    assert min(starts) <= at - 10 < at


async def test_an_alarm_is_acknowledged_and_closed_by_keys_and_the_device_is_reset(
    estate: Estate,
    browser: Browser,  # noqa: F811
):
    camera = await guarded(estate)
    page = await log_in(browser, estate)
    await page.get_by_role("link", name="报警").click()
    await expect(page.get_by_text("没有待处理的报警")).to_be_visible()
    assert await camera.raise_alarm(scare=INPUT)
    row = page.get_by_test_id("alarm-1")
    await expect(row).to_contain_text("报警器报警", timeout=15_000)
    await page.keyboard.press("j")
    detail = page.get_by_test_id("alarm-detail")
    await expect(detail).to_contain_text("报警输入 1 触发")
    await page.keyboard.press("a")
    await expect(row).to_contain_text("已确认 admin")
    await page.keyboard.press("c")
    await page.keyboard.press("2")
    await expect(row).to_contain_text("误报 admin")
    await expect(page.get_by_test_id("reset-state")).to_have_text("设备已复位", timeout=15_000)
    assert camera.duties.resets == 1
    # Of another second: the same word of the same second is the same alarm over again.
    assert await camera.raise_alarm(scare=INPUT, at=time.time() + 2), "reset, it may speak again"
    await expect(page.get_by_test_id("alarm-2")).to_be_visible(timeout=15_000)


async def test_an_alarm_of_an_input_shows_the_camera_that_was_linked_to_it_on_the_device_s_page(
    estate: Estate,
    browser: Browser,  # noqa: F811
    tmp_path: Path,
):
    channels = (ChannelSettings(CAMERA, "北门"), ChannelSettings(YARD, "操场"), ChannelSettings(DOOR, "报警输入 1"))
    camera = await estate.camera(
        online=False,
        channels=channels,
        alarming=AlarmingSettings(armed=True),
        video=VideoSettings(width=640, height=360, fps=15, gop_s=1.0),
    )
    await until(lambda: estate.is_ready(CAMERA, 2))  # an input is none of the pictures that are counted
    page = await log_in(browser, estate)
    await page.get_by_role("link", name="设备").click()
    await page.get_by_text(CAMERA).first.click()
    link = page.get_by_test_id(f"link-{DOOR}")
    await expect(link).to_contain_text("未关联")
    await link.click()
    await page.locator(".n-base-select-option", has_text="操场").click()

    async def is_linked() -> bool:
        (item,) = (await estate.get(f"/api/v1/devices/{CAMERA}/alarm-links"))["items"]
        return bool(item["camera"] == YARD)

    await until(is_linked)
    await page.screenshot(path=tmp_path / "links.png")
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="报警").click()
    assert await camera.raise_alarm(DOOR, INPUT)
    await page.get_by_test_id("alarm-1").get_by_test_id("row-live").click(timeout=15_000)
    await plays(page)
    await expect(page.get_by_test_id("pane-0")).to_contain_text("操场")


async def test_a_rule_puts_the_picture_on_the_wall_and_records_it(
    estate: Estate,
    browser: Browser,  # noqa: F811
):
    camera = await guarded(estate)
    wish = {"name": "入侵", "methods": [5], "lowest_priority": 2, "record_s": 30, "popup": True}
    await estate.post("/api/v1/alarm-rules", wish)
    page = await log_in(browser, estate)
    assert await camera.raise_alarm(scare=INTRUSION)
    await plays(page)

    async def is_recorded() -> bool:
        running = (await estate.get("/api/v1/recordings?running=true"))["items"]
        return [each["channel"] for each in running if each["by"] == "alarm"] == [CAMERA]

    await until(is_recorded)
