"""One stream as HLS: fMP4 segments in memory for phones, made while somebody asks (RFC 8216, media.md 7.4)."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from dataclasses import dataclass

from media.aac import AacFormat, format_of
from media.fmp4 import Fmp4Muxer
from media.frame import Codec, Frame
from media.kitchen.feed import Flow
from media.plane import HlsPart
from media.transcode import AAC_8K, AacFromG711, can_transcode

SHORTEST_90K = 90_000
"""A segment ends at the first key frame after a second."""
FIRST_SEGMENTS = 3
"""Players want as many before they begin (RFC 8216 6.2.2)."""
LISTED, KEPT = 6, 10
"""Segments in the playlist; those before stay a little for whoever is slow."""
MOST_BYTES = 96 * 1024 * 1024
SEGMENT_BYTES = 48 * 1024 * 1024
"""A segment that is longer, for want of a key frame, is given up."""
FIRST_S = 10.0
"""How long a playlist waits for its first segments: each is the time between two key frames."""
PLAYLIST = "application/vnd.apple.mpegurl"
MP4 = "video/mp4"


@dataclass(frozen=True, slots=True)
class _Segment:
    number: int
    seconds: float
    data: bytes
    init: int
    is_cut: bool
    """What was before it is of another kind."""


class Hls:
    """Takes from the feed until `close`."""

    def __init__(self, feed: Flow) -> None:
        self._feed = feed
        self._muxer: Fmp4Muxer | None = None
        self._transcoder: AacFromG711 | None = None
        self._segments: deque[_Segment] = deque()
        self._inits: dict[int, bytes] = {}
        self._init = 0
        self._generation = -1
        self._number = 0
        self._cuts = 0
        """Discontinuities that are no longer in the list."""
        self._target_s = 0
        """TARGETDURATION, once it was told: it must not change, and players refuse a list in which it does."""
        self._longest_s = 1.0
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._open_since = 0
        self._last_dts = 0
        self._is_cut = False
        self._came = asyncio.Event()
        self._sound: AacFormat | None = None
        for frame in tuple(feed.kept):
            self._take(frame)
        feed.add(self._take)

    def close(self) -> None:
        self._feed.drop(self._take)
        self._came.set()

    async def part(self, name: str) -> HlsPart:
        """A playlist, an init segment or a segment by its name. Raises KeyError for one that is not there."""
        if name == "index.m3u8":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_S):
                    while len(self._segments) < FIRST_SEGMENTS:
                        self._came.clear()
                        await self._came.wait()
            if not self._segments:
                raise TimeoutError
            return HlsPart(PLAYLIST, self._playlist().encode())
        kind, _, number = name.removesuffix(".m4s").removesuffix(".mp4").partition("-")
        if kind == "init" and number.isdecimal() and int(number) in self._inits:
            return HlsPart(MP4, self._inits[int(number)])
        for segment in self._segments:
            if kind == "seg" and number == str(segment.number):
                return HlsPart(MP4, segment.data)
        raise KeyError(name)

    def _playlist(self) -> str:
        listed = list(self._segments)[-LISTED:]
        if round(self._longest_s) > self._target_s:
            self._target_s = math.ceil(self._longest_s - 0.05)
        gone = self._cuts + sum(segment.is_cut for segment in list(self._segments)[:-LISTED])
        lines = [
            "#EXTM3U",
            "#EXT-X-VERSION:7",
            f"#EXT-X-TARGETDURATION:{self._target_s}",
            f"#EXT-X-MEDIA-SEQUENCE:{listed[0].number}",
            *([f"#EXT-X-DISCONTINUITY-SEQUENCE:{gone}"] if gone else []),
            "#EXT-X-INDEPENDENT-SEGMENTS",
        ]
        init = -1
        for segment in listed:
            if segment.is_cut and segment is not listed[0]:
                lines.append("#EXT-X-DISCONTINUITY")
            if segment.init != init:
                init = segment.init
                lines.append(f'#EXT-X-MAP:URI="init-{init}.mp4"')
            lines += [f"#EXTINF:{segment.seconds:.3f},", f"seg-{segment.number}.m4s"]
        return "\n".join(lines) + "\n"

    # --- frames ----------------------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        if not frame.codec.is_video:
            for each in self._audible(frame):
                self._add(each)
            return
        if frame.key:
            if self._open and frame.dts_90k - self._open_since >= SHORTEST_90K:
                self._end_segment(frame.dts_90k)
            if not self._open:
                self._begin_segment(frame)
        if self._open or frame.key:
            self._last_dts = frame.dts_90k
            self._add(frame)

    def _audible(self, frame: Frame) -> list[Frame]:
        if frame.codec is Codec.AAC:
            self._sound = format_of(frame.data) or self._sound
            return [frame]
        if not can_transcode(frame.codec):
            return []
        if self._transcoder is None:
            self._transcoder = AacFromG711()
        self._sound = AAC_8K
        return self._transcoder.feed(frame)

    def _begin_segment(self, frame: Frame) -> None:
        self._open_since = frame.dts_90k
        parameters = self._feed.parameters
        facts = self._feed.ready.result() if self._feed.ready.done() and not self._feed.ready.cancelled() else None
        sound = self._sound
        if sound is None and facts is not None and facts.audio is not None and can_transcode(facts.audio):
            sound = AAC_8K
        muxer = self._muxer
        is_other = muxer is None or parameters is None or muxer.video is None or muxer.audio != sound
        if is_other or (muxer is not None and muxer.video is not None and muxer.video.codec is not frame.codec):
            self._is_cut = self._is_cut or muxer is not None
            self._muxer = Fmp4Muxer(parameters, sound)
            self._generation = -1

    def _add(self, frame: Frame) -> None:
        muxer = self._muxer
        if muxer is None or (not self._open and not frame.codec.is_video):
            return
        if not frame.codec.is_video and format_of(frame.data) != muxer.audio:
            return  # other sound than this segment's begins with the next segment
        body = muxer.fragment(frame)
        if not body:
            return
        if muxer.generation != self._generation:
            # New parameter sets stand at a key frame, which then begins another segment, however short the last was.
            if self._generation >= 0:
                if self._open:
                    self._end_segment(frame.dts_90k)
                    self._open_since = frame.dts_90k
                self._is_cut = True
            self._generation = muxer.generation
            self._init += 1
            self._inits[self._init] = muxer.init_segment()
        self._open.append(body)
        self._open_bytes += len(body)
        if self._open_bytes > SEGMENT_BYTES:
            self._open, self._open_bytes, self._is_cut = [], 0, True

    def _end_segment(self, at_90k: int) -> None:
        seconds = max(at_90k - self._open_since, 1) / 90_000
        self._segments.append(
            _Segment(self._number, seconds, b"".join(self._open), self._init, self._is_cut and self._number > 0)
        )
        self._number += 1
        self._longest_s = max(self._longest_s, seconds)
        self._open, self._open_bytes, self._is_cut = [], 0, False
        while len(self._segments) > KEPT or (
            len(self._segments) > 1 and sum(len(each.data) for each in self._segments) > MOST_BYTES
        ):
            self._cuts += self._segments.popleft().is_cut
        used = {segment.init for segment in self._segments} | {self._init}
        self._inits = {number: data for number, data in self._inits.items() if number in used}
        self._came.set()
