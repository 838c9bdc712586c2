"""An operator steers in a real browser: a drag on the picture, a preset by one click, a box to zoom by."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from gb28181.manscdp.control import HomePosition
from simulator.camera import Camera, ChannelSettings, Hardware
from simulator.firmware import make_package
from simulator.video import VideoSettings
from tests.journeys.chromium import chromium
from tests.journeys.clicks import Counting
from tests.journeys.conftest import CAMERA, Estate, until
from tests.journeys.test_browser import FLAGS, log_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

KEPT = re.compile("截图已保存：北门|已抓拍，存入抓拍库")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium(FLAGS) as browser:
        yield browser


async def watching(estate: Estate, browser: Browser, **changes: Any) -> tuple[Camera, Page]:
    """A camera with two presets, its picture on the wall, the steering panel open."""
    camera, page = await at_the_wall(estate, browser, **changes)
    await go_live(page)
    await page.keyboard.press("p")
    await page.locator(".lever.armed").wait_for()
    return camera, page


async def go_live(page: Page) -> None:
    await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
    await page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5", timeout=30_000)


async def at_the_wall(estate: Estate, browser: Browser, **changes: Any) -> tuple[Camera, Page]:
    """A camera with two presets, and an operator before an empty wall."""
    camera = await estate.camera(
        channels=(ChannelSettings(CAMERA, "北门"),),
        video=VideoSettings(width=640, height=360, fps=15, gop_s=1.0),
        **changes,
    )
    head = camera.heads[CAMERA]
    head.set_preset(1, time.monotonic(), "大门")
    head.turn(1.0, 0.0, 0.0, time.monotonic() - 1.5)
    head.stop(time.monotonic())
    head.set_preset(2, time.monotonic(), "岗亭")
    head.call_preset(1, time.monotonic())
    return camera, await log_in(browser, estate)


async def test_a_drag_and_a_preset_are_one_act_each_beside_the_picture_itself(
    estate: Estate, browser: Browser, done: Counting, tmp_path: Path
):
    camera, page = await at_the_wall(estate, browser)
    head = camera.heads[CAMERA]
    at = lambda: head.at(time.monotonic())  # noqa: E731
    began = at()
    lever = page.locator(".lever")
    async with done(page, "turn"):
        await go_live(page)
        picture = await lever.bounding_box()
        assert picture is not None
        middle = picture["x"] + picture["width"] / 2, picture["y"] + picture["height"] / 2
        await page.mouse.move(*middle)
        await page.mouse.down()
        await page.mouse.move(middle[0] + 150, middle[1], steps=5)
        await until(lambda: at().pan > began.pan + 0.05)
        await page.mouse.up()
        await until(lambda: head.at(1e12) == at())

    # A hand that only clicks or that shakes a little turns nothing, and the wheel is the page's.
    stood = at()
    await page.mouse.move(*middle)
    await page.mouse.down()
    await page.mouse.move(middle[0] + 6, middle[1] + 2, steps=3)
    await page.mouse.up()
    await page.mouse.wheel(0, -240)
    await page.wait_for_timeout(600)
    assert at() == stood
    # Nor does a double click: it makes the pane large, as on any other picture.
    await page.mouse.dblclick(*middle)
    await page.locator(".wall.maximised").wait_for()
    await page.mouse.dblclick(*middle)
    await page.locator(".wall.maximised").wait_for(state="detached")
    assert at() == stood

    pane = page.get_by_test_id("pane-0")
    await close(page)
    async with done(page, "preset"):
        await go_live(page)
        await pane.get_by_test_id("pane-ptz").hover()
        await page.get_by_test_id("preset-menu").get_by_role("button", name="岗亭").click()
        await until(lambda: at() == head.presets[2][1])
    await page.screenshot(path=tmp_path / "presets.png")

    await close(page)
    async with done(page, "store-preset"):
        await go_live(page)
        await pane.get_by_test_id("pane-ptz").hover()
        await page.get_by_test_id("preset-store").click()
        await until(lambda: 3 in head.presets)
    assert head.presets[3][1] == head.presets[2][1]

    await close(page)
    async with done(page, "snapshot"):
        await go_live(page)
        await pane.get_by_role("button", name="截图").click()
        # By the browser, or by the server when the picture stands still at this very moment.
        await page.get_by_text(KEPT).first.wait_for(timeout=30_000)


async def close(page: Page) -> None:
    pane = page.get_by_test_id("pane-0")
    await pane.hover()
    await pane.get_by_role("button", name="关闭画面").click()
    await pane.locator("video").wait_for(state="detached")


async def test_an_operator_turns_a_camera_by_the_picture_and_by_one_click(estate: Estate, browser: Browser):
    camera, page = await watching(estate, browser)
    head = camera.heads[CAMERA]
    at = lambda: head.at(time.monotonic())  # noqa: E731
    began = at()

    # A drag to the right turns it to the right, and letting go stops it.
    picture = await page.locator(".lever").bounding_box()
    assert picture is not None
    middle = picture["x"] + picture["width"] / 2, picture["y"] + picture["height"] / 2
    await page.mouse.move(*middle)
    await page.mouse.down()
    await page.mouse.move(middle[0] + 200, middle[1], steps=5)
    await until(lambda: at().pan > began.pan + 0.05)
    hold = page.get_by_test_id("hold")
    await hold.get_by_text("由你控制").wait_for()
    await page.mouse.up()
    await until(lambda: head.at(1e12) == at() and at().pan > began.pan)

    # One click on its chip, and the camera looks there.
    await page.get_by_role("button", name="岗亭").click()
    await until(lambda: at() == head.presets[2][1])

    # A box that is drawn with Shift becomes the picture.
    await page.keyboard.down("Shift")
    await page.mouse.move(middle[0], middle[1])
    await page.mouse.down()
    await page.mouse.move(middle[0] + 160, middle[1] + 90, steps=5)
    await page.mouse.up()
    await page.keyboard.up("Shift")
    await until(lambda: at().zoom > 1.5)

    # What is needed seldom stands one fold away: the wiper, and where the camera goes by itself.
    await page.get_by_role("button", name="更多控制").click()
    await page.get_by_test_id("wiper-on").click()
    await until(lambda: head.switches.get(1) is True)
    home = page.get_by_test_id("more-controls").locator("section", has_text="看守位").first
    await home.get_by_role("button", name="开", exact=True).click()
    await until(lambda: head.home == HomePosition(True, 120, 1))
    await home.get_by_text("设备报告：开，空闲 120 秒后回预置位 1").wait_for()


async def test_an_administrator_brings_firmware_and_sees_a_device_fetch_it_and_come_back(
    estate: Estate, browser: Browser, tmp_path: Path
):
    package = tmp_path / "ipc_V2.5.0.bin"
    package.write_bytes(make_package("2.5.0", bytes(20_000_000)))
    camera, page = await watching(estate, browser, hardware=Hardware(fetch_bytes_a_second=5_000_000))
    await page.get_by_role("button", name="更多控制").click()
    box = page.get_by_test_id("upgrade")
    await page.get_by_test_id("upgrade-file").set_input_files(package)
    assert await box.get_by_label("版本").input_value() == "2.5.0"
    await box.get_by_role("button", name="上传", exact=True).click()
    await box.get_by_text("2.5.0 · ipc_V2.5.0.bin").wait_for()
    await page.get_by_test_id("upgrade-begin").click()
    await page.locator(".n-popconfirm").get_by_role("button", name="升级设备").click()
    await box.get_by_text("设备正在取包").wait_for()
    await box.get_by_text("升级成功，当前版本 2.5.0").wait_for(timeout=60_000)
    assert camera.upgrader.firmware == "2.5.0"

    # It is not needed any more, and its place on the shelf is given back.
    await page.get_by_test_id("upgrade-drop").click()
    await page.locator(".n-popconfirm").get_by_role("button", name="删除").click()
    await box.get_by_text("还没有固件包").wait_for()
    assert (await estate.get("/api/v1/firmware"))["items"] == []


async def test_a_second_operator_sees_who_steers_and_for_how_long(estate: Estate, browser: Browser):
    camera, page = await watching(estate, browser)
    await estate.post("/api/v1/users", {"name": "wang", "password": "a-long-password-1", "role": "operator"})
    context = await browser.new_context(viewport={"width": 1600, "height": 900}, locale="zh-CN")
    other = await context.new_page()
    await other.goto(estate.house.console_url)
    await other.get_by_test_id("login-name").locator("input").fill("wang")
    await other.get_by_test_id("login-password").locator("input").fill("a-long-password-1")
    await other.get_by_test_id("login-submit").click()
    await other.get_by_test_id("tree").wait_for()
    later = other.get_by_role("button", name="稍后修改")
    await later.click()
    await other.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
    await other.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5", timeout=30_000)
    await other.keyboard.press("p")
    await other.get_by_role("button", name="独占 5 分钟").click()
    await other.get_by_text("由你独占").wait_for()
    # The administrator sees whose it is, takes it over by steering, and the other is told.
    await page.get_by_text("由 wang 独占").wait_for()
    await page.get_by_role("button", name="岗亭").click()
    head = camera.heads[CAMERA]
    await until(lambda: head.at(time.monotonic()) == head.presets[2][1])
    await other.get_by_text("admin 接管了云台").wait_for()
    await other.get_by_role("button", name="大门").click()
    await other.get_by_text("admin 正在控制").wait_for()
