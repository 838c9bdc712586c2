"""One browser that takes a stream by WebRTC (WHEP): pictures and G.711 sound as they came; AAC goes as G.711."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from aiortc import RTCPeerConnection, RTCRtpSender
from aiortc.rtcrtpsender import RTCEncodedFrame

from media.frame import Codec, Frame
from media.kitchen import telephone
from media.kitchen.feed import Flow
from media.kitchen.payload import sound_payloads
from media.plane import FeedFacts
from media.rtc import Silent, Standing, make_answer, take_offer

log = logging.getLogger(__name__)

CONNECT_S = 15.0
"""From the answer to a connection; a browser that needs longer is not coming."""
QUEUE = 600
"""Frames that may wait for one browser; then it goes on at the next key frame."""
BURST_FRAMES, BURST_BYTES = 250, 6 * 1024 * 1024
"""A newcomer gets no more than this at once; behind a longer run of pictures it waits for the next key frame."""
BURST_STEP_90K = 90
"""Pictures of the burst are a millisecond apart for the browser, which so shows the newest at once."""
DRIFT_SAMPLES = 1600
"""Sound whose stamps leave the count of its samples by 0.2 s is put back on them."""
SOUNDS = {Codec.G711A: "audio/PCMA", Codec.G711U: "audio/PCMU"}
if telephone.is_possible():
    SOUNDS[Codec.AAC] = "audio/PCMA"

_Piece = tuple[list[bytes], int]
"""Payloads, and their RTP time."""


def reason_against(facts: FeedFacts) -> str:
    """Why this stream cannot go by WebRTC as it is; "" when it can."""
    if facts.video is not Codec.H264:
        return f"{facts.video} does not go by WebRTC here"
    return "its pictures are reordered (B frames), which WebRTC does not carry" if facts.is_reordered else ""


class Viewer:
    """`left(why)` is called once, when it is over by itself."""

    def __init__(
        self,
        feed: Flow,
        facts: FeedFacts,
        standing: Standing,
        *,
        with_sound: bool,
        left: Callable[[str], None],
        want_key: Callable[[], None],
    ) -> None:
        self.skips = 0
        self.sent_frames = 0
        self._feed = feed
        self._facts = facts
        self._standing = standing
        self._sound = SOUNDS.get(facts.audio) if with_sound and facts.audio is not None else None
        self._left = left
        self._want_key = want_key
        self._connection = RTCPeerConnection()
        self._pictures: deque[_Piece] = deque()
        self._sounds: deque[_Piece] = deque()
        self._picture_came = asyncio.Event()
        self._sound_came = asyncio.Event()
        self._needs_key = True
        self._samples: int | None = None
        self._is_over = False
        self._patience: asyncio.TimerHandle | None = None
        self._farewell: asyncio.Task[None] | None = None

    async def answer(self, offer: str, client: str) -> str:
        """Raises ValueError for an offer that cannot be taken."""
        connection = self._connection
        if "\nm=video " not in offer:
            raise ValueError("the offer asks for no video")
        # Before the offer is read: what we prefer is looked at then.
        self._send_on("video", "video/H264", self._next_picture)
        if self._sound is not None and "\nm=audio " in offer:
            self._send_on("audio", self._sound, self._next_sound)
        await take_offer(connection, offer, client)
        connection.on("connectionstatechange", self._changed)
        answer = await make_answer(connection, self._standing)
        self._patience = asyncio.get_running_loop().call_later(CONNECT_S, self._lose_patience)
        return answer

    async def close(self) -> None:
        """Harmless when it is over."""
        self._is_over = True
        self._feed.drop(self._take)
        if self._patience is not None:
            self._patience.cancel()
        await self._connection.close()

    def _send_on(self, kind: str, mime: str, following: Callable[[Any], Any]) -> None:
        sender: RTCRtpSender = self._connection.addTrack(Silent(kind))
        transceiver = next(each for each in self._connection.getTransceivers() if each.sender is sender)
        transceiver.setCodecPreferences(
            [
                each
                for each in RTCRtpSender.getCapabilities(kind).codecs
                if each.mimeType in (mime, f"{kind}/rtx" if kind == "video" else mime)
            ]
        )
        # aiortc would read its track and encode; what comes here is encoded and cut already, once for all browsers.
        untyped: Any = sender
        untyped._next_encoded_frame = following
        untyped._send_keyframe = self._missed

    # --- the browser -----------------------------------------------------------------------------------------

    def _changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and self._patience is not None:
            self._patience.cancel()
            self._patience = None
            self._begin()
        elif state in ("failed", "closed"):
            self._end(f"the browser's connection {state}")

    def _lose_patience(self) -> None:
        self._end(f"the browser did not connect in {CONNECT_S:g} s")

    def _end(self, why: str) -> None:
        if not self._is_over:
            self._is_over = True
            self._farewell = asyncio.create_task(self.close(), name="webrtc viewer leaves")
            self._left(why)

    def _missed(self) -> None:
        """The browser cannot go on (PLI, FIR): only a new key frame helps."""
        self._want_key()

    # --- frames ----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Connected: what is kept goes out at once, so close together that the newest is shown."""
        kept = [frame for frame in self._feed.kept if frame.codec.is_video]
        if kept and len(kept) <= BURST_FRAMES and sum(len(frame.data) for frame in kept) <= BURST_BYTES:
            last = kept[-1].pts_90k
            for before, frame in zip(range(len(kept) - 1, -1, -1), kept, strict=True):
                self._put_picture(frame, last - before * BURST_STEP_90K)
        else:
            self._want_key()
        self._feed.add(self._take)

    def _take(self, frame: Frame) -> None:
        if frame.codec.is_video:
            self._put_picture(frame, frame.pts_90k)
        elif self._sound is not None and frame.codec is self._facts.audio:
            self._put_sound(frame)

    def _put_picture(self, frame: Frame, at_90k: int) -> None:
        if frame.codec is not Codec.H264:
            self._end(f"the stream has become {frame.codec}")
            return
        if len(self._pictures) >= QUEUE:
            self._pictures.clear()
            self._needs_key = True
            self.skips += 1
        if self._needs_key and not frame.key:
            return
        self._needs_key = False
        payloads = self._feed.cut(frame)
        if payloads:
            self._pictures.append((payloads, at_90k))
            self._picture_came.set()

    def _put_sound(self, frame: Frame) -> None:
        sound = frame.data if frame.codec is not Codec.AAC else self._feed.heard(frame)
        stamp = frame.pts_90k * 8 // 90
        if self._samples is None or abs(stamp - self._samples) > DRIFT_SAMPLES:
            self._samples = stamp
        while len(self._sounds) >= QUEUE:
            self._sounds.popleft()
        for payload in sound_payloads(sound):
            self._sounds.append(([payload], self._samples))
            self._samples += len(payload)
        self._sound_came.set()

    async def _next_picture(self, codec: object) -> RTCEncodedFrame:
        self.sent_frames += 1
        return await _next(self._pictures, self._picture_came)

    async def _next_sound(self, codec: object) -> RTCEncodedFrame:
        return await _next(self._sounds, self._sound_came)


async def _next(pieces: deque[_Piece], came: asyncio.Event) -> RTCEncodedFrame:
    while not pieces:
        came.clear()
        await came.wait()
    payloads, at = pieces.popleft()
    silent: Any = None  # the level of the sound is not measured
    return RTCEncodedFrame(payloads, at & 0xFFFFFFFF, silent)
