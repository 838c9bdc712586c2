"""A browser that decodes no H.265 sees an H.265 camera all the same, encoded anew under a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from media.frame import Codec
from simulator.video import VideoSettings
from tests.journeys.conftest import CAMERA, opened, until
from tests.journeys.test_browser import browser, log_in

__all__ = ["browser"]  # a fixture

pytestmark = [pytest.mark.timeout(240), pytest.mark.browser]

HEVC = VideoSettings(codec=Codec.H265, width=320, height=180, fps=10, gop_s=1.0, kbps=300)
OTHER = "34020000001320000002"


async def test_the_console_asks_for_h264_by_itself_and_says_so(tmp_path: Path, browser: Browser):
    async with opened(tmp_path) as estate:
        await estate.camera(video=HEVC)
        page = await log_in(browser, estate)
        await page.get_by_test_id(f"channel:{CAMERA}/{CAMERA}").click()
        await page.wait_for_function("() => document.querySelector('video')?.currentTime > 1", timeout=60_000)
        await page.get_by_test_id("pane-0").hover()
        assert await page.get_by_test_id("pane-format").inner_text() == "WebRTC"
        assert "H.265 → H.264" in await page.get_by_test_id("pane-facts").inner_text()
        (stream,) = (await estate.get("/api/v1/streams"))["items"]
        assert sorted(stream["viewers"]) == ["admin", "kitchen", "transcoding: H.264"]


async def test_a_stream_above_the_budget_is_refused_with_the_count(tmp_path: Path):
    async with opened(tmp_path, kitchen={"transcodings": 1}) as estate:
        for code in (CAMERA, OTHER):
            await estate.camera(code, video=HEVC)
        one = await estate.live(format="hls", codec="h264")
        assert (one["video"]["codec"], one["recoded"]) == ("H.264", "H.265")
        again = await estate.live(format="hls", codec="h264")
        wish: dict[str, Any] = {"owner": OTHER, "channel": OTHER, "format": "hls", "codec": "h264"}
        refused = await estate.post("/api/v1/live", wish, 503)
        assert refused["error"]["code"] == "transcode-full"
        assert refused["error"]["details"] == {"used": 1, "most": 1}
        async with estate.http.get(one["url"]) as response:
            assert response.status == 200 and "#EXTINF" in await response.text()
        for live in (one, again):
            await estate.delete(f"/api/v1/live/{live['lease']}")

        async def is_free() -> bool:
            return (await estate.get("/api/v1/streams"))["items"] == []

        await until(is_free, 30.0)
        assert (await estate.post("/api/v1/live", wish, 201))["recoded"] == "H.265"
