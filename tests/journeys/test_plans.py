"""An operator drags a branch into a plan: it is recorded, watched, and taken home; what is missing is listed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.journeys.conftest import CAMERA, Estate, opened, until
from tests.journeys.test_browser import browser, log_in
from tests.journeys.test_recording import pictures

__all__ = ["browser"]  # a fixture

pytestmark = [pytest.mark.timeout(240), pytest.mark.ffmpeg]

FREELY: dict[str, Any] = {
    "media": {"recording_keep_free_bytes": 0, "recording_segment_s": 2.0},
    "recordings": {"settle_every_s": 1.0, "make_room_bytes": 0, "gap_alarm_s": 5.0},
}


async def plan(estate: Estate) -> Any:
    return (await estate.get("/api/v1/recording-plans"))["items"][0]


async def test_what_is_missing_while_a_camera_is_away_is_a_gap_with_its_reason(tmp_path: Path):
    async with opened(tmp_path / "data", **FREELY) as estate:
        camera = await estate.camera()
        wish = {"channels": [{"owner": CAMERA, "channel": CAMERA}], "always": True}
        async with estate.http.put("/api/v1/recording-plans", json=wish) as response:
            assert response.status == 200, await response.text()

        async def is_recorded() -> bool:
            return (await plan(estate))["bytes"] > 0

        await until(is_recorded, 40.0)
        await estate.take_away(camera)

        async def gaps() -> Any:
            return (await estate.get("/api/v1/recording-gaps"))["items"]

        async def is_missing() -> bool:
            return any(gap["end"] - gap["start"] > 5 for gap in await gaps())

        await until(is_missing, 60.0)
        assert {gap["reason"] for gap in await gaps() if gap["end"] - gap["start"] > 5} <= {"offline", "no-stream"}

        async def is_alarmed() -> bool:
            return any("录像缺失" in each["description"] for each in (await estate.get("/api/v1/alarms"))["items"])

        await until(is_alarmed, 30.0)


@pytest.mark.browser
async def test_an_operator_drags_a_branch_into_a_plan_and_takes_home_what_was_recorded(
    browser: Browser, tmp_path: Path
):
    async with opened(tmp_path / "data", **FREELY) as estate:
        await estate.camera()
        page = await log_in(browser, estate)
        await page.get_by_role("link", name="码流").click()
        await page.get_by_test_id("tab-plans").click()
        branch = page.locator(".plans").get_by_test_id(f"channel:{CAMERA}/{CAMERA}")
        await branch.drag_to(page.get_by_test_id("plan-drop"))
        await page.get_by_test_id("plan-target").wait_for()
        await page.get_by_test_id("plan-week").click()
        await page.get_by_test_id("week").get_by_role("button", name="全天").first.click()
        await page.get_by_test_id("week-copy-1").click()
        await page.get_by_test_id("plan-save").click()
        row = page.get_by_test_id(f"plan-{CAMERA}")
        await row.wait_for()
        assert (await plan(estate))["week"] == [[[0, 86_400]]] * 7

        async def has_files() -> bool:
            return (await plan(estate))["bytes"] > 0 and (await plan(estate))["state"] == "recording"

        await until(has_files, 60.0)
        await page.wait_for_function(
            f"() => document.querySelector('[data-testid=\"plan-{CAMERA}\"]').innerText.includes('录像中')"
        )
        shots = tmp_path / "plans.png"
        await page.screenshot(path=shots)
        await page.get_by_test_id(f"see-{CAMERA}").click()
        await page.wait_for_function("() => document.querySelector('.player video')?.currentTime > 0.3", timeout=30_000)
        await page.screenshot(path=tmp_path / "kept.png")
        async with page.expect_download() as coming:
            await page.get_by_test_id("export-mp4").click()
        taken = tmp_path / "taken.mp4"
        await (await coming.value).save_as(taken)
        assert pictures(taken) > 10
        await asyncio.sleep(0)
