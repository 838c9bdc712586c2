"""A gap is fetched from the camera's own storage: searched for, downloaded, and on our disk at its own time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from registry.record_plan import Gap, GapState
from simulator.recording import Recording
from tests.journeys.conftest import CAMERA, opened, until
from tests.journeys.test_recording import pictures

pytestmark = [pytest.mark.timeout(120), pytest.mark.ffmpeg]

FREELY: dict[str, Any] = {
    "media": {"recording_keep_free_bytes": 0},
    "recordings": {"settle_every_s": 1.0, "make_room_bytes": 0},
}


async def test_a_gap_is_filled_from_what_the_camera_has_recorded(tmp_path: Path):
    start = int(time.time()) - 3_600
    async with opened(tmp_path / "data", **FREELY) as estate:
        await estate.camera(recordings=(Recording(CAMERA, start - 60, start + 60),))
        # A plan that wants nothing now, and a gap of before.
        wish = {"channels": [{"owner": CAMERA, "channel": CAMERA}], "on_alarm": True}
        async with estate.http.put("/api/v1/recording-plans", json=wish) as response:
            assert response.status == 200, await response.text()
        archive = estate.house.directory.archive
        await archive.keep_gaps([Gap(CAMERA, CAMERA, 0, start * 1000, (start + 12) * 1000, "offline")])

        async def is_filled() -> bool:
            gaps = (await estate.get("/api/v1/recording-gaps"))["items"]
            return any(gap["state"] == GapState.FILLED for gap in gaps)

        await until(is_filled, 60.0)
        window = f"?start={start - 60}&end={start + 120}"
        bands = (await estate.get(f"/api/v1/channels/{CAMERA}/{CAMERA}/kept{window}"))["items"]
        assert {band["kind"] for band in bands} == {"filled"}
        assert min(band["start"] for band in bands) == pytest.approx(start, abs=1.5)
        assert sum(band["end"] - band["start"] for band in bands) > 8
        film = tmp_path / "film.mp4"
        async with estate.http.get(f"/api/v1/channels/{CAMERA}/{CAMERA}/kept/export{window}") as response:
            assert response.status == 200, await response.text()
            film.write_bytes(await response.read())
        assert pictures(film) > 100
