"""The packets of one source on their way to other receivers: kept from the last key frame, given to every sender.

A program stream goes through as it came; what came otherwise is made one from its frames (media.md 2.10).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from enum import StrEnum
from struct import Struct
from typing import Protocol

from media.ahead import Ahead
from media.frame import Codec, Frame
from media.laid import Laid, elsewhere
from media.ps.mux import Muxer
from media.ps.pack import PACK_CODE, Begins, begins, lacks_parameter_sets
from media.ps.stream_map import STREAM_TYPES
from media.rtp import MARKER
from media.run import HEADER_BYTES, Run

_HEADER = Struct(">BBHII")
PAYLOAD_TYPE = 96
PAYLOAD_LIMIT = 1400
LARGEST = 1460
"""A payload that still fits an Ethernet frame. TCP brings larger ones, which are cut: the way on may be UDP."""
PACKETS_LIMIT = 65_536
FALSE_MARKS = 4
"""More packs that look like key frames than key frames, by so many: their look says nothing."""


KeepingState = tuple[int, int, float, float, int, int, bool]
"""Bytes and packets that may still be kept, since when they are kept, for how long they may be; how many may be kept
from a key frame on, and whether keeping begins anew there."""


WayState = tuple[int, int, int, int, int, float, int]
"""A connected socket; SSRC, payload type, next number, and what is added to times; when the pace's slot began, and how
many packets it still takes."""
Sent = tuple[int, float, int, int, int, list[Run]]
"""The next number, when the slot began, its room; packets and their payload bytes; what waits for its turn."""


class Taker(Protocol):
    """A sender, as far as the passage knows one."""

    def take(self, run: Run, is_key: bool, now: float) -> None: ...

    def rejoin(self) -> None: ...

    @property
    def is_congested(self) -> bool: ...

    def lend(self) -> WayState | None:
        """Its way out, for one who sends on it in its place; None while more is to be done than sending."""

    def take_back(self, sent: Sent, timestamp: int, now: float) -> None:
        """What was sent in its place, the last packets of that time of the source's."""

    def note_error(self, error: int) -> None:
        """Sending in its place failed so."""


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
        self.foreign_types: set[int] = set()
        """Payload types, seven bits each, of what came beside the program stream."""
        self.overflows = 0
        self._keep_bytes = keep_bytes
        self._keep_s = keep_s
        self.is_recording = is_recording
        self._keeps_all = is_recording
        self.ahead: Ahead | None = None
        self._kept: list[Run | Laid] = []
        self._kept_size = 0
        self._kept_packets = 0
        self._kept_since = 0.0
        self._marks = 0
        self._type: int | None = None
        self._muxer: Muxer | None = None
        self._sound: Codec | None = None
        self.on_join: Callable[[], None] | None = None
        """Called before a sender is let in."""

    @property
    def has_kept(self) -> bool:
        return bool(self._kept)

    @property
    def kept(self) -> tuple[Run, ...]:
        """From the start of the last key frame on."""
        self._catch_up()
        runs: list[Run] = []
        for each in self._kept:
            runs += each.runs() if isinstance(each, Laid) else [each]
        self._kept = list[Run | Laid](runs)
        return tuple(runs)

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
        if self.carry is Carry.REMUXED:
            return
        is_key = False
        if run.data.startswith(PACK_CODE, HEADER_BYTES):
            self._type = run.payload_type
            is_key = begins(run.data[HEADER_BYTES : run.size]) is Begins.KEY_FRAME
        if run.payload_type != self._type:
            self.foreign += run.count
            self.foreign_types.add(run.payload_type)
            return
        self._marks += is_key
        if run.size - HEADER_BYTES > LARGEST:
            run = _cut(run.payload(), run.timestamp, run.marker, run.lost_before)
        self._put(run, is_key, now)

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
        self._put(_cut(muxer.pack(frame), frame.pts_90k & 0xFFFFFFFF, True, False), frame.key, now)

    def _put(self, run: Run, is_key: bool, now: float) -> None:
        if is_key and not (self._keeps_all and self._kept):
            self._keep_nothing()
            self._kept_since = now
        if self._kept or is_key:
            self._kept.append(run)
            self._kept_size += len(run.data)
            self._kept_packets += run.count
            is_old = now - self._kept_since > self._keep_s and not self._keeps_all
            if is_old or self._kept_size > self._keep_bytes or self._kept_packets > PACKETS_LIMIT:
                # So far from its key frame a start would be a long burst: newcomers wait for the next one.
                self.overflows += 1
                self._keep_nothing()
        for sender in self._senders:
            sender.take(run, is_key, now)

    def _keep_nothing(self) -> None:
        self._kept.clear()
        self._kept_size = self._kept_packets = 0

    # --- lent ------------------------------------------------------------------------------------------------

    @property
    def has_senders(self) -> bool:
        return bool(self._senders)

    def lend(self, payload_type: int) -> KeepingState | None:
        """How much may be kept by one who keeps in our place; None while packets are more than handed on."""
        if self.carry is not Carry.STRAIGHT or payload_type != self._type or not self._kept:
            return None
        keep_s = math.inf if self._keeps_all else self._keep_s
        left = self._keep_bytes - self._kept_size, PACKETS_LIMIT - self._kept_packets
        return *left, self._kept_since, keep_s, self._keep_bytes, PACKETS_LIMIT, not self._keeps_all

    def take_back(self, laid: Laid, size: int, packets: int, marks: int, began_at: float | None) -> None:
        """What was kept in our place, since a key frame if that time is given; so many looked like one."""
        self._marks += marks
        if began_at is not None:
            self._keep_nothing()
            self._kept_since = began_at
        self._kept.append(laid)
        self._kept_size += size
        self._kept_packets += packets

    def let_go(self) -> None:
        """Whoever keeps in our place has begun anew: what we kept is not needed any more."""
        self._kept = [elsewhere()]

    def hand_on(self, run: Run | None, now: float, is_key: bool, first: int = -1, error: int = 0) -> None:
        """To the senders what is kept elsewhere: to all, or from that one on who was sent for; that met `error`. None
        when it met it with what had waited."""
        if first >= 0:
            self._catch_up()
        for number, sender in enumerate(self._senders[max(first, 0) :]):
            if error and not number:
                sender.note_error(error)
            if run is not None:
                sender.take(run, is_key, now)

    def lend_ways(self) -> tuple[WayState, ...]:
        """Those of all senders; none when one of them must see to it itself."""
        ways = [sender.lend() for sender in self._senders]
        lent = tuple(way for way in ways if way is not None)
        return lent if len(lent) == len(ways) else ()

    def take_back_ways(self, sent: list[Sent], timestamp: int, now: float) -> None:
        """What was sent in the senders' place."""
        for sender, each in zip(self._senders, sent, strict=False):
            sender.take_back(each, timestamp, now)

    def publish_sent(self) -> None:
        """What was sent in the senders' place is counted as of now."""
        if self.ahead is not None:
            self.ahead.publish_sent()

    def catch_up(self) -> None:
        """Have everything where it belongs."""
        self._catch_up()

    def _catch_up(self) -> None:
        if self.ahead is not None:
            self.ahead.catch_up()

    # --- turns -----------------------------------------------------------------------------------------------

    @property
    def lacks_sets(self) -> bool:
        """Whether a newcomer could not read what is kept: its parameter sets were sent long before."""
        kept = self.kept if self.carry is Carry.STRAIGHT else ()
        return bool(kept) and lacks_parameter_sets(kept[0].payload())

    def decide(self, *, is_plain: bool, key_frames: int, frames: Iterable[Frame], sound: Codec | None) -> None:
        """The source is known now: `is_plain` for a program stream that is what it says, `frames` those kept of it."""
        if self.carry is not Carry.UNDECIDED:
            return
        if is_plain and self._kept and self._marks <= key_frames + FALSE_MARKS:
            self.carry = Carry.STRAIGHT
            return
        self.carry = Carry.REMUXED
        self._keep_nothing()
        self._sound = sound if sound in STREAM_TYPES else None
        for frame in frames:
            self.frame(frame, self._kept_since)

    def take_apart(self, sound: Codec | None, kept: Iterable[Frame] = ()) -> None:
        """The program stream cannot go on as it comes: from the next key frame on one is made from its frames, and of
        those in `kept` for newcomers."""
        self._catch_up()
        self.carry = Carry.REMUXED
        self._muxer = None
        self._sound = sound if sound in STREAM_TYPES else None
        since = self._kept_since
        self.rejoin()
        senders, self._senders = self._senders, ()
        for frame in kept:
            self.frame(frame, since)
        self._senders = senders

    def join(self, sender: Taker) -> None:
        """A sender is there from now on, and takes over the keeping of a recording."""
        self._catch_up()
        if self.on_join is not None:
            self.on_join()
        self._senders = (*self._senders, sender)
        self._keeps_all = False

    def leave(self, sender: Taker) -> None:
        self._catch_up()
        self._senders = tuple(each for each in self._senders if each is not sender)

    def rejoin(self) -> None:
        """The source began anew, as far as anybody can tell of the same kind."""
        self._catch_up()
        self._keep_nothing()
        for sender in self._senders:
            sender.rejoin()

    def jump(self) -> None:
        """The recording goes on elsewhere; senders pass it on as it comes, their receivers asked for it."""
        self._catch_up()
        self._keep_nothing()

    def restart(self) -> None:
        """Another source: all has to be learnt anew."""
        self._catch_up()
        self.carry = Carry.UNDECIDED
        self._marks = 0
        self._type = None
        self.foreign_types.clear()
        self._muxer = None
        self._sound = None
        self.rejoin()


def _cut(payload: bytes, timestamp: int, marker: bool, lost_before: bool) -> Run:
    """A run of packets of the usual size; the marker stays on the last."""
    view = memoryview(payload)
    pieces: list[bytes | memoryview] = []
    for number, at in enumerate(range(0, len(view), PAYLOAD_LIMIT)):
        kind = PAYLOAD_TYPE | MARKER if marker and at + PAYLOAD_LIMIT >= len(view) else PAYLOAD_TYPE
        pieces += _HEADER.pack(0x80, kind, number & 0xFFFF, timestamp, 0), view[at : at + PAYLOAD_LIMIT]
    data = b"".join(pieces)
    size = min(HEADER_BYTES + PAYLOAD_LIMIT, len(data))
    return Run(data, size, len(pieces) // 2, 0, timestamp, 0, PAYLOAD_TYPE, marker, lost_before)
