"""HLS as a phone takes it: a playlist and segments without any credential but the address, gone when nobody asks."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.journeys.conftest import CAMERA, opened, until

pytestmark = [pytest.mark.ffmpeg, pytest.mark.timeout(180)]


async def test_ffmpeg_plays_a_camera_by_hls_and_the_place_goes_back_when_it_stops(tmp_path: Path):
    async with opened(tmp_path, kitchen={"hls_idle_s": 4.0}) as estate:
        await estate.camera()
        live = await estate.live(format="hls")
        url = estate.house.console_url + live["url"]
        command = ["ffmpeg", "-v", "error", "-stats", "-i", url, "-t", "3", "-f", "null", "-"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=90)
        assert done.returncode == 0, done.stderr
        shown = [word.split("=")[1].split()[0] for word in done.stderr.splitlines() if word.startswith("frame=")]
        assert max(map(int, shown)) >= 45

        async with estate.http.get(live["url"]) as response:
            lines = (await response.text()).splitlines()
            assert response.status == 200 and response.content_type == "application/vnd.apple.mpegurl"
        assert any(line.startswith("#EXT-X-MAP:URI=") for line in lines)
        await estate.get(live["url"].replace("index.m3u8", "seg-999999.m4s"), 404)
        await estate.get("/hls/no-such-secret/index.m3u8", 404)

        # A second phone has another address and the same segments.
        other = await estate.live(format="hls")
        assert other["url"] != live["url"]
        await estate.delete(f"/api/v1/live/{other['lease']}")
        await estate.get(other["url"], 404)

        # Nobody asks any more: the place is given back by itself.
        async def is_over() -> bool:
            return (await estate.get("/api/v1/streams"))["items"] == []

        await until(is_over, 30.0)
        await estate.get(live["url"], 404)
        assert live["owner"] == CAMERA
