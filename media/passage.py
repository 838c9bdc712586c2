"""The packets of one source on their way to other receivers: kept from the last key frame, given to every sender.

A program stream goes through as it came; what came otherwise is made one from its frames (media.md 2.10).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from media.frame import Codec, Frame
from media.ps.mux import Muxer
from media.ps.pack import PACK_CODE, Begins, begins
from media.ps.stream_map import STREAM_TYPES
from media.rtp import RtpPacket
from media.run import Run, packets_of

PAYLOAD_TYPE = 96
PAYLOAD_LIMIT = 1400
LARGEST = 1460
"""A payload that still fits an Ethernet frame. TCP brings larger ones, which are cut: the way on may be UDP."""
PACKETS_LIMIT = 65_536
FALSE_MARKS = 4
"""More packs that look like key frames than key frames, by so many: their look says nothing."""


class Taker(Protocol):
    """A sender, as far as the passage knows one."""

    def take(self, packet: RtpPacket, is_key: bool, lost_before: bool, now: float) -> None: ...

    def rejoin(self) -> None: ...

    @property
    def is_congested(self) -> bool: ...


class Carry(StrEnum):
    """How packets become ours."""

    UNDECIDED = "undecided"
    STRAIGHT = "straight"
    REMUXED = "remuxed"


class Passage:
    """Feed `run` with what the source sent, in order, and `frame` with what was in it.

    Until `decide` packets are kept as if they could go straight through. What is kept is bounded: beyond it nothing
    is kept until the next key frame. Of a recording everything is kept until its first sender takes it over.
    """

    def __init__(self, *, keep_bytes: int, keep_s: float, is_recording: bool = False) -> None:
        self.carry = Carry.UNDECIDED
        self.is_pressed = False
        """A sender that may lose nothing wants the source held back, at once."""
        self._senders: tuple[Taker, ...] = ()
        self.foreign = 0
        self.overflows = 0
        self._keep_bytes = keep_bytes
        self._keep_s = keep_s
        self._keeps_all = is_recording
        self._kept: list[RtpPacket] = []
        self._kept_size = 0
        self._kept_since = 0.0
        self._marks = 0
        self._type: int | None = None
        self._muxer: Muxer | None = None
        self._sound: Codec | None = None

    @property
    def has_kept(self) -> bool:
        return bool(self._kept)

    @property
    def kept(self) -> tuple[RtpPacket, ...]:
        """From the start of the last key frame on."""
        return tuple(self._kept)

    @property
    def needs_frames(self) -> bool:
        """Whether the stream must be unpacked for the senders' sake."""
        return self.carry is not Carry.STRAIGHT

    @property
    def is_congested(self) -> bool:
        """Whether the source must still be held back."""
        self.is_pressed = any(sender.is_congested for sender in self._senders)
        return self.is_pressed

    # --- what comes in ---------------------------------------------------------------------------------------

    def run(self, run: Run, now: float) -> None:
        """The next packets of the source."""
        lost_before = run.lost_before
        for packet in packets_of(run):
            self.packet(packet, lost_before, now)
            lost_before = False

    def packet(self, packet: RtpPacket, lost_before: bool, now: float) -> None:
        """The next packet of the source."""
        if self.carry is Carry.REMUXED:
            return
        payload = packet.payload
        is_key = False
        if payload[:4] == PACK_CODE:
            self._type = packet.payload_type
            is_key = begins(payload) is Begins.KEY_FRAME
        if packet.payload_type != self._type:
            self.foreign += 1
            return
        self._marks += is_key
        if len(payload) <= LARGEST:
            self._put(packet, is_key, lost_before, now)
            return
        for piece in _cut(payload, packet.timestamp, packet.marker):
            self._put(piece, is_key, lost_before, now)
            is_key = lost_before = False

    def frame(self, frame: Frame, now: float) -> None:
        """The next frame of the source, re-timed; only a remuxed passage takes it."""
        if self.carry is not Carry.REMUXED:
            return
        if not frame.codec.is_video:
            if frame.codec in STREAM_TYPES:
                self._sound = frame.codec  # a sound that is new comes in with the next key frame's stream map
        elif frame.key and (
            self._muxer is None or (self._muxer.video, self._muxer.audio) != (frame.codec, self._sound)
        ):
            self._muxer = Muxer(frame.codec, self._sound)
        muxer = self._muxer
        if muxer is None or frame.codec not in (muxer.video, muxer.audio):
            return
        is_key = frame.key
        for piece in _cut(muxer.pack(frame), frame.pts_90k & 0xFFFFFFFF, True):
            self._put(piece, is_key, False, now)
            is_key = False

    def _put(self, packet: RtpPacket, is_key: bool, lost_before: bool, now: float) -> None:
        if is_key and not (self._keeps_all and self._kept):
            self._kept.clear()
            self._kept_size = 0
            self._kept_since = now
        if self._kept or is_key:
            self._keep(packet, now)
        for sender in self._senders:
            sender.take(packet, is_key, lost_before, now)

    def _keep(self, packet: RtpPacket, now: float) -> None:
        self._kept.append(packet)
        self._kept_size += len(packet.payload)
        is_old = now - self._kept_since > self._keep_s and not self._keeps_all
        if is_old or self._kept_size > self._keep_bytes or len(self._kept) > PACKETS_LIMIT:
            # So far from its key frame a start would be a long burst: newcomers wait for the next one.
            self.overflows += 1
            self._kept.clear()
            self._kept_size = 0

    # --- turns -----------------------------------------------------------------------------------------------

    def decide(self, *, is_plain: bool, key_frames: int, frames: Iterable[Frame], sound: Codec | None) -> None:
        """The source is known now: `is_plain` for a program stream that is what it says, `frames` those kept of it."""
        if self.carry is not Carry.UNDECIDED:
            return
        if is_plain and self._kept and self._marks <= key_frames + FALSE_MARKS:
            self.carry = Carry.STRAIGHT
            return
        self.carry = Carry.REMUXED
        self._kept.clear()
        self._sound = sound if sound in STREAM_TYPES else None
        for frame in frames:
            self.frame(frame, self._kept_since)

    def join(self, sender: Taker) -> None:
        """A sender is there from now on, and takes over the keeping of a recording."""
        self._senders = (*self._senders, sender)
        self._keeps_all = False

    def leave(self, sender: Taker) -> None:
        self._senders = tuple(each for each in self._senders if each is not sender)

    def rejoin(self) -> None:
        """The source began anew, as far as anybody can tell of the same kind."""
        self._kept.clear()
        self._kept_size = 0
        for sender in self._senders:
            sender.rejoin()

    def jump(self) -> None:
        """The recording goes on elsewhere; senders pass it on as it comes, their receivers asked for it."""
        self._kept.clear()
        self._kept_size = 0

    def restart(self) -> None:
        """Another source: all has to be learnt anew."""
        self.carry = Carry.UNDECIDED
        self._marks = 0
        self._type = None
        self._muxer = None
        self._sound = None
        self.rejoin()


def _cut(data: bytes | memoryview, timestamp: int, marker: bool) -> list[RtpPacket]:
    """Pieces of the usual size; the marker stays on the last."""
    view = memoryview(data)
    last = len(view) - PAYLOAD_LIMIT
    return [
        RtpPacket(PAYLOAD_TYPE, marker and start >= last, 0, timestamp, 0, view[start : start + PAYLOAD_LIMIT])
        for start in range(0, len(view), PAYLOAD_LIMIT)
    ]
