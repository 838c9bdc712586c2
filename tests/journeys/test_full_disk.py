"""A disk that is really full: an alarm and a gap, while all else goes on; and when there is room recording goes on."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from registry.spans import length, minus, union
from tests.journeys.conftest import CAMERA, Estate, opened, until
from tests.journeys.viewer import watch
from tests.media.test_recording import decodes
from tests.small_disk import can_mount, rerun_in_a_namespace, small_disk

pytestmark = [pytest.mark.timeout(240), pytest.mark.ffmpeg, pytest.mark.small_disk]

OTHER = "34020000001320000002"
DISK, BALLAST = 4 << 20, (4 << 20) - (400 << 10)
SETTINGS: dict[str, Any] = {
    "media": {"recording_keep_free_bytes": 0, "recording_segment_s": 2.0},
    "recordings": {"settle_every_s": 1.0, "make_room_bytes": 0, "gap_alarm_s": 5.0, "fill_at_once": 0},
}


class Desk:
    """What an operator sees of recordings and alarms."""

    def __init__(self, estate: Estate) -> None:
        self._estate = estate

    async def record(self, channel: str) -> None:
        wish = {"channels": [{"owner": channel, "channel": channel}], "always": True}
        async with self._estate.http.put("/api/v1/recording-plans", json=wish) as response:
            assert response.status == 200, await response.text()

    async def plan(self, channel: str) -> Any:
        plans = (await self._estate.get("/api/v1/recording-plans"))["items"]
        return next(plan for plan in plans if plan["channel"] == channel)

    async def begun(self, channel: str) -> str:
        """The id of its recording, "" while there is none."""
        return str((await self.plan(channel))["recording"])

    async def is_in(self, channel: str, state: str) -> bool:
        return bool((await self.plan(channel))["state"] == state)

    async def alarms(self, words: str) -> list[Any]:
        return [each for each in (await self._estate.get("/api/v1/alarms"))["items"] if words in each["description"]]

    async def gaps(self, channel: str) -> list[Any]:
        return list((await self._estate.get(f"/api/v1/recording-gaps?channel={channel}"))["items"])

    async def is_missing(self, channel: str, seconds: float) -> bool:
        gaps = [gap for gap in await self.gaps(channel) if gap["reason"] == "disk-full"]
        return any(gap["end"] - gap["start"] > seconds for gap in gaps)

    async def spans(self, recording: str) -> list[tuple[int, int]]:
        segments = (await self._estate.get(f"/api/v1/recordings/{recording}/segments"))["items"]
        return [(round(each["start"] * 1000), round(each["end"] * 1000)) for each in segments]


async def test_a_full_disk_is_an_alarm_and_a_gap_and_nothing_else_stops(tmp_path: Path):
    if not can_mount():
        await asyncio.to_thread(
            rerun_in_a_namespace, __file__, "test_a_full_disk_is_an_alarm_and_a_gap_and_nothing_else_stops"
        )
        return
    shelf = tmp_path / "data" / "recordings"
    with ExitStack() as mounted:
        async with opened(tmp_path / "data", **SETTINGS) as estate:
            desk = Desk(estate)
            await estate.camera(OTHER)
            await desk.record(OTHER)
            # The recording is put on the small disk before its camera comes.
            away = await estate.camera()
            await estate.take_away(away)
            await desk.record(CAMERA)
            recording = await until(lambda: desk.begun(CAMERA))
            folder = shelf / recording
            about = (folder / "about.json").read_bytes()
            mounted.enter_context(small_disk(folder, DISK))
            (folder / "about.json").write_bytes(about)
            (folder / "ballast").write_bytes(bytes(BALLAST))
            camera = await estate.camera()
            await until(lambda: desk.is_in(CAMERA, "recording"), 60)

            calls = camera.calls_taken  # on a busy machine the first picture of the first may have come too late

            # It fills up.
            await until(lambda: desk.is_in(CAMERA, "troubled"), 60)
            assert shutil.disk_usage(folder).free < 100_000
            assert (await desk.plan(CAMERA))["reason"] == "disk-full"
            ((alarm,), counts) = (
                await until(lambda: desk.alarms("磁盘已满"), 30),
                await estate.get("/api/v1/alarms/counts"),
            )
            assert alarm["channel"] == CAMERA and alarm["priority"] == 2 and counts["open"]["2"] == 1
            other = await desk.begun(OTHER)
            files = len(await desk.spans(other))
            live = await estate.live(CAMERA, format="ws-fmp4")
            assert len((await watch(estate.http, live, 1.0)).pictures()) > 5, "whoever watches notices nothing"
            await until(lambda: desk.is_missing(CAMERA, 6.0), 60)
            assert len(await desk.spans(other)) > files and await desk.is_in(OTHER, "recording")
            assert not {gap["reason"] for gap in await desk.gaps(OTHER)} & {"disk-full", "disk-failed"}

            # Somebody makes room.
            before = len(await desk.spans(recording))
            (folder / "ballast").unlink()
            await until(lambda: desk.is_in(CAMERA, "recording"), 60)

            async def goes_on() -> bool:
                return len(await desk.spans(recording)) >= before + 2

            await until(goes_on, 60)
            spans = await desk.spans(recording)
            resumed_ms = next(start for (_, end), (start, _) in pairwise(spans) if start - end > 5_000)

            async def is_closed() -> bool:
                """The gap ends where recording went on."""
                return any(abs(gap["end"] * 1000 - resumed_ms) < 2_000 for gap in await desk.gaps(CAMERA))

            await until(is_closed, 60)
            (gap,) = [gap for gap in await desk.gaps(CAMERA) if abs(gap["end"] * 1000 - resumed_ms) < 2_000]
            assert gap["reason"] == "disk-full" and gap["state"] == "open"
            missing = [(round(each["start"] * 1000), round(each["end"] * 1000)) for each in await desk.gaps(CAMERA)]
            assert length(minus(missing, minus(missing, spans))) == 0, "what is on disk is in no gap"
            unsaid = minus([(spans[0][0], resumed_ms)], union([*spans, *missing]))
            assert [span for span in unsaid if span[1] - span[0] >= 2_000] == [], "and what is not is in one"
            segments = (await estate.get(f"/api/v1/recordings/{recording}/segments"))["items"]
            assert {decodes(folder / segment["name"]) for segment in segments} == {""}
            assert camera.calls_taken == calls, "its stream was never called again"
            workers = (await estate.get("/api/v1/workers"))["items"]
            assert [(worker["state"], worker["restarts"]) for worker in workers] == [("up", 0)] * len(workers)
            assert len(await desk.alarms("录像受阻")) == 1
