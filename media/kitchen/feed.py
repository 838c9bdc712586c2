"""One stream as the kitchen gets it: the program stream by HTTP, like any viewer, unpacked once for all its dishes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

import aiohttp

from media.annexb import VideoParameters, video_parameters
from media.frame import Codec, Frame
from media.kitchen.payload import h264_payloads
from media.kitchen.telephone import Telephone
from media.plane import FeedFacts
from media.ps.demux import Demuxer

log = logging.getLogger(__name__)

QUIET_S = 0.015
"""No bytes for so long: the picture that was begun is whole."""
SOUND_WAIT_S = 0.6
"""How long a stream's sound is waited for behind its first picture."""
REORDER_LOOK = 12
"""Pictures behind a key frame that show whether they are sent in another order than they are shown."""
KEEP_FRAMES, KEEP_BYTES = 1500, 32 * 1024 * 1024
"""What is kept from the last key frame on."""
LOST_S = 20.0
"""A feed without a byte for so long is over."""

Taker = Callable[[Frame], None]


class Flow:
    """Frames on their way through the kitchen. `ready` has the facts once the first pictures are here; `over` says why
    it ended. Takers must not block."""

    def __init__(self, name: str) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.ready: asyncio.Future[FeedFacts] = loop.create_future()
        self.over: asyncio.Future[str] = loop.create_future()
        self.parameters: VideoParameters | None = None
        self.kept: deque[Frame] = deque()
        """From the last key frame on; empty when that is too far away."""
        self._kept_bytes = 0
        self._cut: tuple[Frame, list[bytes]] | None = None
        self._telephone: Telephone | None = None
        self._heard: tuple[Frame, bytes] | None = None
        self._takers: list[Taker] = []
        self._first_at: float | None = None
        self._pictures = 0
        self._last_pts = 0
        self._is_reordered = False
        self._audio: Codec | None = None

    def add(self, taker: Taker) -> None:
        self._takers.append(taker)

    def drop(self, taker: Taker) -> None:
        """Harmless when it is not there."""
        if taker in self._takers:
            self._takers.remove(taker)

    def cut(self, frame: Frame) -> list[bytes]:
        """A picture of H.264 as RTP payloads, cut once for all who take it now."""
        if self._cut is None or self._cut[0] is not frame:
            sets = self.parameters.sets if self.parameters is not None else ()
            self._cut = (frame, h264_payloads(frame.data, sets, is_key=frame.key))
        return self._cut[1]

    def heard(self, frame: Frame) -> bytes:
        """A piece of AAC as A-law at 8 kHz, made once for all who take it now."""
        if self._heard is None or self._heard[0] is not frame:
            self._telephone = self._telephone or Telephone()
            self._heard = (frame, self._telephone.heard(frame))
        return self._heard[1]

    def close(self) -> None:
        self._end("closed")

    def _end(self, why: str) -> None:
        if not self.over.done():
            self.over.set_result(why)
        if not self.ready.done():
            self.ready.cancel()

    def _put(self, frame: Frame) -> None:
        if frame.codec.is_video:
            if frame.key:
                self.parameters = video_parameters(frame.codec, frame.data) or self.parameters
                self.kept.clear()
                self._kept_bytes = 0
            if self.parameters is None:
                return
            self._is_reordered = self._is_reordered or (self._pictures > 0 and frame.pts_90k < self._last_pts)
            self._last_pts = frame.pts_90k
            self._pictures += 1
        else:
            self._audio = frame.codec
        if self.kept or (frame.key and frame.codec.is_video):
            self.kept.append(frame)
            self._kept_bytes += len(frame.data)
            if len(self.kept) > KEEP_FRAMES or self._kept_bytes > KEEP_BYTES:
                self.kept.clear()
        if not self.ready.done():
            self._look_whether_ready()
        for taker in tuple(self._takers):
            taker(frame)

    def _look_whether_ready(self) -> None:
        now = asyncio.get_running_loop().time()
        if self.parameters is None:
            return
        if self._first_at is None:
            self._first_at = now
        waited_s = now - self._first_at
        if (self._audio is not None and self._pictures >= REORDER_LOOK) or waited_s >= SOUND_WAIT_S:
            found = self.parameters
            self.ready.set_result(
                FeedFacts(
                    found.codec, found.width, found.height, found.fps, found.mime, self._audio, self._is_reordered
                )
            )


class Feed(Flow):
    """A flow that comes from a plane."""

    def __init__(self, name: str, url: str) -> None:
        super().__init__(name)
        self._url = url
        self._demuxer = Demuxer()
        self._quiet: asyncio.TimerHandle | None = None
        self._task = asyncio.create_task(self._run(), name=f"feed {name}")

    def close(self) -> None:
        self._task.cancel()
        self._end("closed")

    def _end(self, why: str) -> None:
        if self._quiet is not None:
            self._quiet.cancel()
        super()._end(why)

    async def _run(self) -> None:
        try:
            limits = aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=LOST_S)
            async with (
                aiohttp.ClientSession(timeout=limits, auto_decompress=False) as http,
                http.get(self._url) as answer,
            ):
                if answer.status != 200:
                    self._end(f"the stream was refused with {answer.status}")
                    return
                async for data in answer.content.iter_any():
                    self._came(data)
            self._end("the stream ended")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._end(f"the stream broke: {error or type(error).__name__}")
        except Exception as error:
            log.exception("feed %s failed in a way nobody foresaw", self.name)
            self._end(f"the stream failed: {error}")

    def _came(self, data: bytes) -> None:
        for frame in self._demuxer.feed(data):
            self._put(frame)
        if self._quiet is not None:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(QUIET_S, self._flush)

    def _flush(self) -> None:
        self._quiet = None
        for frame in self._demuxer.flush():
            self._put(frame)
