"""An operator records a camera with the red dot and takes the files home; a dead media process does not end it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.journeys.conftest import CAMERA, Estate, opened, until
from tests.journeys.test_browser import browser, log_in

__all__ = ["browser"]  # a fixture

pytestmark = [pytest.mark.timeout(180), pytest.mark.ffmpeg]

FREELY: dict[str, Any] = {"media": {"recording_keep_free_bytes": 0, "recording_segment_s": 2.0}}


def pictures(path: Path) -> int:
    """How many pictures ffmpeg decodes; it must find nothing wrong."""
    command = ("ffmpeg", "-v", "error", "-i", str(path), "-f", "null", "-")
    assert subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stderr == ""
    probe = ("ffprobe", "-v", "error", "-select_streams", "v", "-count_frames", "-of", "csv=p=0", str(path))
    shown = (*probe[:-1], "-show_entries", "stream=nb_read_frames", probe[-1])
    said = subprocess.run(shown, capture_output=True, text=True, timeout=60, check=True).stdout
    return int(said.split("\n")[0].strip(",") or 0)


async def segments(estate: Estate, recording: str) -> list[Any]:
    items: list[Any] = (await estate.get(f"/api/v1/recordings/{recording}/segments"))["items"]
    return items


async def test_a_recording_goes_on_when_its_media_process_is_killed(tmp_path: Path):
    async with opened(tmp_path / "data", **FREELY) as estate:
        await estate.camera()
        begun = await estate.post("/api/v1/recordings", {"owner": CAMERA, "channel": CAMERA}, 201)
        recording = begun["id"]

        async def has(count: int) -> bool:
            return len(await segments(estate, recording)) >= count

        await until(lambda: has(1), 30.0)
        worker = (await estate.get("/api/v1/workers"))["items"][0]
        os.kill(worker["pid"], signal.SIGKILL)
        before = len(await segments(estate, recording))
        await until(lambda: has(before + 2), 40.0)
        (running,) = (await estate.get("/api/v1/recordings?running=true"))["items"]
        assert (running["id"], running["state"]) == (recording, "recording")
        assert (await estate.post(f"/api/v1/recordings/{recording}/stop", {}))["state"] == "ended"
        whole = await segments(estate, recording)
        for item in whole:
            async with estate.http.get(item["url"]) as response:
                assert response.status == 200
                path = tmp_path / item["name"]
                path.write_bytes(await response.read())
            assert path.stat().st_size == item["bytes"]
            assert pictures(path) == item["frames"] > 0
        streams = (await estate.get("/api/v1/streams"))["items"]
        assert all(not stream["viewers"] for stream in streams), "nobody holds the stream any more"
        # What the killed process was writing is found at the next start, and is whole.
        await estate.take_all_away()
        await estate.close()
        await estate.open()
        again = await segments(estate, recording)
        assert {item["name"] for item in whole} <= {item["name"] for item in again}
        folder = tmp_path / "data" / "recordings" / recording
        assert {item["name"] for item in again} == {path.name for path in folder.glob("*.mp4")}
        assert all(pictures(folder / item["name"]) == item["frames"] for item in again)


@pytest.mark.browser
async def test_an_operator_records_with_the_red_dot_and_takes_the_file(browser: Browser, tmp_path: Path):
    async with opened(tmp_path / "data", **FREELY) as estate:
        await estate.camera()
        page = await log_in(browser, estate)
        await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
        await page.wait_for_function("() => document.querySelector('video')?.currentTime > 0.5", timeout=30_000)
        dot = page.get_by_test_id("record")
        await dot.click()
        await page.wait_for_function(
            "() => document.querySelector('[data-testid=record]').getAttribute('aria-pressed') === 'true'"
        )

        async def has_file() -> bool:
            running = (await estate.get("/api/v1/recordings?running=true"))["items"]
            return bool(running) and running[0]["segments"] >= 1

        await until(has_file, 30.0)
        await dot.click()
        await page.get_by_role("link", name="码流").click()
        await page.locator(".page-bar .n-tabs-tab[data-name=recordings]").click()
        row = page.get_by_test_id(f"recording-{CAMERA}")
        await row.wait_for()
        await page.wait_for_function(
            f"() => document.querySelector('[data-testid=\"recording-{CAMERA}\"]').innerText.includes('已结束')"
        )
        assert "admin" in await row.inner_text()
        await row.click()
        async with page.expect_download() as coming:
            await page.get_by_test_id("take-file").first.click()
        taken = tmp_path / "taken.mp4"
        await (await coming.value).save_as(taken)
        assert pictures(taken) > 10
