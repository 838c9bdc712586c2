"""The life of one inlet: opened, aimed, flowing, failed; its doors, its clocks, and what it says when nothing comes."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from media.fanout import Fanout
from media.frame import Frame
from media.inlets.express import Express
from media.inlets.gauge import Gauge
from media.inlets.reception import CLOCK_HZ
from media.inlets.rounds import Rounds
from media.inlets.rtp_receiver import RtpReceiver
from media.inlets.shared_port import SharedPort
from media.inlets.source_lock import Source
from media.inlets.tcp import CONNECTIONS, TcpConnection, TcpListener, connect
from media.inlets.udp import UdpDoor, WideDoor
from media.passage import Carry, Passage
from media.plane import (
    Aim,
    AudioTrack,
    FirstFrame,
    InletStatistics,
    KeyFrameWanted,
    PlaneEvent,
    Seen,
    StreamFailed,
    TracksChanged,
    Transport,
    Verdict,
    VideoTrack,
)
from media.ports import PortPair
from media.rates import Counted

log = logging.getLogger(__name__)

REPORT_EVERY_S = 5.0
KEY_FRAME_PATIENCE_S = 2.0
"""Without a key frame for so long one is asked for, and again after as long."""
DOZE_AFTER_S = 2.0
"""Nobody has needed frames for so long: the stream is no longer unpacked."""
UNPROVEN_S = 10.0
"""A connection without one valid packet for so long is closed (media.md 3.3)."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a session waits, in seconds; the words are those of PlaneSettings."""

    never_came_s: float
    lost_udp_s: float
    lost_tcp_s: float
    stuck_s: float
    connect_s: float
    connect_tries: int
    connect_pause_s: float


class Phase(StrEnum):
    OPENED = "opened"
    AIMED = "aimed"
    FLOWING = "flowing"
    FAILED = "failed"
    CLOSED = "closed"


class Session:
    """One inlet. Everything happens on the loop's thread; `tell` carries the events out."""

    def __init__(
        self,
        name: str,
        receiver: RtpReceiver,
        fanout: Fanout,
        passage: Passage,
        patience: Patience,
        tell: Callable[[PlaneEvent], None],
        clock: Callable[[], float],
        rounds: Rounds,
    ) -> None:
        self.name = name
        self.receiver = receiver
        self.fanout = fanout
        self.passage = passage
        self.gauge = Gauge()
        self.is_recorded: Callable[[], bool] = bool
        """Whether somebody beside the fan-out takes every frame."""
        self.express = Express(
            receiver, fanout, self.gauge, passage, lambda: fanout.has_renditions or self.is_recorded()
        )
        passage.on_join = self._sender_comes
        self.viewers = 0
        """Viewer places on this stream, taken or reserved; `look` and `look_away` count them."""
        self.skips = self.cut = 0
        """Of viewers that have left: how often they were moved on, and how many were too slow to stay."""
        self.phase = Phase.OPENED
        self.pair: PortPair | None = None
        self.shared: SharedPort | None = None
        self._patience = patience
        self._tell = tell
        self._clock = clock
        self._rounds = rounds
        self._opened_at = clock()
        self._aimed_at = 0.0
        self._key_wanted_at = 0.0
        self._need_key_since: float | None = None
        self._report_at = 0.0
        self._rtcp_source: Source | None = None
        self._rtp: WideDoor | None = None
        self._rtcp: UdpDoor | None = None
        self._listener: TcpListener | None = None
        self._connections: dict[TcpConnection, None] = {}
        self._connecting: asyncio.Task[None] | None = None
        self._parted_at: float | None = None
        self._past_resyncs = 0
        self._unseen_since: float | None = None
        self._is_held = False
        self._is_stayed = False

    # --- doors -----------------------------------------------------------------------------------------------

    def open_own(self, pair: PortPair) -> None:
        """Listen on sockets of our own."""
        self.pair = pair
        if pair.last_sender is not None:
            self.receiver.lock.shun(*pair.last_sender)
        self._rtp = WideDoor(pair.rtp, self._rounds, self.receiver.take, self.express)
        self._rtcp = UdpDoor(pair.rtcp, self._report_came, self._clock)
        if pair.listener is not None:
            self._listener = TcpListener(pair.listener, self._accepted)

    def open_shared(self, shared: SharedPort) -> bool:
        """Be a guest of the shared port; false when its SSRC is taken there."""
        if not shared.join(self):
            return False
        self.shared = shared
        return True

    async def close(self) -> None:
        """Close every socket and task. The port pair's sockets are closed; giving the numbers back is the lender's."""
        self.phase = Phase.CLOSED
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
            self._connecting = None
        for connection in tuple(self._connections):
            connection.close()
        self._connections.clear()
        if self.shared is not None:
            self.shared.leave(self)
        for door in (self._rtp, self._rtcp, self._listener):
            if door is not None:
                door.close()
        self._rtp = self._rtcp = self._listener = None

    # --- aim -------------------------------------------------------------------------------------------------

    def aim(self, aim: Aim) -> None:
        """Start the clock of the stream that must come; TCP active connects now."""
        now = self._clock()
        if self.phase in (Phase.FLOWING, Phase.FAILED):
            self._begin_anew()
        old_ssrc = self.receiver.ssrc
        host = _literal(aim.host)
        self.receiver.aim(aim.payloads, host, aim.ssrc, aim.port, aim.formats)
        if self.shared is not None:
            self.shared.answered(self, old_ssrc, host, aim.port)
        self.phase = Phase.AIMED
        self._aimed_at = now
        self._key_wanted_at = now
        if self.receiver.transport is Transport.TCP_ACTIVE:
            if self._connecting is not None:
                self._connecting.cancel()
            self._connecting = asyncio.create_task(self._connect(host, aim.port), name=f"media connect {self.name}")
        elif self.fanout.is_ready:
            self._first_frame()  # the camera did not wait for our ACK

    def _begin_anew(self) -> None:
        for connection in tuple(self._connections):
            connection.close()
        self._connections.clear()
        self._parted_at = None
        self._need_key_since = None
        self._opened_at = self._clock()
        self.receiver.restart()
        self.fanout.restart()
        self.gauge.doze()

    async def _connect(self, host: str | None, port: int | None) -> None:
        witness = self.receiver.witness
        if host is None or not port:
            witness.connect_failure = "the answer named no address to connect to"
            return
        try:
            opened = await connect(
                host,
                port,
                wait_s=self._patience.connect_s,
                tries=self._patience.connect_tries,
                pause_s=self._patience.connect_pause_s,
                failed=witness.note_connect_failure,
            )
        except OSError:
            if self.phase is Phase.AIMED and witness.packets == 0:
                self._fail(self._judge())
            return
        self._accepted(opened, (host, port))

    # --- what comes in ---------------------------------------------------------------------------------------

    @property
    def ssrc(self) -> int:
        return self.receiver.ssrc

    @property
    def locked_source(self) -> Source | None:
        return self.receiver.lock.source

    def is_silent(self, now: float) -> bool:
        return self.receiver.lock.is_silent(now)

    def take_shared(self, data: bytes, size: int, source: Source, now: float, by_udp: bool) -> None:
        self.receiver.take(data, size, source, now, by_udp)
        if not by_udp and self.passage.is_pressed and not self._is_stayed:
            self._stay(True)

    def packets_came(self, connection: TcpConnection, data: bytes, size: int, now: float) -> None:
        connection.heard_at = now
        self.take_shared(data, size, connection.source, now, False)

    def _report_came(self, data: bytes, source: Source, now: float) -> None:
        locked = self.receiver.lock.source
        if locked is None or source[0] == locked[0]:
            self._rtcp_source = source
            self.receiver.receive_rtcp(data, now)

    def _accepted(self, opened: socket.socket, source: Source) -> None:
        self.connection_came(TcpConnection(opened, source, None, self, self._rounds, self._clock(), self.express))

    def connection_came(self, connection: TcpConnection) -> None:
        if len(self._connections) >= CONNECTIONS:
            # Whoever connects takes no place of the one whose packets we take, however seldom those come.
            others = [each for each in self._connections if each.source != self.receiver.lock.source]
            min(others, key=lambda each: each.heard_at).end("newer connections came")
        self.receiver.witness.connections += 1
        self.receiver.witness.note_source(connection.source)
        self._connections[connection] = None
        self._parted_at = None

    def connection_ended(self, connection: TcpConnection, why: str) -> None:
        self._past_resyncs += connection.resyncs
        self._connections.pop(connection, None)
        self.receiver.lock.part(connection.source)
        if why == "the framing was lost":
            self.receiver.witness.framing_lost += 1
        if not self._connections:
            self._parted_at = self._clock()

    # --- frames out ------------------------------------------------------------------------------------------

    def look(self) -> None:
        """One viewer more; what is kept is unpacked for it if nobody looked until now."""
        self.viewers += 1
        self._unseen_since = None
        self.express.catch_up()
        if not self.receiver.is_awake:
            self.receiver.wake(self.passage.kept, self._clock())

    def look_away(self) -> None:
        self.viewers -= 1

    def frame_came(self, frame: Frame, now: float) -> None:
        """The receiver's outlet."""
        self.gauge.note(frame, now)
        fanout = self.fanout
        fanout.put(frame, now, awaits_audio=not fanout.is_ready and self.receiver.announces_audio)
        if self.passage.carry is not Carry.STRAIGHT:
            self.passage.frame(frame, now)

    def tracks_ready(self, video: VideoTrack, audio: AudioTrack | None) -> None:
        """The fan-out knows what flows, or what flows now."""
        if self.phase is Phase.AIMED:
            self._first_frame()
        elif self.phase is Phase.FLOWING:
            self._tell(TracksChanged(self.name, video, audio))

    def _first_frame(self) -> None:
        assert self.fanout.video is not None
        self.phase = Phase.FLOWING
        self.passage.decide(
            is_plain=self.receiver.is_plain_program,
            key_frames=self.receiver.key_frames,
            frames=self.fanout.kept,
            sound=self.fanout.audio.codec if self.fanout.audio else None,
        )
        self._tell(FirstFrame(self.name, self.fanout.video, self.fanout.audio))

    # --- clocks ----------------------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Every 50 ms."""
        self.receiver.tick(now)
        self.fanout.tick(now)
        if self._is_stayed and not self.passage.is_congested:
            self._stay(False)

    def hold(self, is_held: bool) -> None:
        """A recording is paused, or goes on: the waits begin anew then."""
        self.express.publish()
        self._is_held = is_held
        self._forgive_silence()

    def _forgive_silence(self) -> None:
        now = self._clock()
        if self.receiver.packet_at is not None:
            self.receiver.packet_at = now
        if self.receiver.frame_at is not None:
            self.receiver.frame_at = now

    def seek(self) -> None:
        """The recording goes on elsewhere."""
        self.receiver.seek()
        self.fanout.doze()
        self.gauge.doze()
        self.gauge.begin_leg()
        self.passage.jump()

    def pace(self, scale: float) -> None:
        """The recording goes on at another speed."""
        self.express.catch_up()
        self.fanout.pace(scale)
        self.gauge.begin_leg()

    def _stay(self, is_stayed: bool) -> None:
        """Hold the source back, where it can be: over TCP. A recording is sent as fast as we read it."""
        self.express.catch_up()
        self._is_stayed = is_stayed
        self._forgive_silence()
        for connection in self._connections:
            connection.stay(is_stayed)

    def watch(self, now: float) -> None:
        """A few times a second: figures, reports, and the waits that have an end."""
        self.express.watch(now)
        self.measure(now)
        if self.phase is Phase.AIMED:
            self._watch_aimed(now)
        elif self.phase is Phase.FLOWING and not self._is_held and not self._is_stayed:
            self._watch_flowing(now)
        if self.phase is Phase.FLOWING:
            self._watch_sound(now)
        if self.phase is Phase.FLOWING and not self.viewers:
            self._watch_unseen(now)
        if now - self._report_at >= REPORT_EVERY_S:
            self._report_at = now
            self._send_report(now)
        for connection in [each for each in self._connections if not each.packets and now - each.heard_at > UNPROVEN_S]:
            connection.close()
            self.connection_ended(connection, "it said nothing")

    def _watch_aimed(self, now: float) -> None:
        if now - self._aimed_at >= self._patience.never_came_s:
            self._fail(self._judge())
        elif self.receiver.is_understood and not self.fanout.is_ready:
            self._want_key_frame(now, "no key frame has come yet")

    def _sender_comes(self) -> None:
        """Parameter sets that the camera sent only once are known to us, not to who comes now (P24): from its kept
        key frame on the stream is made anew, with them."""
        passage = self.passage
        if self.phase is not Phase.FLOWING or (passage.is_recording and passage.has_senders) or not passage.lacks_sets:
            return
        self.receiver.wake(self.passage.kept, self._clock())
        self.passage.take_apart(self.receiver.sound_codec, self.fanout.kept)

    def _watch_sound(self, now: float) -> None:
        """Bare sound that began beside a program stream was not there when it was looked at first (R10). Of a recording
        nothing may be missing for whoever takes it whole: it goes on as it began."""
        passage = self.passage
        if passage.is_recording:
            return
        if passage.carry is Carry.STRAIGHT and any(map(self.receiver.names_sound, passage.foreign_types)):
            passage.take_apart(self.receiver.sound_codec)
            self.receiver.wake((), now)
            self._want_key_frame(now, "sound has come beside the picture")

    def _watch_unseen(self, now: float) -> None:
        if self.passage.needs_frames or not self.passage.has_kept:
            # No key frame has gone by for long, or none that shows: whether pictures come must be looked at.
            self._unseen_since = None
            self.receiver.wake((), now)
        elif not self.receiver.is_awake:
            pass
        elif self._unseen_since is None:
            self._unseen_since = now
        elif now - self._unseen_since >= DOZE_AFTER_S:
            self.receiver.sleep()
            self.fanout.doze()
            self.gauge.sleep(self.receiver.frames)

    def _watch_flowing(self, now: float) -> None:
        receiver, patience = self.receiver, self._patience
        is_tcp = bool(self._connections) or self._parted_at is not None
        patience_s = patience.lost_tcp_s if is_tcp else patience.lost_udp_s
        silent_s = now - (receiver.packet_at if receiver.packet_at is not None else self._aimed_at)
        # A sender that closed its connection may come back within its own retries (2022 annex D: 1 s apart, 3 times).
        if silent_s >= patience_s or (self._parted_at is not None and now - self._parted_at >= patience_s / 3):
            why = f"silent for {silent_s:.0f} s"
            if self._parted_at is not None:
                why = "the sender closed the connection and did not come back"
            self._fail(_as(self._judge(), Verdict.LOST, why))
            return
        stuck_s = now - (receiver.frame_at if receiver.frame_at is not None else self._aimed_at)
        if stuck_s >= 2 * patience.stuck_s and silent_s < patience.stuck_s:
            note = f"packets come but no whole frame for {stuck_s:.0f} s"
            self._fail(_as(self._judge(), Verdict.NO_KEY_FRAME if receiver.is_understood else Verdict.NOT_PS, note))
        elif stuck_s >= patience.stuck_s:
            self._want_key_frame(now, f"packets come but no whole frame for {stuck_s:.0f} s")
        elif not receiver.is_awake or not receiver.need_key:
            self._need_key_since = None
        elif self._need_key_since is None:
            self._need_key_since = now
        elif now - self._need_key_since >= KEY_FRAME_PATIENCE_S / 4:
            self._want_key_frame(now, "packets were lost")

    def _want_key_frame(self, now: float, reason: str) -> None:
        if now - self._key_wanted_at >= KEY_FRAME_PATIENCE_S:
            self._key_wanted_at = now
            self._tell(KeyFrameWanted(self.name, reason))

    def _judge(self) -> Seen:
        witness = self.receiver.witness
        if self.shared is not None and witness.packets == 0:
            for ssrc, source in self.shared.strangers_since(self._opened_at):
                witness.note_stranger(ssrc, source)
        return witness.judge(
            codecs=self.receiver.codecs,
            is_understood=self.receiver.is_understood,
            unsupported=self.receiver.unsupported,
        )

    def _fail(self, seen: Seen) -> None:
        self.phase = Phase.FAILED
        self._tell(StreamFailed(self.name, seen))

    def _send_report(self, now: float) -> None:
        source = self.receiver.lock.source
        if source is None or not self.receiver.is_udp or self.phase is Phase.FAILED:
            return
        target = self._rtcp_source or (source[0], min(source[1] + 1, 65535))
        report = self.receiver.report(now)
        if self._rtcp is not None:
            self._rtcp.send(report, target)
        elif self.shared is not None:
            self.shared.send(report, target)

    # --- eyes ------------------------------------------------------------------------------------------------

    def measure(self, now: float, *, is_last: bool = False) -> Counted:
        """Look at the counters; once more, with `is_last`, before the inlet goes. All that was counted comes back."""
        self.express.publish()
        receiver = self.receiver
        witness = receiver.witness
        self.gauge.sample(
            witness.packets,
            witness.bytes,
            receiver.lost,
            receiver.frames,
            now,
            is_awake=receiver.is_awake,
            is_last=is_last,
        )
        return self.gauge.rates.total

    def statistics(self, now: float) -> InletStatistics:
        self.express.publish_reception(reports=False)
        receiver, rates = self.receiver, self.gauge.rates
        age = None if receiver.packet_at is None else now - receiver.packet_at
        return InletStatistics(
            inlet=self.name,
            packets=receiver.witness.packets,
            bytes=receiver.witness.bytes,
            lost=receiver.lost,
            reordered=receiver.reordered,
            duplicates=receiver.duplicates,
            ssrc_mismatches=receiver.witness.ssrc_mismatches,
            resyncs=receiver.resyncs + self._past_resyncs + sum(each.resyncs for each in self._connections),
            frames=receiver.frames,
            key_frames=receiver.key_frames,
            viewers=self.fanout.viewers,
            last_packet_age_s=age,
            video=self.fanout.video,
            audio=self.fanout.audio,
            bitrate_bps=rates.bitrate_bps,
            packets_per_s=rates.packets_per_s,
            fps=rates.fps,
            loss=rates.loss,
            jitter_s=receiver.reports.jitter / CLOCK_HZ,
            gop_frames=self.gauge.gop_frames,
            gop_s=self.gauge.gop_s,
            key_frame_age_s=self.gauge.key_frame_age_s(now),
            cut=self.cut,
            leg=self.gauge.leg,
            leg_s=self.gauge.leg_90k / 90_000,
        )

    def __repr__(self) -> str:
        return f"<Session {self.name} {self.phase} {self.receiver.transport} SSRC {self.ssrc:010d}>"


def _literal(host: str | None) -> str | None:
    """The address if it is one; names are not looked up for a device's sake."""
    try:
        return str(ipaddress.ip_address(host or ""))
    except ValueError:
        return None


def _as(seen: Seen, verdict: Verdict, note: str) -> Seen:
    return Seen(verdict, seen.packets, seen.bytes, seen.sources, seen.ssrcs, seen.payload_types, seen.codecs, note)
