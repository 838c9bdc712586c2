"""Encodes the town with PyAV: H.264 or H.265 access units in Annex-B, parameter sets in front of every key frame."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from functools import lru_cache
from typing import Any

import av
from av.video.frame import PictureType

from media.frame import Codec, Frame
from simulator.head import Head
from simulator.scene import Picture, Town
from simulator.screen import Screen

BEIJING = timezone(timedelta(hours=8))
SMALLEST = (64, 36)
_ENCODERS = {Codec.H264: "libx264", Codec.H265: "libx265"}


@dataclass(frozen=True, slots=True)
class VideoSettings:
    """What the camera's encoder is set to. `gop_s` is the distance of key frames in seconds."""

    codec: Codec = Codec.H264
    width: int = 1280
    height: int = 720
    fps: int = 25
    kbps: int = 1500
    gop_s: float = 2.0

    def smaller(self) -> VideoSettings:
        """Those of the second stream that cameras send beside it: half the size, a third of the bits."""
        wide, high = max(SMALLEST[0], self.width // 2 // 16 * 16), max(SMALLEST[1], self.height // 4 * 2)
        return replace(self, width=wide, height=high, kbps=self.kbps // 3)

    def __post_init__(self) -> None:
        if self.codec not in _ENCODERS:
            raise ValueError(f"a simulated camera encodes H.264 or H.265, not {self.codec}")
        if (
            self.width % 16
            or self.height % 2
            or not SMALLEST[0] <= self.width <= 3840
            or not SMALLEST[1] <= self.height <= 2160
        ):
            raise ValueError(
                f"a picture is 64 to 3840 wide by sixteens and 36 to 2160 high, not {self.width}x{self.height}"
            )
        if not 1 <= self.fps <= 60:
            raise ValueError(f"1 to 60 pictures a second, not {self.fps}")


class VideoSource:
    """Pictures of one camera. `next_frame` blocks for some milliseconds: call it in a thread."""

    def __init__(self, settings: VideoSettings, name: str, seed: str, head: Head, screen: Screen | None = None) -> None:
        self.settings = settings
        self._screen = screen or Screen()
        self._name = self._screen.name or name
        self._title = title(self._name)
        self._town = Town(settings.width, settings.height, seed)
        self._head = head
        self._index = 0
        self._encoder = self._open_encoder()

    def next_frame(self, *, key: bool = False, at: float | None = None) -> Frame:
        """The next picture, as seen and dated now, or at the UNIX time `at`; `key` asks for a key frame out of turn."""
        settings = self.settings
        image = self._draw(time.monotonic(), datetime.now()) if at is None else self._draw(at, dated(at))
        image.pts = self._index
        image.time_base = Fraction(1, settings.fps)
        if key:
            image.pict_type = PictureType.I
        packets = self._encoder.encode(image)
        pts_90k = self._index * 90000 // settings.fps
        self._index += 1
        data = b"".join(bytes(packet) for packet in packets)
        return Frame(settings.codec, data, pts_90k, pts_90k, key=any(packet.is_keyframe for packet in packets))

    def still(self) -> bytes:
        """What is seen now, as a JPEG."""
        settings = self.settings
        encoder: Any = av.CodecContext.create("mjpeg", "w")
        encoder.width, encoder.height, encoder.pix_fmt = settings.width, settings.height, "yuvj420p"
        encoder.time_base = Fraction(1, settings.fps)
        image = self._draw(time.monotonic(), datetime.now()).reformat(format="yuvj420p")
        image.pts = 0
        return b"".join(bytes(packet) for packet in (*encoder.encode(image), *encoder.encode(None)))

    def _draw(self, now: float, clock: datetime) -> av.VideoFrame:
        settings = self.settings
        picture = self._town.view(self._head.at(now), now)
        if (picture.width, picture.height) != (settings.width, settings.height):
            scaled = _frame(picture).reformat(width=settings.width, height=settings.height)
            planes = [_bytes(plane) for plane in scaled.planes]
            picture = Picture(settings.width, settings.height, *planes)
        if self._screen.name and self._screen.name != self._name:
            self._name = self._screen.name
            self._title = title(self._name)
        self._screen.paint(picture, self._title, clock, _lettered)
        return _frame(picture)

    def _open_encoder(self) -> av.VideoCodecContext:
        settings = self.settings
        encoder = av.CodecContext.create(_ENCODERS[settings.codec], "w")
        assert isinstance(encoder, av.VideoCodecContext)
        encoder.width, encoder.height = settings.width, settings.height
        encoder.pix_fmt = "yuv420p"
        encoder.framerate = Fraction(settings.fps)
        encoder.time_base = Fraction(1, settings.fps)
        encoder.bit_rate = settings.kbps * 1000
        encoder.gop_size = max(1, round(settings.fps * settings.gop_s))
        encoder.thread_count = 1
        encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
        if settings.codec is Codec.H264:
            encoder.options |= {"forced-idr": "1", "x264-params": "scenecut=0:repeat-headers=1"}
        else:
            encoder.options |= {"forced-idr": "1", "x265-params": "log-level=error:scenecut=0:repeat-headers=1:pools=1"}
        encoder.open()
        return encoder


def dated(at: float) -> datetime:
    """The clock of a recording, in Beijing as recorders have it; to the hundredth, so that every picture differs."""
    return datetime.fromtimestamp(round(at, 2) + 0.001, BEIJING)


def title(name: str) -> str:
    """A name in letters our dot font has: Chinese by its pinyin.

    >>> title("北门 01")
    'BEI MEN 01'
    """
    # Here, for it holds 60 MB, and a server reads this file without drawing anything.
    from pypinyin import lazy_pinyin

    return " ".join(" ".join(lazy_pinyin(name)).upper().split())


_lettered = lru_cache(maxsize=64)(title)


def _frame(picture: Picture) -> av.VideoFrame:
    frame = av.VideoFrame(picture.width, picture.height, "yuv420p")
    for plane, data in zip(frame.planes, (picture.luma, picture.blue, picture.red), strict=True):
        if plane.line_size == plane.width:
            plane.update(bytes(data))
        else:
            pad = bytes(plane.line_size - plane.width)
            rows = [bytes(data[at : at + plane.width]) + pad for at in range(0, len(data), plane.width)]
            plane.update(b"".join(rows))
    return frame


def _bytes(plane: av.video.plane.VideoPlane) -> bytearray:
    data = memoryview(plane)
    if plane.line_size == plane.width:
        return bytearray(data)
    return bytearray(b"".join(data[row * plane.line_size :][: plane.width] for row in range(plane.height)))
