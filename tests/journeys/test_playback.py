"""An operator looks back: from live to ten minutes ago, a seek on the timeline, and a span taken home."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page

from simulator.recording import Recording
from simulator.video import VideoSettings
from tests.journeys.chromium import chromium
from tests.journeys.clicks import Counting
from tests.journeys.conftest import CAMERA, Estate
from tests.journeys.test_browser import FLAGS, log_in, pixels, shades

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium(FLAGS) as browser:
        yield browser


async def position(page: Page) -> int:
    return int(await page.get_by_test_id("position").get_attribute("data-at") or 0)


async def wait_position(page: Page, least: float, most: float) -> None:
    """Until the bar says a moment of the recording between these, and it goes on from there."""
    reached = f"""() => {{
        const at = Number(document.querySelector('[data-testid=position]')?.dataset.at)
        return at >= {least} && at <= {most}
    }}"""
    await page.wait_for_function(reached, timeout=30_000)


async def window_of(line: Locator) -> tuple[float, float]:
    return float(await line.get_attribute("aria-valuemin") or 0), float(await line.get_attribute("aria-valuemax") or 0)


async def nearer(page: Page, line: Locator, first: float, last: float, within_s: float) -> tuple[float, float]:
    """Turn the wheel over the timeline until it shows no more than so many seconds, these two moments among them at
    whatever hour of the day; where the picture stands must lie between them. The window then comes back."""
    box = await line.bounding_box()
    assert box is not None
    start, end = await window_of(line)
    over = first + (first - start) / (end - start) * (last - first)
    for _ in range(60):
        across = (over - start) / (end - start) * box["width"]
        await page.mouse.move(box["x"] + across, box["y"] + box["height"] / 2)
        await page.mouse.wheel(0, -120)
        shown = "line => [line.getAttribute('aria-valuemin'), line.getAttribute('aria-valuemax')].join()"
        moved = f"line => ({shown})(line) !== '{start:.0f},{end:.0f}'"
        await page.wait_for_function(moved, arg=await line.element_handle(), timeout=10_000)
        start, end = await window_of(line)
        if end - start <= within_s:
            return start, end
    raise AssertionError("the wheel brings nothing nearer")


async def test_from_live_to_ten_minutes_ago_a_seek_and_a_span_taken_home(
    estate: Estate, browser: Browser, done: Counting, tmp_path: Path
):
    now = int(time.time())
    kept = (Recording(CAMERA, now - 7200, now + 600), Recording(CAMERA, now - 1500, now - 1440, "alarm"))
    await estate.camera(video=VideoSettings(width=320, height=180, fps=10, gop_s=1.0), recordings=kept)
    page = await log_in(browser, estate)
    async with done(page, "ago"):
        await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
        await page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5", timeout=30_000)
        await page.get_by_test_id("pane-0").hover()
        await page.get_by_test_id("pane-0").get_by_test_id("ago").click()
        await page.wait_for_url("**/playback?**")
    clicked = time.time()
    cell = page.get_by_test_id(f"play-{CAMERA}")
    await page.wait_for_function(
        f"() => document.querySelector('[data-testid=play-{CAMERA}] video')?.currentTime > 1", timeout=30_000
    )
    assert abs(await position(page) - (time.time() - 600)) < time.time() - clicked + 10
    first = await cell.locator("video").screenshot()
    await page.wait_for_timeout(1200)
    second = await cell.locator("video").screenshot()
    assert len(shades(first)) > 40, "the picture is black"
    assert pixels(first) != pixels(second), "the picture stands still"

    # The bars of what was recorded, and nearer by the wheel, until a pixel is a fraction of a second.
    line = page.get_by_test_id("timeline").locator("svg")
    await line.locator("rect.bar.alarm").first.wait_for(timeout=20_000)
    box = await line.bounding_box()
    assert box is not None
    await page.screenshot(path=tmp_path / "day.png")

    # A click on the timeline, 40 seconds before where it stands.
    stands = await position(page)
    start, end = await nearer(page, line, stands - 45, stands + 5, 240)
    wanted = await position(page) - 40
    async with done(page, "seek"):
        across = (wanted - start) / (end - start) * box["width"]
        await page.mouse.click(box["x"] + across, box["y"] + box["height"] / 2)
        await wait_position(page, wanted - 4, wanted + 12)
    before = await position(page)
    await wait_position(page, before + 2, before + 20)

    # The keyboard: a pause stands, a second press goes on.
    await page.keyboard.press(" ")
    await page.wait_for_timeout(1500)
    stood = await position(page)
    await page.wait_for_timeout(1500)
    assert await position(page) == stood
    await page.keyboard.press(" ")
    await wait_position(page, stood + 1, stood + 30)

    # At four times the speed the recording runs four times as fast, and the picture does not fall behind what came.
    await page.keyboard.press("+")
    await page.keyboard.press("+")
    await page.get_by_test_id("speed").filter(has_text="4×").wait_for()
    await page.wait_for_timeout(4000)
    before, began = await position(page), time.monotonic()
    await page.wait_for_timeout(5000)
    ran = (await position(page) - before) / (time.monotonic() - began)
    assert 1.5 < ran < 8, f"it runs at {ran:.1f}"
    assert await lag_of(page) < 5.0
    await page.keyboard.press("1")
    await page.get_by_test_id("speed").filter(has_text="1×").wait_for()

    # A span dragged and taken home: two gestures, then the file is saved by itself.
    start, end = await window_of(line)
    pixel_s = (end - start) / box["width"]
    left, middle = box["x"] + 100, box["y"] + box["height"] / 2
    job = page.get_by_test_id(f"download-{CAMERA}")
    film = tmp_path / "taken.mp4"
    async with done(page, "span"), page.expect_download(timeout=60_000) as coming:
        await page.mouse.move(left, middle)
        await page.mouse.down()
        await page.mouse.move(left + 6 / pixel_s / 2, middle)
        await page.mouse.move(left + 6 / pixel_s, middle)
        await page.mouse.up()
        await page.get_by_test_id("take").click()
    await (await coming.value).save_as(film)
    assert await job.get_attribute("data-state") == "done"
    await page.screenshot(path=tmp_path / "playback.png")
    told = await job.inner_text()
    assert "已核对" in told
    seconds = length_of(film)
    assert 5.5 <= seconds <= 8.5, "six seconds, in the whole seconds of a call"


async def test_ten_minutes_are_three_clicks_away_and_what_is_saved_is_all_that_the_device_has(
    estate: Estate, browser: Browser, done: Counting, tmp_path: Path
):
    now = int(time.time())
    # It was switched off eight and a half minutes ago: so much of the ten minutes there is.
    kept = (Recording(CAMERA, now - 7200, now - 510),)
    await estate.camera(video=VideoSettings(width=320, height=180, fps=10, gop_s=1.0), recordings=kept)
    page = await log_in(browser, estate)
    film = tmp_path / "taken.mp4"
    async with done(page, "download"), page.expect_download(timeout=90_000) as coming:
        await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
        await page.get_by_test_id("pane-0").hover()
        await page.get_by_test_id("pane-0").get_by_test_id("ago").click()
        await page.wait_for_url("**/playback?**")
        await page.get_by_test_id("take-ahead").click()
        taken_at = await position(page)
    await (await coming.value).save_as(film)
    assert "已核对" in await page.get_by_test_id(f"download-{CAMERA}").inner_text()
    there_is = now - 510 - taken_at
    assert there_is - 3 <= length_of(film) <= there_is + 3


async def lag_of(page: Page) -> float:
    """Seconds of picture that have come and are not shown yet."""
    found = await page.evaluate(
        f"""() => {{
            const video = document.querySelector('[data-testid=play-{CAMERA}] video')
            return video.buffered.end(video.buffered.length - 1) - video.currentTime
        }}"""
    )
    return float(found)


def length_of(film: Path) -> float:
    """From its first picture to its last, as ffprobe finds them."""
    command = ("ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0")
    said = subprocess.run((*command, str(film)), capture_output=True, text=True, timeout=60, check=True).stdout
    times = [float(line.strip(",")) for line in said.split("\n") if line.strip(",")]
    return max(times) - min(times)
