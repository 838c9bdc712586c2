"""A stream encoded anew: H.265 becomes H.264 for browsers that cannot decode it, smaller, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

from media.frame import Codec, Frame
from media.kitchen.feed import Flow
from media.kitchen.still import DECODERS, MOST_PIXELS

try:
    import av
except ImportError:  # a build without FFmpeg: nothing is encoded anew
    av = None  # type: ignore[assignment]  # a module's name that may stand for nothing

log = logging.getLogger(__name__)

MOST_HEIGHT = 720
CRF = 27
MOST_KBPS = 2500
WAITING = 60
"""Pictures that may wait for the encoder; then it goes on at the next key frame."""
AT_ONCE = 8
"""So many pictures go to the thread at a time."""
TIME_BASE = Fraction(1, 90_000)


class Encoder:
    """Blocks: pictures of one codec in, pictures of H.264 out, no higher than 720 lines, in the order of showing."""

    def __init__(self, codec: Codec) -> None:
        decoder = DECODERS.get(codec)
        if av is None or decoder is None:
            raise ValueError(f"{codec} cannot be decoded here")
        # PyAV's contexts carry no useful types of their own.
        self._decoder: Any = av.CodecContext.create(decoder, "r")
        self._decoder.thread_count = 1
        self._decoder.options = {"max_pixels": str(MOST_PIXELS)}
        self._encoder: Any = None
        self.failures = 0

    def feed(self, frames: list[Frame]) -> list[Frame]:
        """Never raises on what a camera sent."""
        made: list[Frame] = []
        for frame in frames:
            packet = av.Packet(frame.data)
            packet.pts, packet.dts, packet.time_base = frame.pts_90k, frame.dts_90k, TIME_BASE
            try:
                for picture in self._decoder.decode(packet):
                    made += self._encode(picture)
            except av.FFmpegError:
                self.failures += 1
        return made

    def _encode(self, picture: Any) -> list[Frame]:
        height = min(picture.height, MOST_HEIGHT) & ~1
        width = round(picture.width * height / picture.height) & ~1
        is_key = bool(picture.key_frame)
        encoder = self._encoder
        if encoder is None or (encoder.width, encoder.height) != (width, height):
            encoder = self._encoder = _opened(width, height)
            is_key = True
        shown = picture.reformat(width=width, height=height, format="yuv420p")
        shown.pts, shown.time_base = picture.pts, TIME_BASE
        # Key frames stand where the camera has them: a browser that comes in begins there.
        shown.pict_type = av.video.frame.PictureType.I if is_key else av.video.frame.PictureType.NONE
        return [
            Frame(Codec.H264, bytes(packet), int(packet.pts), int(packet.pts), bool(packet.is_keyframe))
            for packet in encoder.encode(shown)
        ]


def _opened(width: int, height: int) -> Any:
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = TIME_BASE
    encoder.framerate = Fraction(25)
    encoder.gop_size = 250
    encoder.thread_count = 1
    encoder.profile = "Baseline"
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": str(CRF),
        "maxrate": f"{MOST_KBPS}k",
        "bufsize": f"{MOST_KBPS}k",
        "forced-idr": "1",
    }
    encoder.open()
    return encoder


class Cooked(Flow):
    """Takes from another flow until either ends. Sound goes through as it is."""

    def __init__(self, name: str, of: Flow) -> None:
        super().__init__(name)
        facts = of.ready.result()
        self._of = of
        self._encoder = Encoder(facts.video)
        self._codec = facts.video
        self._thread = ThreadPoolExecutor(1, f"cook {name}")
        self._waiting: deque[Frame] = deque()
        self._came = asyncio.Event()
        self._needs_key = True
        self.skips = 0
        for frame in tuple(of.kept):
            self._take(frame)
        of.add(self._take)
        of.over.add_done_callback(self._of_over)
        self._task = asyncio.create_task(self._run(), name=f"cook {name}")

    def _of_over(self, over: asyncio.Future[str]) -> None:
        self._task.cancel()
        self._end(over.result())

    def close(self) -> None:
        self._task.cancel()
        self._end("closed")

    def _end(self, why: str) -> None:
        self._of.drop(self._take)
        self._thread.shutdown(wait=False, cancel_futures=True)
        super()._end(why)

    def _take(self, frame: Frame) -> None:
        if not frame.codec.is_video:
            self._put(frame)
            return
        if frame.codec is not self._codec:
            self._end(f"the stream has become {frame.codec}")
            return
        if len(self._waiting) >= WAITING:
            # Too slow for this machine: what waits is not worth it any more.
            self._waiting.clear()
            self._needs_key = True
            self.skips += 1
        if self._needs_key and not frame.key:
            return
        self._needs_key = False
        self._waiting.append(frame)
        self._came.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                await self._came.wait()
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), AT_ONCE))]
                if not self._waiting:
                    self._came.clear()
                for made in await loop.run_in_executor(self._thread, self._encoder.feed, batch):
                    self._put(made)
        except Exception as error:
            log.exception("encoding %s anew failed in a way nobody foresaw", self.name)
            self._end(f"encoding failed: {error}")
