"""The packets of one RTSP medium to frames, laid on one 90 kHz line that picture and sound share."""

from __future__ import annotations

from dataclasses import dataclass, field

from media import rtcp
from media.es import AacDepacketiser, H264Depacketiser, H265Depacketiser, NalDepacketiser, SoundDepacketiser
from media.frame import Codec, Frame
from media.inlets.reception import Reception
from media.reorder import FAR, Reorderer
from media.rtp import RtpPacket, Unwrapper, parse, sequence_distance
from media.sources.description import Medium

START_CODE = b"\x00\x00\x00\x01"
LINE_HZ = 90_000
LINE_BEGINS = 10 * LINE_HZ
"""Sound may lie a little before the first picture, and no time may be negative."""
APART_S = 5.0
"""Reports that put sound further from where it arrived than this are of clocks that nobody has set."""
_NTP_SECOND = 1 << 32


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment in two clocks: the sender's media clock, unwrapped, and its wall clock in seconds."""

    timestamp: int
    wall_s: float


@dataclass(slots=True)
class _Sending:
    """What is known of one sender, which is one SSRC: its numbers and clocks are its own."""

    order: Reorderer[RtpPacket]
    reception: Reception
    times: Unwrapper = field(default_factory=lambda: Unwrapper(32))
    marks: Unwrapper = field(default_factory=lambda: Unwrapper(32))
    next: int | None = None
    sequence: int = 0
    timestamp: int | None = None
    began: tuple[int, float] | None = None
    """Its first time stamp, and when that came."""
    masters: tuple[int, float] | None = None
    """What the master began with when the offset was found."""
    offset: float = 0.0
    mark: Mark | None = None
    heeded: tuple[Mark, Mark] | None = None


class TrackReader:
    """Feed RTP and RTCP packets of one medium; never raises on what a server sent.

    Pictures run on their own clock from the line's beginning on. Sound is laid beside them by when it arrives, until
    both have told their wall clocks in sender reports; then by those. It is held back until the first picture packet.
    """

    def __init__(
        self, medium: Medium, *, by_tcp: bool, window: int, hold_s: float, master: TrackReader | None = None
    ) -> None:
        self.medium = medium
        self.packets = 0
        self.bytes = 0
        self.foreign = 0
        self.ssrc: int | None = None
        self._master = master
        self._by_tcp = by_tcp
        self._window = window
        self._hold_s = hold_s
        self._past_lost = self._straight_lost = 0
        self.sending = self._new_sending(0)
        self._unpacking = _unpacking_of(medium)
        if medium.sets and isinstance(self._unpacking, NalDepacketiser):
            told = b"".join(START_CODE + unit for unit in medium.sets)
            self._unpacking.pictures.take(told, None, None, None)

    @property
    def lost(self) -> int:
        return self._past_lost + self._straight_lost + self.sending.order.lost

    @property
    def needs_key(self) -> bool:
        return isinstance(self._unpacking, NalDepacketiser) and self._unpacking.pictures.need_key

    def receive(self, data: bytes | memoryview, now: float) -> list[Frame]:
        """One RTP packet as it came, and the frames that it completes."""
        packet = parse(data)
        if packet is None or packet.payload_type != self.medium.payload_type:
            self.foreign += 1
            return []
        if packet.ssrc != self.ssrc:
            self._past_lost += self.sending.order.lost
            self.sending = self._new_sending(packet.ssrc)
            self.ssrc = packet.ssrc
        sending = self.sending
        self.packets += 1
        self.bytes += len(data)
        sending.sequence = packet.sequence
        if self.medium.clock_hz == LINE_HZ and packet.timestamp != sending.timestamp:
            sending.timestamp = packet.timestamp
            sending.reception.note(packet, now)
        if not self._by_tcp:
            return self._all(sending.order.push(packet.sequence, packet, now), now)
        gap = 0 if sending.next is None else sequence_distance(sending.next, packet.sequence)
        sending.next = (packet.sequence + 1) & 0xFFFF
        if 0 < gap < FAR:
            self._straight_lost += gap
        return self._unpack(packet, gap != 0, now)

    def receive_rtcp(self, data: bytes | memoryview, now: float) -> None:
        """A report of the sender: what its clocks say at one moment."""
        sending = self.sending
        middle = rtcp.sender_report_middle(data)
        if middle is None or sending.began is None:
            return
        sending.reception.note_sender_report(middle, now)
        for part in rtcp.parts(data):
            if part.kind == rtcp.SENDER_REPORT and len(part.body) >= 24:
                ntp = int.from_bytes(part.body[4:12], "big")
                timestamp = int.from_bytes(part.body[12:16], "big")
                if ntp:
                    sending.mark = Mark(sending.marks.unwrap(timestamp), ntp / _NTP_SECOND)

    def flush(self, now: float) -> list[Frame]:
        """Every 50 ms: what has waited long enough."""
        return self._all(self.sending.order.flush(now), now)

    def give_out(self) -> list[Frame]:
        """After 200 ms without a packet: the last frame, which no next one will push out."""
        return self._unpacking.flush()

    @property
    def latest(self) -> int | None:
        """The time of the last frame."""
        kept = self._unpacking.pictures if isinstance(self._unpacking, NalDepacketiser) else self._unpacking.sound
        return kept.timeline.last

    def follow(self, picture: int | None) -> None:
        """Sound that has come to lie far from the picture is put back beside it."""
        if picture is not None and isinstance(self._unpacking, SoundDepacketiser):
            self._unpacking.sound.follow(picture)

    def report(self, own_ssrc: int, cname: str, now: float) -> bytes:
        """A receiver report, b"" before anything came."""
        if self.ssrc is None:
            return b""
        block = self.sending.reception.block(self.sending.sequence, self.packets, self.lost, now)
        return rtcp.receiver_report(own_ssrc, self.ssrc, **block) + rtcp.source_description(own_ssrc, cname)

    # --- the line --------------------------------------------------------------------------------------------

    def moment(self, now: float) -> float | None:
        """Where the line is for what arrives now, None before anything came."""
        began = self.sending.began
        return None if began is None else LINE_BEGINS + (now - began[1]) * LINE_HZ

    def line_of(self, timestamp: int) -> float:
        """Of an unwrapped time stamp of ours, as a master."""
        assert self.sending.began is not None
        return LINE_BEGINS + (timestamp - self.sending.began[0]) * LINE_HZ / self.medium.clock_hz

    def _place(self, timestamp: int, now: float) -> int | None:
        """Where a time stamp as it came lies on the line; None while that cannot be said."""
        sending, master = self.sending, self._master
        time = sending.times.unwrap(timestamp)
        if sending.began is None:
            sending.marks.unwrap(timestamp)
        if master is None:
            sending.began = sending.began or (time, now)
            return round(self.line_of(time))
        if sending.began is None or sending.masters != master.sending.began:
            arrived = master.moment(now)
            if arrived is None:
                return None
            sending.began, sending.masters = (time, now), master.sending.began
            sending.offset = arrived - time * LINE_HZ / self.medium.clock_hz
        if sending.mark is not None and master.sending.mark is not None:
            self._heed(master, master.sending.mark, sending.mark)
        return round(time * LINE_HZ / self.medium.clock_hz + sending.offset)

    def _heed(self, master: TrackReader, theirs: Mark, ours: Mark) -> None:
        """Once both clocks are told, the offset is theirs; it is worked out again with every new report."""
        sending = self.sending
        if sending.heeded == (theirs, ours):
            return
        sending.heeded = (theirs, ours)
        told = master.line_of(theirs.timestamp) + (ours.wall_s - theirs.wall_s) * LINE_HZ
        offset = told - ours.timestamp * LINE_HZ / self.medium.clock_hz
        if abs(offset - sending.offset) <= APART_S * LINE_HZ:
            sending.offset = offset

    # --- packets ---------------------------------------------------------------------------------------------

    def _all(self, ready: list[tuple[RtpPacket, bool]], now: float) -> list[Frame]:
        return [frame for packet, lost_before in ready for frame in self._unpack(packet, lost_before, now)]

    def _unpack(self, packet: RtpPacket, lost_before: bool, now: float) -> list[Frame]:
        place = self._place(packet.timestamp, now)
        if place is None:
            return []
        return self._unpacking.feed(packet.payload, lost_before, place & 0xFFFFFFFF, packet.marker)

    def _new_sending(self, ssrc: int) -> _Sending:
        return _Sending(Reorderer(self._window, self._hold_s), Reception(ssrc))


def _unpacking_of(medium: Medium) -> NalDepacketiser | SoundDepacketiser:
    if medium.codec is Codec.H264:
        return H264Depacketiser()
    if medium.codec is Codec.H265:
        return H265Depacketiser()
    if medium.codec is Codec.AAC:
        return AacDepacketiser(medium.aac, clock_hz=LINE_HZ)
    assert medium.codec is not None  # media that we cannot take are never set up
    return SoundDepacketiser(medium.codec, LINE_HZ)
