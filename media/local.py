"""The promises of `plane.py` kept inside this process."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import math
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from media.annexb import START_CODE, parameter_sets
from media.fanout import Fanout, KeepLimits
from media.frame import Codec, Frame
from media.inlets.rota import TICK_S, WATCH_EVERY_TICKS, Rota
from media.inlets.rounds import Rounds
from media.inlets.rtp_receiver import RtpReceiver
from media.inlets.session import Patience, Session
from media.inlets.shared_port import SharedPort
from media.load import Load, resident_bytes
from media.outlets.doors import EXTENSIONS, Doors
from media.outlets.gallery import Gallery
from media.outlets.recorders import Recorders
from media.outlets.recording import Habits, Sound
from media.outlets.road import Trying
from media.outlets.senders import Senders
from media.outlets.tide import Pace
from media.outlets.viewer import Tolerance
from media.passage import Passage
from media.plane import (
    MOST_SEATS,
    Aim,
    Inlet,
    InletStatistics,
    KeyFrame,
    KeyFrameWanted,
    NoCapacity,
    OutletKind,
    PlaneEvent,
    Probed,
    Recorder,
    RecordingWish,
    Seating,
    Sender,
    SenderStatistics,
    SenderWish,
    Source,
    Steering,
    StreamFailed,
    TakingWish,
    Transport,
    WorkerStatistics,
)
from media.ports import Ports
from media.rates import Counted
from media.signing import Signer
from media.sources.file import FilePull, files_within
from media.sources.kept import KeptPull
from media.sources.pull import Pull
from media.sources.pulled import PulledSession
from media.sources.pulled_receiver import PulledReceiver
from media.sources.rtsp_session import RtspPace, RtspPull

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlaneSettings:
    """What the media plane may use and how long it waits. Times are seconds, sizes bytes."""

    host: str = "0.0.0.0"
    """Address the media sockets are bound to."""
    workers: int = 1
    """Media processes on this machine, at most one a core; 0 has the server do their work itself."""
    worker_stall_s: float = 1.2
    """A worker that says nothing for so long is ended and replaced."""
    worker_spare: bool = True
    """Keep one more process ready, so that a replacement is there at once."""
    zone: str = ""
    """The part of the network these workers stand in; devices of the same zone are taken before others."""
    announce_host: str = ""
    """What SDP's c= line says; "" leaves it to the broker: the address by which the device reached us."""
    first_port: int = 30000
    """First (even) port of the range; 0 takes ports of the system's choice."""
    last_port: int = 30999
    """The last port of the range; a stream takes two, RTP and RTCP."""
    single_port: int = 0
    """The shared port of single-port mode (UDP and TCP), 0 for one of the system's choice; bound at first use."""
    quarantine_s: float = 5.0
    """How long a freed port rests, so that late packets of its last stream do not reach the next one."""
    never_came_s: float = 10.0
    """From aim to the first frame; then StreamFailed."""
    audio_wait_s: float = 1.0
    """How long the first frame waits for announced sound."""
    lost_udp_s: float = 10.0
    """Silence after which a flowing UDP stream is lost."""
    lost_tcp_s: float = 15.0
    """The same over TCP."""
    stuck_s: float = 10.0
    """Packets but no whole frame: a key frame is asked for after this, the stream given up after twice this."""
    connect_s: float = 3.0
    """TCP active: the patience for one connection (2022 annex D)."""
    connect_tries: int = 4
    """TCP active: the first try and at least three more."""
    connect_pause_s: float = 1.0
    """TCP active: the pause between tries, at least one second."""
    receiver_came_s: float = 10.0
    """How long a platform above that connects to us is waited for, and one that refuses our packets is borne with."""
    receive_buffer_bytes: int = 4 * 1024 * 1024
    """Wanted socket buffer: one key frame of a 4K camera overflows the usual 212 KB."""
    reorder_window: int = 256
    """UDP packets that may wait for an earlier one."""
    reorder_hold_s: float = 0.2
    """How long they wait before the earlier one counts as lost."""
    gop_frames: int = 1024
    """Frames kept since the last key frame, for viewers who come now."""
    gop_bytes: int = 32 * 1024 * 1024
    """And their bytes."""
    gop_s: float = 10.0
    """And their seconds."""
    viewer_bytes: int = 8 * 1024 * 1024
    """What may wait for one slow viewer before it skips to the next key frame."""
    viewer_age_s: float = 2.0
    """And how old the oldest of it may be."""
    viewer_skips: int = 5
    """Skips in a row (without catching up for `viewer_forgive_s`) after which a viewer is cut."""
    viewer_forgive_s: float = 30.0
    """A viewer that kept up for so long has its skips forgiven."""
    viewers: int = 2000
    """Viewer places of this plane, taken and reserved."""
    hold_viewers: int = 50
    """From so many viewers of a stream and format on, pictures and sound wait for each other, to go in one write."""
    hold_s: float = 0.02
    """So long."""
    crowd_viewers: int = 0
    """From so many on they wait `crowd_hold_s`, at half the cost; 0 is never."""
    crowd_hold_s: float = 0.16
    """So long."""
    recordings: str = ""
    """The folder of recordings; "" where nothing may be recorded."""
    recording_segment_s: float = 300.0
    """So long is a file of a recording, to the next key frame."""
    recording_segment_bytes: int = 1024 * 1024 * 1024
    """And no larger than this, to the next key frame."""
    recording_queue_bytes: int = 16 * 1024 * 1024
    """What of one recording may wait for a slow disk before it skips to a later key frame."""
    recording_write_s: float = 0.5
    """What is gathered of a recording goes to its file so often: a process that is killed loses so much of it."""
    recording_fsync_s: float = 10.0
    """How often a file that is being written is made safe against a power cut; 0 is only at its end."""
    recording_keep_free_bytes: int = 1024 * 1024 * 1024
    """Nothing is recorded when less is free on that disk."""
    most_recordings: int = 200
    """Recordings of this plane at a time."""
    address_life_s: float = 60.0
    """How long an address waits for its viewer."""
    begin_port: int = 0
    """Where in the range to begin; 0 is at the first."""
    prefix: str = "/media"
    secret: bytes = field(default=b"", repr=False)
    """Key of the address signatures; empty makes one at start."""


GALLERY_EVERY_TICKS = 40
"""Viewers' places every fortieth."""


@dataclass(frozen=True, slots=True)
class PlaneStatistics:
    """The plane as a whole. `packets`, `bytes` and `lost` are of the streams that are open, the rest since start.

    What begins with `all_` counts the streams that are closed, too, and is a second old at most.
    """

    inlets: int
    viewers: int
    reserved: int
    senders: int
    ports_lent: int
    ports_free: int | None
    packets: int
    bytes: int
    lost: int
    opened: int
    failed: int
    refused_addresses: int
    viewers_cut: int
    strangers: int
    late_ticks: int
    viewer_skips: int = 0
    all_packets: int = 0
    all_bytes: int = 0
    all_lost: int = 0


class LocalPlane:
    """A MediaPlane in this process: own sockets, own fan-out, viewers on the console's HTTP port.

    `clock` is monotonic seconds and `wall` UNIX seconds; tests set them.
    """

    def __init__(
        self,
        settings: PlaneSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or PlaneSettings()
        self._clock = clock
        self._wall = wall
        self._signer = Signer(self.settings.secret or secrets.token_bytes(32))
        self._doors = Doors(self.settings.prefix, self._signer, self, wall)
        self._ports = Ports(
            self.settings.host,
            self.settings.first_port,
            self.settings.last_port,
            quarantine_s=self.settings.quarantine_s,
            receive_buffer=self.settings.receive_buffer_bytes,
            begin=self.settings.begin_port,
        )
        self._rounds = Rounds(clock)
        self._rota = Rota()
        self._shared: SharedPort | None = None
        self._sessions: dict[str, Session] = {}
        settings = self.settings
        self._gallery = Gallery(
            self._sessions,
            self._tolerance(),
            self._pace(),
            self._tell,
            clock,
            wall,
        )
        self._senders = Senders(
            self._ports,
            self._tolerance(),
            Trying(settings.connect_s, settings.connect_tries, settings.connect_pause_s, settings.receiver_came_s),
            settings.announce_host,
            self._tell,
            clock,
        )
        self._recorders = Recorders(
            settings.recordings,
            Habits(
                settings.recording_segment_s,
                settings.recording_segment_bytes,
                settings.recording_queue_bytes,
                settings.recording_fsync_s,
                settings.recording_keep_free_bytes,
                settings.recording_write_s,
            ),
            self._tell,
            wall,
            settings.most_recordings,
        )
        self._listeners: list[Callable[[PlaneEvent], None]] = []
        self._ticking: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._opened = self._failed = self._late_ticks = 0
        self._load = Load()
        self._past = Counted()
        """What streams that are closed had counted."""
        self._began_at = clock()

    # --- life ------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to watch over the inlets."""
        self._ticking = asyncio.create_task(self._tick_for_ever(), name="media plane")

    async def stop(self) -> None:
        """Cut all viewers, close all inlets and sockets."""
        self._is_stopped = True
        for inlet in tuple(self._sessions):
            await self.close(inlet)
        await self._recorders.stop()
        self._gallery.stop()
        if self._shared is not None:
            self._shared.close()
            self._shared = None
        self._rounds.close()
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait((self._ticking,))  # which lets through a cancellation of our own
            self._ticking = None

    async def dismiss(self, application: web.Application | None = None) -> None:
        """End every viewer and let none in any more; has the shape of an `on_shutdown` listener, so that a web server
        that closes need not wait for streams without an end."""
        self._is_stopped = True
        self._gallery.dismiss("the server is closing")

    def routes(self) -> list[web.RouteDef]:
        """The viewers' addresses, to be mounted on any aiohttp application; they carry their own proof of right."""
        return self._doors.routes()

    def listen(self, listener: Callable[[PlaneEvent], None]) -> None:
        self._listeners.append(listener)

    # --- inlets ----------------------------------------------------------------------------------------------

    async def open(
        self,
        ssrc: int,
        transport: Transport,
        *,
        single_port: bool = False,
        is_recording: bool = False,
        towards: str = "",
    ) -> Inlet:
        if self._is_stopped:
            raise NoCapacity("the media plane is stopping")
        session = self._new_session(ssrc, transport, is_recording)
        by_six = ":" in towards if towards else None
        # The shared port is of one family of addresses; who comes by the other has a port of his own.
        single_port = single_port and by_six in (None, ":" in self.settings.host)
        if single_port:
            port = self._open_shared(session)
        else:
            pair = self._ports.lend(self._clock(), listen=transport is Transport.TCP_PASSIVE, by_six=by_six)
            session.open_own(pair)
            port = pair.port
        self._begin(session)
        announced = self.settings.announce_host
        fits = by_six is None or (":" in announced) == by_six
        return Inlet(session.name, ssrc, transport, announced if fits else "", port, single_port)

    async def pull(self, ssrc: int, source: Source) -> Inlet:
        if self._is_stopped:
            raise NoCapacity("the media plane is stopping")
        session = self._new_session(ssrc, Transport.PULLED, bool(source.clips), lambda: self._pull_of(source))
        self._begin(session)
        return Inlet(session.name, ssrc, Transport.PULLED, "", 0)

    async def probe(self, source: Source) -> Probed:
        return await self._pull_of(source).probe()

    async def files(self, folder: str) -> tuple[str, ...]:
        return await asyncio.to_thread(files_within, folder)

    def _begin(self, session: Session) -> None:
        self._sessions[session.name] = session
        self._rota.add(session)
        self._opened += 1

    def _pull_of(self, source: Source) -> RtspPull | FilePull | KeptPull:
        if source.clips:
            return KeptPull(source, self._clock)
        if source.file:
            return FilePull(source, self._clock)
        settings = self.settings
        pace = RtspPace(window=settings.reorder_window, hold_s=settings.reorder_hold_s)
        return RtspPull(source, self._ports, pace, self._clock)

    async def aim(self, inlet: str, aim: Aim) -> None:
        session = self._sessions[inlet]
        self._recorders.cut(inlet)  # after a loss it begins anew, at another time
        session.aim(aim)

    async def close(self, inlet: str) -> None:
        session = self._sessions.pop(inlet, None)
        if session is None:
            return
        self._rota.remove(session)
        try:
            await self._gallery.close(inlet, session, "the stream ended")
            self._senders.end(inlet, "the stream ended")
            await self._recorders.end(inlet, "the stream ended")
        finally:
            # Nobody else knows of it any more: whatever befell its viewers, its sockets and its port go back.
            self._past = self._past + session.measure(self._clock(), is_last=True)
            try:
                await session.close()
            finally:
                if session.pair is not None:
                    self._ports.give_back(session.pair, self._clock(), session.receiver.last_sender)

    def statistics(self, inlet: str) -> InletStatistics | None:
        session = self._sessions.get(inlet)
        if session is None:
            return None
        seats = self._gallery.statistics(inlet)
        skips = session.skips + sum(seat.skips for seat in seats)
        return dataclasses.replace(
            session.statistics(self._clock()),
            viewers=len(seats),
            skips=skips,
            seats=tuple(seats[:MOST_SEATS]),
            recorders=self._recorders.statistics(inlet),
        )

    def workers(self) -> tuple[WorkerStatistics, ...]:
        rates = [session.gauge.rates for session in self._sessions.values()]
        return (
            WorkerStatistics(
                name="local",
                load=self._load.share,
                memory_bytes=resident_bytes(),
                streams=len(self._sessions),
                viewers=self._gallery.taken,
                senders=len(self._senders),
                packets_per_s=sum(each.packets_per_s for each in rates),
                bitrate_bps=sum(each.bitrate_bps for each in rates),
                nap_s=self._rounds.nap_s,
                late_ticks=self._late_ticks,
                uptime_s=self._clock() - self._began_at,
                pid=os.getpid(),
            ),
        )

    def totals(self) -> PlaneStatistics:
        taken = self._gallery.taken
        for session in self._sessions.values():
            session.express.publish()
        receivers = [session.receiver for session in self._sessions.values()]
        all_counted = sum((session.gauge.rates.total for session in self._sessions.values()), self._past)
        return PlaneStatistics(
            inlets=len(self._sessions),
            viewers=taken,
            reserved=len(self._gallery) - taken,
            senders=len(self._senders),
            ports_lent=self._ports.lent,
            ports_free=self._ports.free,
            packets=sum(each.witness.packets for each in receivers),
            bytes=sum(each.witness.bytes for each in receivers),
            lost=sum(each.lost for each in receivers),
            opened=self._opened,
            failed=self._failed,
            refused_addresses=self._doors.refused,
            viewers_cut=self._gallery.cut,
            strangers=self._shared.stranger_count if self._shared else 0,
            late_ticks=self._late_ticks,
            viewer_skips=self._gallery.skips,
            all_packets=all_counted.packets,
            all_bytes=all_counted.bytes,
            all_lost=all_counted.lost,
        )

    def _new_session(
        self,
        ssrc: int,
        transport: Transport,
        is_recording: bool,
        make_pull: Callable[[], Pull] | None = None,
    ) -> Session:
        settings = self.settings
        session: Session
        fanout = Fanout(
            KeepLimits(settings.gop_frames, settings.gop_bytes, settings.gop_s, settings.audio_wait_s),
            lambda video, audio: session.tracks_ready(video, audio),
            self._pace(),
        )
        passage = Passage(keep_bytes=settings.gop_bytes, keep_s=settings.gop_s, is_recording=is_recording)
        make_receiver = RtpReceiver if make_pull is None else PulledReceiver
        receiver = make_receiver(
            ssrc,
            transport,
            window=settings.reorder_window,
            hold_s=settings.reorder_hold_s,
            on_frame=lambda frame, now: self._frame_came(session, frame, now),
            passage=passage,
        )
        patience = Patience(
            settings.never_came_s,
            settings.lost_udp_s,
            settings.lost_tcp_s,
            settings.stuck_s,
            settings.connect_s,
            settings.connect_tries,
            settings.connect_pause_s,
        )
        name, rest = secrets.token_hex(8), (fanout, passage, patience, self._tell, self._clock, self._rounds)
        if make_pull is not None and isinstance(receiver, PulledReceiver):
            session = PulledSession(make_pull, receiver, name, *rest)
        else:
            session = Session(name, receiver, *rest)
        session.is_recorded = lambda: self._recorders.has_any(name)
        return session

    def _frame_came(self, session: Session, frame: Frame, now: float) -> None:
        session.frame_came(frame, now)
        self._recorders.frame(session.name, frame, now)

    def _open_shared(self, session: Session) -> int:
        settings = self.settings
        if self._shared is None:
            try:
                self._shared = SharedPort(
                    settings.host, settings.single_port, settings.receive_buffer_bytes, self._clock, self._rounds
                )
            except OSError as error:
                raise NoCapacity(f"the shared media port {settings.single_port} cannot be bound: {error}") from error
        if not session.open_shared(self._shared):
            raise NoCapacity(f"SSRC {session.ssrc:010d} is in use on the shared media port")
        return self._shared.port

    # --- viewers ---------------------------------------------------------------------------------------------

    async def attach(self, inlet: str, kind: OutletKind, *, audio: bool = True) -> tuple[str, str]:
        if inlet not in self._sessions:
            raise KeyError(inlet)
        if kind.is_made:
            raise ValueError(f"{kind} is made to order beside the plane, not by it")
        self._check_places()
        place = self._gallery.reserve(inlet, kind, audio, self.settings.address_life_s)
        until = math.ceil(place.expires_at)
        return place.outlet, self._signer.address(self.settings.prefix, inlet, place.outlet, EXTENSIONS[kind], until)

    async def detach(self, inlet: str, outlet: str) -> None:
        self._gallery.detach(inlet, outlet)
        self._senders.detach(inlet, outlet)
        if self._recorders.has(inlet, outlet):
            if inlet in self._sessions:
                self._sessions[inlet].look_away()
            await self._recorders.detach(inlet, outlet, "detached")

    def _check_places(self) -> None:
        if len(self._gallery) + len(self._senders) >= self.settings.viewers:
            raise NoCapacity(f"all {self.settings.viewers} viewer places are taken")

    def claim(self, inlet: str, outlet: str) -> OutletKind | None:
        return self._gallery.claim(inlet, outlet)

    def seat(self, outlet: str, seating: Seating, opened: socket.socket) -> None:
        self._gallery.seat(outlet, seating, opened)

    # --- senders ---------------------------------------------------------------------------------------------

    async def attach_sender(self, inlet: str, wish: SenderWish) -> Sender:
        session = self._sessions[inlet]
        self._check_places()
        return self._senders.attach(inlet, wish, session.passage)

    async def attach_recording(self, inlet: str, wish: RecordingWish) -> Recorder:
        session = self._sessions[inlet]
        session.look()  # which unpacks what is kept
        kept = session.fanout.kept if wish.with_kept else ()
        try:
            recorder = self._recorders.attach(inlet, wish, lambda: self._sound_of(session), kept, self._clock())
        except BaseException:
            session.look_away()
            raise
        if not kept:
            self._tell(KeyFrameWanted(inlet, "a recording begins at a key frame"))
        return recorder

    async def attach_taking(self, inlet: str, wish: TakingWish) -> Recorder:
        session = self._sessions[inlet]
        recorder = self._recorders.take(inlet, wish, lambda: self._sound_of(session))
        session.look()
        return recorder

    def _sound_of(self, session: Session) -> Sound | None:
        heard = session.fanout.sound
        return Sound(heard[0], heard[1] if heard[0] is Codec.AAC else None) if heard is not None else None

    def begin(self, outlet: str) -> None:
        self._senders.begin(outlet)

    def sender_statistics(self, outlet: str) -> SenderStatistics | None:
        return self._senders.statistics(outlet)

    def hold(self, inlet: str, is_held: bool) -> None:
        session = self._sessions.get(inlet)
        if session is not None:
            session.hold(is_held)

    def seek(self, inlet: str) -> None:
        session = self._sessions.get(inlet)
        if session is not None:
            self._recorders.cut(inlet)
            session.seek()

    def pace(self, inlet: str, scale: float) -> None:
        session = self._sessions.get(inlet)
        if session is not None:
            session.pace(scale)

    def steer(self, inlet: str, steering: Steering) -> None:
        session = self._sessions.get(inlet)
        if isinstance(session, PulledSession):
            session.steer(steering)

    async def drain(self, inlet: str, within_s: float) -> None:
        until = self._clock() + within_s
        # What the network still carries, and what waits to be put in order, is not in any queue of ours yet.
        await asyncio.sleep(min(self.settings.reorder_hold_s + 2 * TICK_S, within_s))
        await self._senders.drained(inlet, until)

    async def key_frame(self, inlet: str, within_s: float) -> KeyFrame:
        session = self._sessions[inlet]
        until = self._clock() + within_s
        session.look()
        try:
            if not session.fanout.has_kept:
                self._tell(KeyFrameWanted(inlet, "a still picture is wanted and none is kept"))
            while not session.fanout.has_kept:
                if self._clock() >= until:
                    raise NoCapacity(f"no key frame came in {within_s:g} s")
                await asyncio.sleep(TICK_S)
                if self._sessions.get(inlet) is not session:
                    raise KeyError(inlet)
            return self._kept_picture(session.fanout)
        finally:
            session.look_away()

    def _kept_picture(self, fanout: Fanout) -> KeyFrame:
        first = fanout.kept[0]
        sets = fanout.parameter_sets
        # A key frame may come without its parameter sets where they were told before.
        known = parameter_sets(first.codec, first.data)
        told = b"" if known else b"".join(b"\0" + START_CODE + each for each in sets)
        return KeyFrame(first.codec, told + first.data, self._wall() - (self._clock() - fanout.kept_since))

    def _tolerance(self) -> Tolerance:
        settings = self.settings
        return Tolerance(settings.viewer_bytes, settings.viewer_age_s, settings.viewer_skips, settings.viewer_forgive_s)

    def _pace(self) -> Pace:
        settings = self.settings
        return Pace(settings.hold_viewers, settings.hold_s, settings.crowd_viewers, settings.crowd_hold_s)

    # --- clock and events ------------------------------------------------------------------------------------

    async def _tick_for_ever(self) -> None:
        while True:
            due = self._clock() + TICK_S
            await asyncio.sleep(TICK_S)
            now = self._clock()
            self._late_ticks += now - due > 4 * TICK_S
            self._rota.tick(now)
            ticks = self._rota.ticks
            if ticks % WATCH_EVERY_TICKS == 0:
                self._load.sample(now)
                self._recorders.tick(now)
                self._sweep(now)
            if ticks % GALLERY_EVERY_TICKS == 0:
                self._gallery.watch()

    def _sweep(self, now: float) -> None:
        self._senders.watch(now)
        if self._shared is not None:
            self._shared.tick(now)

    def _tell(self, event: PlaneEvent) -> None:
        if isinstance(event, StreamFailed):
            self._failed += 1
            self._recorders.cut(event.inlet)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed at %r; the others still hear it", event)

    def __repr__(self) -> str:
        counts = f"{len(self._gallery)} viewer places, {len(self._senders)} senders"
        return f"<LocalPlane {len(self._sessions)} inlets, {counts}>"
