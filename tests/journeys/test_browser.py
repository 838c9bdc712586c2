"""An operator in a real browser: log in, open the tree, click a camera, and see a picture that moves."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from media.guest import Guest, GuestSettings
from media.local import PlaneSettings
from media.seal import read_key
from simulator.camera import ChannelSettings
from simulator.video import VideoSettings
from tests.journeys.cascade.tiers import free_port
from tests.journeys.chromium import chromium
from tests.journeys.clicks import Counting
from tests.journeys.conftest import CAMERA, Estate, opened, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium(FLAGS) as browser:
        yield browser


async def log_in(browser: Browser, estate: Estate) -> Page:
    return await log_in_at(browser, estate.house.console_url, estate.password)


async def log_in_at(browser: Browser, url: str, password: str) -> Page:
    page = await browser.new_page(viewport={"width": 1600, "height": 900}, locale="zh-CN")
    await page.goto(url)
    await page.get_by_test_id("login-name").locator("input").fill("admin")
    await page.get_by_test_id("login-password").locator("input").fill(password)
    await page.get_by_test_id("login-submit").click()
    await page.get_by_test_id("tree").wait_for()
    later = page.get_by_role("button", name="稍后修改")
    await later.click()
    await later.wait_for(state="hidden")
    return page


def shades(png: bytes) -> set[int]:
    """The different bytes of a picture's pixels: a black one has hardly any."""
    return set(pixels(png))


def pixels(png: bytes) -> bytes:
    """The unfiltered scan lines of a PNG, joined; enough to compare pictures of one size."""
    at, data = 8, b""
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        if png[at + 4 : at + 8] == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += length + 12
    return zlib.decompress(data)


async def test_an_operator_logs_in_clicks_a_camera_and_sees_a_moving_picture(
    estate: Estate, browser: Browser, done: Counting, tmp_path: Path
):
    await estate.camera(video=VideoSettings(width=640, height=360, fps=15, gop_s=1.0))
    page = await log_in(browser, estate)
    video = page.get_by_test_id("pane-0").locator("video")
    async with done(page, "by-tree"):
        await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
        await page.wait_for_function("() => document.querySelector('video')?.currentTime > 1", timeout=20_000)
    first = await video.screenshot(path=tmp_path / "first.png")
    await page.wait_for_timeout(1500)
    second = await video.screenshot(path=tmp_path / "second.png")
    assert len(shades(first)) > 40, "the picture is black"
    assert pixels(first) != pixels(second), "the picture stands still"


async def test_a_name_and_enter_plays_a_camera_without_the_mouse(estate: Estate, browser: Browser, done: Counting):
    channels = tuple(ChannelSettings(f"3402000000132000{n:04d}", name) for n, name in ((11, "东门"), (12, "西门广场")))
    await estate.camera("34020000001180000001", channels=channels)
    page = await log_in(browser, estate)
    async with done(page, "by-name"):
        await page.keyboard.press("/")
        await page.keyboard.type("xmgc", delay=30)
        await page.get_by_test_id("search-hit-0").wait_for()
        await page.keyboard.press("Enter")
        await page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5", timeout=20_000)
    assert "西门广场" in await page.get_by_test_id("pane-0").inner_text()
    # Both at once: the branch they stand under, carried onto the wall.
    async with done(page, "branch"):
        branch = page.get_by_test_id("tree").get_by_role("treeitem").first
        await branch.drag_to(page.get_by_test_id("pane-1"))
        both = "() => [...document.querySelectorAll('video')].filter((one) => one.currentTime > 0.5).length === 2"
        await page.wait_for_function(both, timeout=30_000)


async def test_a_camera_that_sends_nothing_tells_the_operator_what_was_seen(
    estate: Estate, browser: Browser, done: Counting
):
    await estate.camera(silent_media=True)
    page = await log_in(browser, estate)
    failure = page.get_by_test_id("pane-failure")
    async with done(page, "why-not"):
        await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
        await failure.wait_for(timeout=30_000)
    told = await failure.inner_text()
    assert "一个包也没有收到" in told
    assert "北门" in told


async def until_it_moves(page: Page, seconds: float = 25.0) -> None:
    """Until the first pane plays, and has played on after that."""
    moves = "() => { const v = document.querySelector('video'); return v && !v.paused && v.currentTime > 0.5 }"
    await page.wait_for_function(moves, timeout=seconds * 1000)
    began = await page.evaluate("document.querySelector('video').currentTime")
    goes_on = f"() => Math.abs((document.querySelector('video')?.currentTime ?? {began}) - {began}) > 0.3"
    await page.wait_for_function(goes_on, timeout=seconds * 1000)


async def test_a_pane_plays_on_by_itself_after_the_media_worker_was_killed(estate: Estate, browser: Browser):
    await estate.camera(video=VideoSettings(width=640, height=360, fps=15, gop_s=1.0))
    page = await log_in(browser, estate)
    await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
    await until_it_moves(page)
    (worker,) = (await estate.get("/api/v1/workers"))["items"]
    os.kill(worker["pid"], signal.SIGKILL)

    async def is_another() -> bool:
        (now,) = (await estate.get("/api/v1/workers"))["items"]
        return now["state"] == "up" and now["pid"] != worker["pid"] and now["viewers"] == 1

    await until(is_another, 30)
    await until_it_moves(page)
    assert await page.get_by_test_id("pane-failure").count() == 0


async def test_a_page_plays_from_a_media_host_that_came_after_it_and_from_us_when_that_has_gone(
    browser: Browser, tmp_path: Path
):
    async with opened(tmp_path, media_hosts={"port": free_port()}) as estate:
        await estate.camera(video=VideoSettings(width=640, height=360, fps=15, gop_s=1.0))
        async with estate.http.patch(f"/api/v1/devices/{CAMERA}", json={"media_zone": "north"}) as response:
            assert response.status == 200
        page = await log_in(browser, estate)
        came_from: list[str] = []
        page.on("websocket", lambda wire: came_from.append(wire.url))
        gatehouse = estate.house.gatehouse
        assert gatehouse is not None
        settings = GuestSettings(
            ("127.0.0.1", gatehouse.port),
            read_key((tmp_path / "media.key").read_text()),
            "north1",
            "north",
            web_host="127.0.0.1",
            web_port=0,
            plane=PlaneSettings(host="127.0.0.1", first_port=0),
        )
        guest = asyncio.create_task(Guest(settings).run())
        try:
            await until(gatehouse.hosts)
            (base,) = gatehouse.bases()
            await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
            await until_it_moves(page)
            played = [url for url in came_from if "/media/" in url]
            assert played[-1].startswith(base.replace("http", "ws"))
            # A way that broke as soon as it had begun is not the next one to be tried.
            await page.wait_for_function("() => document.querySelector('video').currentTime > 5", timeout=30_000)
        finally:
            guest.cancel()
            await asyncio.gather(guest, return_exceptions=True)
        ours = estate.house.console_url.replace("http", "ws")
        await until(lambda: [url for url in came_from if url.startswith(ours + "/media/")], 30)
        await until_it_moves(page)
