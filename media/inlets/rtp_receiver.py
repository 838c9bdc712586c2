"""RTP packets of one session to frames: whose they are, in which order, and what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from media import rtcp
from media.aac import AacFormat, fmtp_words, format_of_fmtp
from media.ahead import Ahead
from media.frame import Codec, Frame
from media.inlets.order import Order
from media.inlets.reception import Reception
from media.inlets.source_lock import Source, SourceLock
from media.inlets.witness import MANY, Witness
from media.passage import Passage
from media.plane import Transport
from media.ps.demux import Lent
from media.rtp import RtpPacket, is_rtcp, parse
from media.run import Run, run_at_head, run_of
from media.sniff import Carriage
from media.unpack import AAC_NAMES, Unpacker

_WITH_PICTURES = frozenset({Carriage.PS, Carriage.H264, Carriage.H265})
OWN_SSRC = 0x4C_57_00_01
CNAME = "lianwang"
QUIET_S = 0.2
"""After so long without a packet the last frame is given out: no next one will push it."""


class RtpReceiver:
    """Packets and the time in, frames out through `on_frame`. Never raises on what a camera sent.

    On a port of its own any SSRC is taken and a foreign one counted; sorting by SSRC is the shared port's work.
    """

    def __init__(
        self,
        ssrc: int,
        transport: Transport,
        *,
        window: int,
        hold_s: float,
        on_frame: Callable[[Frame, float], None],
        passage: Passage | None = None,
    ) -> None:
        self.ssrc = ssrc
        self.transport = transport
        self.lock = SourceLock()
        self.witness = Witness(transport)
        self.reports = Reception(ssrc)
        self.payloads: Mapping[int, str] = {}
        self._aac: AacFormat | None = None
        self.packet_at: float | None = None
        self.frame_at: float | None = None
        self.frames = 0
        self.key_frames = 0
        self.rtcp_packets = 0
        self.refused = 0
        self.ahead: Ahead | None = None
        self._window = window
        self._hold_s = hold_s
        self._on_frame = on_frame
        self._passage = passage
        self._is_awake = True
        self._heard_ssrc: int | None = None
        self._ssrcs: dict[int, int] = {}
        """Of each payload type in this session: sound beside the picture may have one of its own."""
        self._payload_type = -1
        self._is_mismatch = False
        self._sequence = 0
        self._timestamp: int | None = None
        self._is_udp = transport is Transport.UDP
        self._is_flushed = True
        self._past_lost = self._past_reordered = self._past_duplicates = self._past_resyncs = 0
        self._order = self._new_order(self._is_udp)
        self._unpacker = Unpacker({})

    # --- the packet path -------------------------------------------------------------------------------------

    def take(self, data: bytes, size: int, source: Source, now: float, by_udp: bool = True) -> None:
        """Packets of one sender back to back, each of `size` bytes but the last, which may be shorter.

        Those that follow on what came before go straight through as runs, the rest is looked at one by one.
        """
        self._catch_up()
        if not data:
            self.receive(data, source, now, by_udp)  # an empty datagram is counted as well
        while data:
            run = None
            if source == self.lock.source and by_udp is self._is_udp:
                run = run_at_head(data, size, self._payload_type, self._heard_ssrc)
            if run is not None and self._order.go_on(run.payload_type, run.sequence, run.count):
                self._pass(run, now)
                if len(run.data) == len(data):
                    return
                data = data[len(run.data) :]
            else:
                self.receive(data[:size], source, now, by_udp)
                data = data[size:]

    def _pass(self, run: Run, now: float) -> None:
        """A run that follows on what came before."""
        count = run.count
        self._sequence = run.sequence + count - 1 & 0xFFFF
        self.packet_at = self.lock.heard_at = now
        self._is_flushed = False
        witness = self.witness
        witness.packets += count
        witness.bytes += len(run.data)
        if self._is_mismatch:
            witness.ssrc_mismatches += count
        is_awake = self._is_awake
        if run.timestamp != self._timestamp:
            self._timestamp = run.timestamp
            self.reports.note(run, now)
            self.frames += not is_awake
        if self._passage is not None:
            self._passage.run(run, now)
        if is_awake:
            for frame in self._unpacker.feed_run(run):
                self._give(frame, now)
        else:
            self.frame_at = now

    def receive(self, packet: bytes | memoryview, source: Source, now: float, by_udp: bool = True) -> None:
        """One packet as it came off a socket."""
        parsed = parse(packet)
        if parsed is None:
            if is_rtcp(packet):
                self.receive_rtcp(packet, now)
            else:
                self.witness.note_garbage(len(packet), source)
            return
        if (
            source != self.lock.source
            or parsed.ssrc != self._heard_ssrc
            or parsed.payload_type != self._payload_type
            or by_udp is not self._is_udp
        ) and not self._admit(parsed, source, now, by_udp):
            return
        self.packet_at = self.lock.heard_at = now
        self._is_flushed = False
        self._sequence = parsed.sequence
        witness = self.witness
        witness.packets += 1
        witness.bytes += len(packet)
        if self._is_mismatch:
            witness.ssrc_mismatches += 1
        if parsed.timestamp != self._timestamp:
            self._timestamp = parsed.timestamp
            self.reports.note(parsed, now)
            # Not looked into: one time stamp, one picture (2022 clause 4.3.6).
            self.frames += not self._is_awake
        if not self._is_awake:
            self.frame_at = now
        for ready, lost_before in self._order.push(parsed, now):
            self._hand_on(ready, lost_before, now)

    def _admit(self, packet: RtpPacket, source: Source, now: float, by_udp: bool) -> bool:
        """Something differs from the packet before: who sends, as whom, what, or by which way."""
        witness = self.witness
        if source != self.lock.source:
            witness.note_source(source)
            if self.lock.shuns(source, packet.ssrc):
                witness.note_stranger(packet.ssrc, source)
                self.refused += 1
                return False
        if not self.lock.admits(source, packet.ssrc, packet.payload_type, now):
            self.refused += 1
            return False
        if self._ssrcs.get(packet.payload_type, packet.ssrc) != packet.ssrc or by_udp is not self._is_udp:
            self._change_session(by_udp, now)
        if self._ssrcs.get(packet.payload_type) != packet.ssrc:
            self._meet(packet)
        self._heard_ssrc = packet.ssrc
        if packet.payload_type != self._payload_type:
            self._payload_type = packet.payload_type
            witness.note_payload_type(packet.payload_type)
        self._is_mismatch = packet.ssrc != self.ssrc
        return True

    def receive_rtcp(self, packet: bytes | memoryview, now: float) -> None:
        """A report of the sender; kept for the round trip, never a sign of life of the media."""
        self.rtcp_packets += 1
        middle = rtcp.sender_report_middle(packet)
        if middle is not None:
            self.reports.note_sender_report(middle, now)

    def tick(self, now: float) -> None:
        """Call every 50 ms: lets go what has waited long enough."""
        if self._is_flushed or (self.ahead is not None and self.ahead.is_ahead):
            return
        for ready, lost_before in self._order.flush(now):
            self._hand_on(ready, lost_before, now)
        if self.packet_at is not None and now - self.packet_at >= QUIET_S:
            self._is_flushed = True
            for frame in self._unpacker.flush():
                self._give(frame, now)

    def _hand_on(self, packet: RtpPacket, lost_before: bool, now: float) -> None:
        """A packet in its order: to other receivers as it is, and to whoever needs its frames."""
        if self._passage is not None:
            self._passage.run(run_of(packet, lost_before=lost_before), now)
        if self._is_awake:
            for frame in self._unpacker.feed(packet, lost_before):
                self._give(frame, now)

    # --- lent ------------------------------------------------------------------------------------------------

    def lend(self) -> tuple[Source, int, int, int, int | None] | None:
        """Whose packets come, their payload type and SSRC, the next number and the last timestamp, for one who takes
        them in our place; None while they need more thought."""
        source, ssrc = self.lock.source, self._heard_ssrc
        following = self._order.next_of(self._payload_type)
        if source is None or ssrc is None or following is None:
            return None
        return source, self._payload_type, ssrc, following, self._timestamp

    def lend_unpacking(self) -> Lent | None:
        """Where unpacking stands, for one who does it in our place."""
        return self._unpacker.lend(self._payload_type)

    def count(self, packets: int, size: int, frames: int, keys: int, packet_at: float, frame_at: float) -> None:
        """So many came, the last ones then."""
        witness = self.witness
        witness.packets += packets
        witness.bytes += size
        if self._is_mismatch:
            witness.ssrc_mismatches += packets
        self.frames += frames
        self.key_frames += keys
        self.packet_at = self.lock.heard_at = packet_at
        if frame_at > (self.frame_at or 0.0):
            self.frame_at = frame_at

    def note_reception(self, sequence: int, highest: int, last: int, transit: float, jitter: float) -> None:
        """Where whoever takes packets in our place has come to."""
        self._sequence = sequence
        self.reports.take_back(highest, last, transit, jitter)

    def take_back(self, sequence: int, packets: int, timestamp: int) -> None:
        """So many packets followed on that number."""
        self._order.go_on(self._payload_type, sequence, packets)
        self._sequence = sequence + packets - 1 & 0xFFFF
        self._timestamp = timestamp
        self._is_flushed = False

    def take_back_unpacking(self, lent: Lent) -> None:
        """Go on where whoever unpacked in our place has come to."""
        self._unpacker.take_back(self._payload_type, lent)

    def unpack(self, runs: Iterable[Run], now: float) -> None:
        """What is counted and handed on already."""
        for run in runs:
            self.give_all(self._unpacker.feed_run(run), now)

    def give_all(self, frames: Iterable[Frame], now: float) -> None:
        """Frames of the stream."""
        for frame in frames:
            self._give(frame, now)

    def _catch_up(self) -> None:
        if self.ahead is not None and self.ahead.is_ahead:
            self.ahead.catch_up()

    # --- the session -----------------------------------------------------------------------------------------

    @property
    def is_awake(self) -> bool:
        """Whether packets are unpacked."""
        return self._is_awake

    def sleep(self) -> None:
        """Nobody needs frames: packets are only handed on."""
        self._catch_up()
        self._is_awake = False

    def wake(self, kept: Iterable[Run | RtpPacket], now: float) -> None:
        """Frames are needed again, and those in `kept` come first."""
        if not self._is_awake:
            self._catch_up()
            self._is_awake = True
            self._renew_unpacker(is_same=True)
            counted = self.frames, self.key_frames
            for each in kept:
                frames = self._unpacker.feed_run(each) if isinstance(each, Run) else self._unpacker.feed(each)
                for frame in frames:
                    self._give(frame, now)
            self.frames, self.key_frames = counted

    def seek(self) -> None:
        """The recording goes on elsewhere: what is half put together belongs to another time."""
        self._catch_up()
        if self._is_awake:
            self._renew_unpacker(is_same=True)

    def aim(
        self,
        payloads: Mapping[int, str],
        host: str | None,
        ssrc: int | None,
        port: int | None = None,
        formats: Mapping[int, str] | None = None,
    ) -> None:
        """What was answered. What came before the answer stays, unless it has to be read otherwise."""
        self._catch_up()
        if ssrc:
            self.ssrc = ssrc
            self._is_mismatch = self._heard_ssrc is not None and self._heard_ssrc != ssrc
        self.lock.expect(host, self.ssrc, port)
        aac = _aac_of(payloads, formats or {})
        if payloads and (dict(payloads) != dict(self.payloads) or aac != self._aac):
            self.payloads, self._aac = dict(payloads), aac
            if self.frames == 0:
                self._renew_unpacker()
            else:
                self._unpacker.tell(self.payloads, aac)

    def restart(self) -> None:
        """A new call on the same inlet: forget the old sender, keep the counts."""
        self._catch_up()
        self.lock.reset()
        self.witness = Witness(self.transport)
        self._is_awake = True
        if self._passage is not None:
            self._passage.restart()
        self._renew(self._is_udp)
        self._heard_ssrc = None
        self._ssrcs.clear()
        self.packet_at = self.frame_at = None

    def report(self, now: float) -> bytes:
        """A receiver report with our name, for the sender's RTCP port (media.md 3.4)."""
        if self.ahead is not None:
            self.ahead.publish_reception(reports=True)
        block = self.reports.block(self._sequence, self.witness.packets, self.lost, now)
        return rtcp.receiver_report(OWN_SSRC, self.reports.ssrc, **block) + rtcp.source_description(OWN_SSRC, CNAME)

    @property
    def last_sender(self) -> tuple[Source, int] | None:
        """Whose datagrams were taken, and under which SSRC."""
        if not self._is_udp or self.lock.source is None or self._heard_ssrc is None:
            return None
        return self.lock.source, self._heard_ssrc

    @property
    def is_udp(self) -> bool:
        """How packets really come, whatever was agreed."""
        return self._is_udp

    @property
    def need_key(self) -> bool:
        return self._unpacker.need_key

    @property
    def lost(self) -> int:
        return self._past_lost + self._order.lost

    @property
    def reordered(self) -> int:
        return self._past_reordered + self._order.reordered

    @property
    def duplicates(self) -> int:
        return self._past_duplicates + self._order.duplicates

    @property
    def resyncs(self) -> int:
        return self._past_resyncs + self._unpacker.tally.resyncs

    @property
    def sound_codec(self) -> Codec | None:
        return self._unpacker.audio_codec

    def names_sound(self, payload_type: int) -> bool:
        """Whether packets of this type are sound by what was answered, or by custom."""
        return self._unpacker.names_sound(payload_type)

    @property
    def announces_audio(self) -> bool:
        """Whether the program stream map or the bytes so far promise sound."""
        return self._unpacker.announces_audio

    @property
    def is_understood(self) -> bool:
        """Whether the packets carry something that pictures may come out of."""
        return any(each in _WITH_PICTURES for each in self._unpacker.carriages.values())

    @property
    def is_plain_program(self) -> bool:
        """Whether what comes is one program stream that says rightly what is in it."""
        return self._unpacker.is_plain_program

    @property
    def codecs(self) -> tuple[str, ...]:
        return tuple(str(c) for c in (self._unpacker.video_codec, self._unpacker.audio_codec) if c is not None)

    @property
    def unsupported(self) -> tuple[str, ...]:
        return self._unpacker.unplayable

    def _give(self, frame: Frame, now: float) -> None:
        self.frames += 1
        if frame.codec.is_video:
            self.frame_at = now
            self.key_frames += frame.key
        self._on_frame(frame, now)

    def _meet(self, packet: RtpPacket) -> None:
        """The first of its payload type in this session."""
        if not self._ssrcs:
            self.reports = Reception(packet.ssrc)
        if len(self._ssrcs) < MANY:
            self._ssrcs[packet.payload_type] = packet.ssrc
        self.witness.note_ssrc(packet.ssrc)

    def _change_session(self, by_udp: bool, now: float) -> None:
        self._ssrcs.clear()
        if self._heard_ssrc is not None:
            # Another SSRC on the same pair is the sender beginning anew; what we know of the codecs still holds, but
            # its first pictures are no continuation of the last ones (media.md 3.6).
            self._renew(by_udp, keep_unpacker=True)
            self.give_all(self._unpacker.break_off(), now)
            if self._passage is not None:
                self._passage.rejoin()
        elif by_udp is not self._is_udp:
            self._order = self._new_order(by_udp)
        self._is_udp = by_udp

    def _renew(self, by_udp: bool, *, keep_unpacker: bool = False) -> None:
        self._past_lost += self._order.lost
        self._past_reordered += self._order.reordered
        self._past_duplicates += self._order.duplicates
        self._order = self._new_order(by_udp)
        if not keep_unpacker:
            self._renew_unpacker()

    def _renew_unpacker(self, *, is_same: bool = False) -> None:
        """`is_same`: it is still the same stream, and known."""
        self._past_resyncs += self._unpacker.tally.resyncs
        self._unpacker = Unpacker(self.payloads, aac=self._aac, before=self._unpacker if is_same else None)

    def _new_order(self, by_udp: bool) -> Order:
        return Order(reorders=by_udp, window=self._window, hold_s=self._hold_s)


def _aac_of(payloads: Mapping[int, str], formats: Mapping[int, str]) -> AacFormat | None:
    """The form of AAC that the answer tells; None where it tells none."""
    said = (formats.get(number, "") for number, name in payloads.items() if name.split("/")[0] in AAC_NAMES)
    return next((form for text in said if (form := format_of_fmtp(fmtp_words(text))) is not None), None)
