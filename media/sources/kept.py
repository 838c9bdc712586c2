"""Our own recordings as a stream: given out at any speed, paused, backwards, and from any moment; with an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from media.frame import Frame
from media.plane import FILE_SENT, Probed, Source, Steering, Step, Verdict
from media.sources.file import READ_S, Unusable
from media.sources.pull import Ended, Taker
from media.sources.reel import Taken, first_sound, reel, reel_back

AHEAD_MS = 500
MOST_AHEAD = 500
KEYS_ONLY_ABOVE = 4.0
"""Faster than this only key frames go out: nobody can show more."""
HOLE_MS = 1_000
"""Between two files more time may have passed than anybody wants to wait for."""
STEP_90K = 3_600
CONGESTED_S = 0.05
LATE_S = 1.0


class KeptPull:
    """`source.clips` in order, from `from_ms` up to `to_ms`. With `is_rewritten` times run as fast as they are shown
    (playback); else they are those of the recording (download). At a speed below 0 key frames go out, the latest first,
    back to `from_ms`."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self.steps: tuple[Step, ...] = ()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reel")
        self._news = asyncio.Event()
        self._is_paused = False
        self._scale = source.speed
        self._jump_ms: int | None = None
        # Where time is: at `_anchor_clock` the moment `_anchor_ms` was due and went out as `_anchor_90k`.
        self._anchor_clock = 0.0
        self._anchor_ms = 0.0
        self._anchor_90k = 0
        self._last_90k = -STEP_90K
        self._last_ms = 0.0
        self._must_anchor = True

    def steer(self, steering: Steering) -> None:
        """From the next frame on."""
        if steering.is_paused is not None:
            self._is_paused = steering.is_paused
        if steering.scale is not None:
            if (steering.scale < 0) is not (self._scale < 0):
                self._jump_ms = int(self._last_ms) or self._source.from_ms
            self._scale = steering.scale
        if steering.at_s is not None:
            self._jump_ms = self._source.from_ms + int(steering.at_s * 1000)
        self._must_anchor = True
        self._news.set()

    async def run(self, taker: Taker) -> Ended:
        """Until all is sent, or a file cannot be read."""
        try:
            await self._show(taker)
        except Unusable as error:
            self.steps = (Step("read our recording", 0, error.note),)
            return Ended(error.verdict, error.note, error.codecs)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=False)
        return Ended(Verdict.LOST, FILE_SENT)

    async def probe(self) -> Probed:
        """It is in the book; whether it is on the disk, whoever plays it will see."""
        return Probed(None)

    async def _show(self, taker: Taker) -> None:
        source = self._source
        sound = await self._in_time(partial(first_sound, source.folder, source.clips))
        taker.announce(has_sound=sound is not None and self._scale == 1)
        self.steps = (Step("read our recording", 200, "OK"),)
        from_ms = source.enter_ms or source.from_ms
        while True:
            frames = (reel_back if self._scale < 0 else reel)(source.folder, source.clips, from_ms)
            try:
                if not await self._play(taker, frames):
                    return
            finally:
                # Whoever reads closes what it has open.
                self._thread.submit(frames.close)  # type: ignore[attr-defined]  # a generator is more than its promise
            from_ms, self._jump_ms = self._jump_ms or from_ms, None

    async def _play(self, taker: Taker, frames: Iterator[Taken]) -> bool:
        """Whether it is to go on elsewhere; false at the end."""
        while ahead := await self._in_time(partial(_some, frames)):
            for taken in ahead:
                if taken.at_ms >= self._source.to_ms or (self._scale < 0 and taken.at_ms < self._source.from_ms):
                    return await self._linger()
                if not await self._wait(taken, taker):
                    return True
                self._give(taken, taker)
        return await self._linger()

    async def _linger(self) -> bool:
        """At the end: whether somebody has jumped at the last moment."""
        return self._jump_ms is not None

    async def _wait(self, taken: Taken, taker: Taker) -> bool:
        """Until it is time for a frame; false when it is not wanted any more, for there was a jump."""
        if taken.is_first and self._scale > 0 and abs(taken.at_ms - self._last_ms) > HOLE_MS:
            self._must_anchor = True
        while True:
            if self._jump_ms is not None:
                return False
            if self._is_paused:
                await self._until_news(None)
                continue
            if taker.is_congested:
                self._must_anchor = True
                await asyncio.sleep(CONGESTED_S)
                continue
            now = self._clock()
            if self._must_anchor:
                self._anchor(taken, now)
            wait_s = self._anchor_clock + (taken.at_ms - self._anchor_ms) / 1000 / self._scale - now
            if wait_s < -LATE_S:
                self._must_anchor = True
                continue
            if wait_s <= 0:
                return True
            await self._until_news(wait_s)

    def _anchor(self, taken: Taken, now: float) -> None:
        self._anchor_clock, self._anchor_ms = now, taken.at_ms
        self._anchor_90k = self._last_90k + STEP_90K
        self._must_anchor = False

    async def _until_news(self, seconds: float | None) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    def _give(self, taken: Taken, taker: Taker) -> None:
        frame, scale = taken.frame, self._scale
        self._last_ms = taken.at_ms
        if scale != 1 and not frame.codec.is_video and self._source.is_rewritten:
            return  # sound at another speed is noise
        if (scale > KEYS_ONLY_ABOVE or scale < 0) and not frame.key and self._source.is_rewritten:
            return
        speed = scale if self._source.is_rewritten else 1.0
        delay = frame.pts_90k - frame.dts_90k
        dts = self._anchor_90k + round((taken.at_ms - self._anchor_ms) * 90 / speed)
        if frame.codec.is_video:
            dts = max(dts, self._last_90k + 1)
            self._last_90k = dts
        now = self._clock()
        taker.came(1, len(frame.data), "", now)
        taker.frame(Frame(frame.codec, frame.data, dts + round(delay / speed), dts, frame.key), now)

    async def _in_time(self, work: Callable[[], Any]) -> Any:
        """Raises Unusable."""
        try:
            async with asyncio.timeout(READ_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError:
            raise Unusable(Verdict.LOST, f"a recording was not read within {READ_S:g} s") from None


def _some(frames: Iterator[Taken]) -> list[Taken]:
    """The next half second; nothing at the end."""
    taken: list[Taken] = []
    for each in frames:
        taken.append(each)
        if abs(each.at_ms - taken[0].at_ms) >= AHEAD_MS or len(taken) >= MOST_AHEAD:
            break
    return taken
