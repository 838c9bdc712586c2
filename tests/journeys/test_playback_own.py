"""An operator looks at what we recorded ourselves: the same transport, and the device is not called for it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from media.frame import Codec
from media.outlets.recording import Habits
from media.outlets.segment import read_index
from media.plane import RecordingForm
from registry.store.promise import SegmentRow
from tests.journeys.conftest import CAMERA, Estate, until
from tests.journeys.test_browser import log_in, pixels
from tests.journeys.test_playback import browser, nearer, position, wait_position, window_of
from tests.journeys.test_recording import pictures
from tests.media.conftest import encode
from tests.media.test_recording import Desk, long

__all__ = ["browser"]  # a fixture

pytestmark = [pytest.mark.browser, pytest.mark.ffmpeg, pytest.mark.timeout(240)]

TURNS = 150
LENGTH_S = TURNS * 40 / 25


async def recorded(estate: Estate, at: int, form: RecordingForm = RecordingForm.MP4) -> None:
    """A recording of ours as the media plane writes it, and in the book as the desk writes it down."""
    folder = estate.data / "recordings" / "20261129T000000-5e0c91aa"
    desk = Desk(folder, Habits(60.0, 1 << 30, 1 << 24, 0, 0), form)
    desk.wall = float(at)
    frames = long(await asyncio.to_thread(encode, Codec.H264), TURNS)
    for frame in frames:
        now = 100.0 + (frame.dts_90k - frames[0].dts_90k) / 90_000
        desk.wall = at + now - 100.0
        desk.recorder.frame(frame, now)
        desk.recorder.tick(now)
    desk.recorder.close()
    rows = [
        SegmentRow(
            *(folder.name, each.name, CAMERA, CAMERA, 0),
            *(each.start_ms, each.end_ms, each.bytes, each.frames, "time", False),
        )
        for each in read_index(folder)
    ]
    assert len(rows) >= 4
    await estate.house.directory.archive.add(rows)


async def is_playing(page: Page, *, own: bool) -> None:
    await page.wait_for_function(
        f"""() => {{
            const cell = document.querySelector('[data-testid=play-{CAMERA}]')
            return cell?.querySelector('[data-testid=cell-origin]')?.dataset.own === '{str(own).lower()}'
                && cell.querySelector('video')?.currentTime > 0.5
        }}""",
        timeout=30_000,
    )


async def test_what_we_recorded_is_played_sought_turned_round_and_taken_home(
    estate: Estate, browser: Browser, tmp_path: Path
):
    camera = await estate.camera()
    began = int(time.time()) - 620
    await recorded(estate, began)
    page = await log_in(browser, estate)
    await page.goto(f"{estate.house.console_url}/playback?owner={CAMERA}&channel={CAMERA}&at={began + 60}")
    await is_playing(page, own=True)
    await wait_position(page, began + 61, began + 75)
    video = page.get_by_test_id(f"play-{CAMERA}").locator("video")
    first = await video.screenshot()
    await page.wait_for_timeout(700)
    assert pixels(first) != pixels(await video.screenshot()), "the picture stands still"

    # A click on the timeline, nearer by the wheel first.
    line = page.get_by_test_id("timeline").locator("svg")
    await line.locator("rect.bar.own").first.wait_for(timeout=20_000)
    box = await line.bounding_box()
    assert box is not None
    start, end = await nearer(page, line, began + 60, began + 150, 400)

    def across(moment: float) -> float:
        return box["x"] + (moment - start) / (end - start) * box["width"]

    await page.mouse.click(across(began + 150), box["y"] + box["height"] / 2)
    await wait_position(page, began + 148, began + 162)
    await page.screenshot(path=tmp_path / "own.png")

    # A pause stands; a picture on is another picture.
    await page.keyboard.press(" ")
    await page.wait_for_timeout(800)
    stood, shown = await position(page), float(await video.evaluate("video => video.currentTime"))
    await page.keyboard.press(".")
    await page.wait_for_function(f"() => document.querySelector('video').currentTime > {shown + 0.02}", timeout=10_000)
    assert float(await video.evaluate("video => video.currentTime")) < shown + 0.3
    assert abs(await position(page) - stood) <= 2

    # Four times as fast, and backwards.
    await page.get_by_test_id("toggle").click()
    await page.keyboard.press("+")
    await page.keyboard.press("+")
    await page.get_by_test_id("speed").filter(has_text="4×").wait_for()
    fast = await position(page)
    clock = time.monotonic()
    await wait_position(page, fast + 20, began + LENGTH_S)
    assert time.monotonic() - clock < 19, "it would have taken 20 s at the usual speed"
    await page.keyboard.press("r")
    await page.get_by_test_id("speed").filter(has_text="1×").wait_for()
    turned = await position(page)
    await wait_position(page, began, turned - 4)
    assert camera.calls_taken == 0, "the device was not called for any of it"

    # A span of it, in both forms. It stands, so that the timeline does.
    await page.keyboard.press(" ")
    await page.wait_for_timeout(1500)
    start, end = await window_of(line)  # which went along with the position
    taken = max(began, start) + 15
    for button, name, least in (("take", "taken.mp4", 250), ("take-ps", "taken.ps", 250)):
        await page.mouse.move(across(taken), box["y"] + box["height"] / 2)
        await page.mouse.down()
        await page.mouse.move(across(taken + 15), box["y"] + box["height"] / 2, steps=6)
        await page.mouse.up()
        await page.get_by_test_id("take-ps").wait_for()
        async with page.expect_download() as coming:
            await page.get_by_test_id(button).click()
        await (await coming.value).save_as(tmp_path / name)
        assert pictures(tmp_path / name) >= least

    # The device has nothing of then, and says so; ours is one click away.
    await page.get_by_test_id("origin-device").click()
    await page.get_by_test_id(f"play-{CAMERA}").get_by_role("status").wait_for()
    await page.get_by_test_id("origin-own").click()
    await is_playing(page, own=True)


async def test_what_happened_a_moment_ago_is_played_from_the_file_that_is_still_being_written(
    estate: Estate, browser: Browser, tmp_path: Path
):
    await estate.camera()
    await estate.post("/api/v1/recordings", {"owner": CAMERA, "channel": CAMERA}, 201)
    here = f"/api/v1/channels/{CAMERA}/{CAMERA}/kept"

    async def bands() -> list[Any]:
        now = time.time()
        found = await estate.get(f"{here}?start={now - 600}&end={now + 60}")
        return [each for each in found["items"] if each["end"] - each["start"] > 8]

    (band,) = await until(bands, 60.0)
    whole = await estate.get(f"{here}/files?start={band['start'] - 9}&end={band['end']}")
    assert not whole["items"], "nothing of it is closed yet"
    page = await log_in(browser, estate)
    at = int(band["start"]) + 2
    await page.goto(f"{estate.house.console_url}/playback?owner={CAMERA}&channel={CAMERA}&at={at}")
    await is_playing(page, own=True)
    await wait_position(page, at + 1, at + 8)
    await page.screenshot(path=tmp_path / "still.png")
    form = f"start={at}&end={at + 5}&form=mp4"
    async with estate.http.get(f"{here}/export?{form}") as response:
        assert response.status == 200
        (tmp_path / "film.mp4").write_bytes(await response.read())
    assert pictures(tmp_path / "film.mp4") >= 50
