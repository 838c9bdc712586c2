"""Signal 9 while plans are recorded: the last second at most is lost, the rest is whole, and what is missing is listed.

A picture is known again by the hash of its slices, whatever it is wrapped in: by the camera that sent it, by a viewer
who got it from the process that dies, and in the file that is left.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import defaultdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import av
import pytest

from media.annexb import nal_units
from media.frame import Frame
from media.outlets.segment import _start_of
from registry.spans import Span, length, minus, union, within
from simulator.video import VideoSource
from tests.journeys.cascade.tiers import COUNTY, VIDEO, Ground, Tier, running, until
from tests.media.test_recording import decodes

pytestmark = [pytest.mark.timeout(240), pytest.mark.ffmpeg]

MOST_LOST_S = 1.0
JUST_BEFORE_S = 0.4
"""Writes are half a second apart."""
SEAM_MS = 2_000
"""A seam between two files, or a key frame that was waited for, is no gap."""
SETTINGS: dict[str, dict[str, Any]] = {
    "media": {
        "recording_keep_free_bytes": 0,
        "recording_segment_s": 3.0,
        "host": "127.0.0.1",
        "first_port": 0,
        "worker_spare": True,
    },
    "recordings": {"settle_every_s": 1.0, "make_room_bytes": 0, "fill_at_once": 0},
}
TAIL = 8
"""Pictures that stand still may be equal; so many in a row are not."""
H264_SLICES = (1, 5)


def mark_of(nals: list[bytes]) -> bytes:
    slices = [nal.rstrip(b"\0") for nal in nals if nal and nal[0] & 0x1F in H264_SLICES]
    return blake2b(b"".join(slices), digest_size=8).digest()


def prefixed(data: bytes) -> list[bytes]:
    """The NAL units of a sample of MP4."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def marks_in(path: Path) -> list[bytes]:
    """The pictures of a file, as PyAV reads it."""
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0)]
    return [mark_of(prefixed(data) if path.suffix == ".mp4" else nal_units(data)) for data in packets if data]


class Sent(list[tuple[float, bytes]]):
    """What a camera sent, and when (monotonic seconds)."""

    def before(self, at: float) -> int:
        """How many it had sent then."""
        return sum(when <= at for when, _ in self)

    def last_of(self, marks: list[bytes]) -> int:
        """How many it had sent when the last of these pictures had gone; they are known by their order."""
        tail = marks[-TAIL:]
        assert len(tail) == TAIL, "too few pictures to be known again"
        ours = [mark for _, mark in self]
        found = [at for at in range(TAIL, len(ours) + 1) if ours[at - TAIL : at] == tail]
        assert found, "the camera sent no such pictures"
        return found[-1]


async def view(tier: Tier, channel: str, seen: list[bytes]) -> None:
    """Watch until the other side is gone, and keep the mark of every picture."""
    live = await tier.live(channel, format="ws-fmp4")
    data = b""
    async with tier.http.ws_connect(live["url"]) as socket:
        async for message in socket:
            if not isinstance(message.data, bytes):
                continue
            data += message.data
            while len(data) >= 8 and len(data) >= (size := int.from_bytes(data[:4], "big")):
                if data[4:8] == b"moof":
                    is_video = data[44:48] == b"\0\0\0\1"
                elif data[4:8] == b"mdat" and is_video:
                    seen.append(mark_of(prefixed(data[8:size])))
                data = data[size:]


class Recorded:
    """Two channels by plan, one as MP4 and one as PS, with a viewer each, and what their cameras sent."""

    def __init__(self, tier: Tier, sent: dict[str, Sent]) -> None:
        self.tier = tier
        self._sent = sent
        self.channels: dict[str, str] = {}
        self._seen: dict[str, list[bytes]] = {}
        self._viewers: list[asyncio.Task[None]] = []

    async def begin(self, ground: Ground) -> None:
        for number, form in enumerate(("mp4", "ps"), start=1):
            camera = await ground.camera(self.tier, number, name=form)
            self.channels[form] = camera.settings.channels[0].code
        await self._plan(enabled=True)

    async def _plan(self, *, enabled: bool) -> None:
        for form, channel in self.channels.items():
            wish = {"channels": [{"owner": channel, "channel": channel}], "always": True, "form": form}
            status, answer = await self.tier.ask("PUT", "/api/v1/recording-plans", wish | {"enabled": enabled})
            assert status == 200, answer

    async def end(self) -> None:
        """Until all is whole."""
        await self._plan(enabled=False)

        async def is_quiet() -> bool:
            return not (await self.tier.get("/api/v1/recordings?running=true"))["items"]

        await until(is_quiet)

    async def watch(self) -> None:
        """Until every viewer has had some seconds, and every plan has written some."""
        self._seen = {form: [] for form in self.channels}
        self._viewers = [
            asyncio.create_task(view(self.tier, channel, self._seen[form])) for form, channel in self.channels.items()
        ]
        await until(lambda: all(len(seen) > 4 * VIDEO.fps for seen in self._seen.values()), 60)
        before = {form: len(self.files(form)) for form in self.channels}
        await until(lambda: all(len(self.files(form)) > count for form, count in before.items()), 60)

    async def watch_until_much_is_gathered(self) -> None:
        """And for as long after a write as there is until the next one."""
        await self.watch()
        written = self._written()
        await until(lambda: self._written() != written, 60)
        await asyncio.sleep(JUST_BEFORE_S)

    def _written(self) -> tuple[str, int]:
        """The last file, and how much is in it: another may have begun."""
        last = self.files("ps")[-1]
        return last.name, last.stat().st_size

    def files(self, form: str) -> list[Path]:
        return sorted((self.tier.folder / "recordings").glob(f"*/*.{form}"), key=lambda path: path.name)

    async def lost(self, killed_at: float, files: dict[str, list[Path]]) -> dict[str, tuple[float, float]]:
        """By form: seconds of video that a viewer had got and no file has, and the same of what was sent."""
        await asyncio.wait(self._viewers, timeout=20)
        for viewer in self._viewers:
            viewer.cancel()
        lost = {}
        for form, seen in self._seen.items():
            sent = self._sent[form]
            kept = sent.last_of(marks_in(files[form][-1]))
            lost[form] = (sent.last_of(seen) - kept) / VIDEO.fps, (sent.before(killed_at) - kept) / VIDEO.fps
        return lost

    async def accounted(self, since_ms: int, until_ms: int) -> dict[str, list[Any]]:
        """Every file is whole and in the index; what is in none of them is a gap. The gaps come back, by form."""
        found: dict[str, list[Any]] = {}
        for form, channel in self.channels.items():
            shelf = (await self.tier.get(f"/api/v1/recordings?channel={channel}"))["items"]
            listed = [
                each
                for item in shelf
                for each in (await self.tier.get(f"/api/v1/recordings/{item['id']}/segments"))["items"]
            ]
            spans: list[Span] = []
            for segment in listed:
                (path,) = [path for path in self.files(form) if path.name == segment["name"]]
                assert path.stat().st_size == segment["bytes"]
                assert segment["frames"] == len(marks_in(path)) > 0 and decodes(path) == ""
                spans.append((round(segment["start"] * 1000), round(segment["end"] * 1000)))
            assert {path.name for path in self.files(form)} == {segment["name"] for segment in listed}
            gaps = (await self.tier.get(f"/api/v1/recording-gaps?channel={channel}"))["items"]
            missing = [(round(gap["start"] * 1000), round(gap["end"] * 1000)) for gap in gaps]
            overlap = length(minus(missing, minus(missing, spans)))
            assert overlap == 0, f"{overlap} ms of {form} are on disk and in a gap"
            unsaid = minus([(since_ms, until_ms)], union([*spans, *missing]))
            assert [span for span in unsaid if span[1] - span[0] >= SEAM_MS] == [], form
            found[form] = gaps
        return found


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sent]:
    """By the camera's name."""
    kept: dict[str, Sent] = defaultdict(Sent)
    really = VideoSource.next_frame

    def next_frame(source: VideoSource, **how: Any) -> Frame:
        frame = really(source, **how)
        kept[source._name].append((time.monotonic(), mark_of(nal_units(frame.data))))
        return frame

    monkeypatch.setattr(VideoSource, "next_frame", next_frame)
    return kept


async def test_whoever_is_killed_loses_a_second_at_most_and_the_rest_is_whole(tmp_path: Path, sent: dict[str, Sent]):
    tier = Tier(*COUNTY, tmp_path / "server", more=SETTINGS, leads_group=True)
    async with running(tier) as ground:
        recorded = Recorded(tier, sent)
        await recorded.begin(ground)
        await recorded.watch_until_much_is_gathered()
        since_ms = round(time.time() * 1000) - 3_000

        # The media process.
        (worker,) = (await tier.get("/api/v1/workers"))["items"]
        os.kill(worker["pid"], signal.SIGKILL)
        killed_at = time.monotonic()
        files = {form: recorded.files(form) for form in recorded.channels}
        lost = await recorded.lost(killed_at, files)
        print(f"media process killed; seconds lost of what was received, of what was sent: {lost}")
        assert max(received for received, _ in lost.values()) <= MOST_LOST_S, lost
        await recorded.watch_until_much_is_gathered()

        # The whole server.
        tier.kill()
        killed_at, killed_ms = time.monotonic(), round(time.time() * 1000)
        files = {form: recorded.files(form) for form in recorded.channels}
        lost = await recorded.lost(killed_at, files)
        print(f"server killed; seconds lost of what was received, of what was sent: {lost}")
        assert max(received for received, _ in lost.values()) <= MOST_LOST_S, lost

        await tier.start()
        await recorded.watch()
        began_ms = {
            form: min(at for path in recorded.files(form) if (at := _start_of(path.name)) > killed_ms)
            for form in recorded.channels
        }

        async def are_listed() -> bool:
            listed = (await tier.get("/api/v1/recording-gaps"))["items"]
            ends: dict[str, float] = defaultdict(float)
            for gap in listed:
                ends[gap["channel"]] = max(ends[gap["channel"]], gap["end"] * 1000)
            return all(ends[recorded.channels[form]] > at - SEAM_MS for form, at in began_ms.items())

        await until(are_listed, 60)
        await recorded.end()
        for form, gaps in (await recorded.accounted(since_ms, max(began_ms.values()))).items():
            down = [gap for gap in gaps if gap["reason"] == "down"]
            # Why the media process left a gap was known to a server that did not live to write it down.
            later = [gap for gap in gaps if gap["end"] * 1000 > killed_ms]
            assert down and all(gap["reason"] != "unknown" for gap in later), [
                (gap["reason"], gap["start"] - killed_ms / 1000, gap["end"] - killed_ms / 1000) for gap in gaps
            ]
            missing = [(round(gap["start"] * 1000), round(gap["end"] * 1000)) for gap in gaps]
            assert length(within(missing, killed_ms, began_ms[form])) > began_ms[form] - killed_ms - SEAM_MS
