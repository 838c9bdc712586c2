"""An RTSP camera fetched: one connection, its packets by it or beside it by UDP, until it ends."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from media.frame import Frame
from media.inlets.udp import UdpDoor
from media.plane import NoCapacity, Probed, Source, Step, Verdict
from media.ports import PortPair, Ports
from media.sources.address import Address
from media.sources.pull import Ended, Taker
from media.sources.rtsp import Media, Moved, Over, Phase, Playing, Rtsp, Track, Wish
from media.sources.track import TrackReader

log = logging.getLogger(__name__)

TICK_S = 0.05
READ_BYTES = 128 * 1024
LEAVE_S = 0.5
"""How long a good-bye may take."""
QUIET_S = 0.2
REPORT_EVERY_S = 5.0
MOST_MOVES = 3
UNSUPPORTED_TRANSPORT, UNAVAILABLE = 461, 503
AGAIN_S = 1.0
TRACKS = 2
OWN_SSRC = 0x4C_57_00_02
CNAME = "lianwang"
KNOCK_RTP = b"\x80\x60" + bytes(10)
KNOCK_RTCP = b"\x80\xc9\x00\x01" + OWN_SSRC.to_bytes(4, "big")
"""An empty packet and an empty report: they open the way back through a NAT or firewall of ours."""


@dataclass(frozen=True, slots=True)
class RtspPace:
    """How long is waited, in seconds, and how packets are put in order."""

    connect_s: float = 5.0
    answer_s: float = 5.0
    window: int = 256
    hold_s: float = 0.2


class RtspPull:
    """Fetches from one address. `ports` lends the UDP ports."""

    def __init__(
        self, source: Source, ports: Ports, pace: RtspPace, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._ports = ports
        self._pace = pace
        self._clock = clock
        self._steps: list[Step] = []
        self._codecs: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps)

    async def run(self, taker: Taker) -> Ended:
        """Until it ends: by the wished way, by UDP where the server takes no other, elsewhere where it sends us."""
        return await self._fetch(taker)

    async def probe(self) -> Probed:
        """What it says it has."""
        ended = await self._fetch(None)
        failure = None if ended.verdict is Verdict.NOTHING else ended.verdict
        return Probed(failure, ended.note, ended.codecs, self.steps)

    async def _fetch(self, taker: Taker | None) -> Ended:
        source = self._source
        try:
            address = Address.read(source.url)
        except ValueError as error:
            return Ended(Verdict.REFUSED, str(error))
        by_udp = source.way == "udp"
        user, password = source.user, source.password
        is_second = False
        moves = 0
        while moves <= MOST_MOVES:
            wish = Wish(address, user, password, only_describe=taker is None, answer_s=self._pace.answer_s)
            over = await self._once(wish, by_udp, taker)
            if isinstance(over, Moved):
                moves += 1
                if (over.to.host, over.to.port) != (address.host, address.port):
                    # A password is told to whom it was given for, and to nobody whom that one names.
                    user = password = ""
                address = over.to
            elif over.status == UNSUPPORTED_TRANSPORT and source.way == "auto" and not by_udp:
                by_udp = True
            elif over.status == UNAVAILABLE and not is_second:
                # Servers that have just let somebody go say so while they clear up behind him.
                is_second = True
                await asyncio.sleep(AGAIN_S)
            else:
                return Ended(over.verdict, over.note, self._codecs)
        return Ended(Verdict.REFUSED, f"it sent us elsewhere {moves} times")

    async def _once(self, wish: Wish, by_udp: bool, taker: Taker | None) -> Over | Moved:
        """One connection from its beginning to its end."""
        address = wish.address
        try:
            async with asyncio.timeout(self._pace.connect_s):
                reader, writer = await asyncio.open_connection(address.host, address.port)
        except TimeoutError:
            return self._not_connected(address, f"no answer in {self._pace.connect_s:g} s")
        except OSError as error:
            return self._not_connected(address, _why(error))
        try:
            async with contextlib.AsyncExitStack() as taken:
                pairs: list[PortPair] = []
                if by_udp and taker is not None:
                    by_six = ":" in writer.get_extra_info("peername")[0]
                    try:
                        for _ in range(TRACKS):
                            pair = self._ports.lend(self._clock(), by_six=by_six)
                            taken.callback(self._give_back, pair)
                            pairs.append(pair)
                    except NoCapacity as error:
                        return Over(Verdict.REFUSED, str(error))
                    wish = replace(wish, ports=tuple(pair.port for pair in pairs))
                talk = _Talk(Rtsp(wish, self._steps), reader, writer, pairs, taker, self._pace, self._clock)
                taken.callback(talk.close)
                try:
                    return await talk.run()
                finally:
                    self._codecs = talk.rtsp.codecs or self._codecs
        finally:
            writer.close()

    def _give_back(self, pair: PortPair) -> None:
        self._ports.give_back(pair, self._clock())

    def _not_connected(self, address: Address, why: str) -> Over:
        self._steps.append(Step(f"connect to {address.place}", 0, why))
        return Over(Verdict.CANNOT_CONNECT, f"{address.place}: {why}")


class _Talk:
    """One connection: what the conversation wants sent is sent, what it says is done."""

    def __init__(
        self,
        rtsp: Rtsp,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        pairs: list[PortPair],
        taker: Taker | None,
        pace: RtspPace,
        clock: Callable[[], float],
    ) -> None:
        self.rtsp = rtsp
        self._reader = reader
        self._writer = writer
        self._pairs = pairs
        self._taker = taker
        self._pace = pace
        self._clock = clock
        self._host: str = writer.get_extra_info("peername")[0]
        self._tracks: tuple[Track, ...] = ()
        self._readers: list[TrackReader] = []
        self._doors: list[UdpDoor] = []
        self._over: Over | Moved | None = None
        self._packet_at: float | None = None
        self._report_at = clock()

    async def run(self) -> Over | Moved:
        """Until the server, the network or our owner ends it; a good-bye is said where there is somebody to hear it."""
        self.rtsp.begin(self._clock())
        ticking = asyncio.create_task(self._tick_for_ever(), name="rtsp ticks")
        try:
            while self._over is None and self.rtsp.phase is not Phase.OVER:
                await self._send()
                data = await self._reader.read(READ_BYTES)
                if not data:
                    self._over = self._over or self._hung_up()
                    break
                self._do(data)
        except OSError as error:
            self._over = self._over or Over(Verdict.LOST, error.strerror or str(error))
        finally:
            ticking.cancel()
            await self._leave()
        return self._over or Over(Verdict.NOTHING, "")

    def close(self) -> None:
        for door in self._doors:
            door.close()
        self._doors.clear()

    def _hung_up(self) -> Over:
        if self.rtsp.phase is Phase.PLAYING:
            return Over(Verdict.LOST, "the server closed the connection")
        if not self.rtsp.is_heard:
            return Over(Verdict.CONNECTED_SILENT, "the server closed the connection without an answer")
        return Over(Verdict.REFUSED, f"the server closed the connection at {self.rtsp.phase.value}")

    async def _send(self) -> None:
        out = self.rtsp.take_out()
        if out:
            self._writer.write(out)
        async with asyncio.timeout(self._pace.answer_s):
            await self._writer.drain()

    async def _leave(self) -> None:
        self.rtsp.leave()
        out = self.rtsp.take_out()
        if out and not self._writer.is_closing():
            with contextlib.suppress(OSError, TimeoutError):
                self._writer.write(out)
                async with asyncio.timeout(LEAVE_S):
                    await self._writer.drain()

    async def _tick_for_ever(self) -> None:
        while self._over is None:
            await asyncio.sleep(TICK_S)
            try:
                self._tick(self._clock())
            except Exception as error:
                log.exception("%r failed at its tick; its stream counts as lost", self.rtsp)
                self._over = Over(Verdict.LOST, f"our side failed: {error}")
        self._reader.feed_eof()

    def _tick(self, now: float) -> None:
        for event in self.rtsp.tick(now):
            self._heed(event, now)
        out = self.rtsp.take_out()
        if out:
            self._writer.write(out)
        self._look_after_tracks(now)

    # --- what is said ----------------------------------------------------------------------------------------

    def _do(self, data: bytes) -> None:
        now = self._clock()
        for event in self.rtsp.receive(data, now):
            self._heed(event, now)

    def _heed(self, event: object, now: float) -> None:
        match event:
            case Media(track, is_rtcp, data):
                self._packet(track, is_rtcp, data, now)
            case Playing(tracks):
                self._play(tracks)
            case Over() | Moved():
                self._over = self._over or event
            case _:
                pass

    def _play(self, tracks: tuple[Track, ...]) -> None:
        pace = self._pace
        self._tracks = tracks
        for track in tracks:
            is_tcp = track.channel is not None
            master = self._readers[0] if self._readers else None
            made = TrackReader(track.medium, by_tcp=is_tcp, window=pace.window, hold_s=pace.hold_s, master=master)
            self._readers.append(made)
        for number, (track, pair) in enumerate(zip(tracks, self._pairs, strict=False)):
            self._open_doors(number, track, pair)
        if self._taker is not None:
            self._taker.announce(has_sound=len(tracks) > 1)

    def _open_doors(self, number: int, track: Track, pair: PortPair) -> None:
        hosts = {_plain(self._host)} | ({_plain(track.host)} if track.host else set())

        def from_here(is_rtcp: bool) -> Callable[[bytes, tuple[str, int], float], None]:
            def receive(data: bytes, source: tuple[str, int], now: float) -> None:
                if _plain(source[0]) in hosts:
                    self._packet(number, is_rtcp, data, now)

            return receive

        # The sockets stay the lender's to close; each door reads a duplicate of its own.
        rtp = UdpDoor(pair.rtp.dup(), from_here(False), self._clock)
        rtcp = UdpDoor(pair.rtcp.dup(), from_here(True), self._clock)
        self._doors += (rtp, rtcp)
        if track.port:
            rtp.send(KNOCK_RTP, (self._host, track.port))
            rtcp.send(KNOCK_RTCP, (self._host, track.rtcp_port))

    # --- packets ---------------------------------------------------------------------------------------------

    def _packet(self, number: int, is_rtcp: bool, data: bytes, now: float) -> None:
        if number >= len(self._readers) or self._taker is None:
            return
        reader = self._readers[number]
        if is_rtcp:
            reader.receive_rtcp(data, now)
            return
        self._packet_at = now
        before = reader.packets
        frames = reader.receive(data, now)
        if reader.packets != before:
            self._taker.came(1, len(data), self._host, now)
        self._give(frames, now)

    def _give(self, frames: list[Frame], now: float) -> None:
        taker = self._taker
        assert taker is not None
        for frame in frames:
            if frame.codec.is_video:
                for other in self._readers[1:]:
                    other.follow(self._readers[0].latest)
            taker.frame(frame, now)

    def _look_after_tracks(self, now: float) -> None:
        if self._taker is None or not self._readers:
            return
        for reader in self._readers:
            self._give(reader.flush(now), now)
        if self._packet_at is not None and now - self._packet_at >= QUIET_S:
            self._packet_at = None
            for reader in self._readers:
                self._give(reader.give_out(), now)
        self._taker.lost(sum(reader.lost for reader in self._readers))
        if now - self._report_at >= REPORT_EVERY_S:
            self._report_at = now
            self._report(now)

    def _report(self, now: float) -> None:
        """Receiver reports: some servers end a stream of whose receiver they hear nothing."""
        for number, (track, reader) in enumerate(zip(self._tracks, self._readers, strict=True)):
            report = reader.report(OWN_SSRC, CNAME, now)
            if not report:
                continue
            if track.channel is not None:
                self._writer.write(b"$" + bytes((track.channel + 1,)) + len(report).to_bytes(2, "big") + report)
            elif track.rtcp_port and len(self._doors) > 2 * number + 1:
                self._doors[2 * number + 1].send(report, (self._host, track.rtcp_port))


def _why(error: OSError) -> str:
    """In the system's words; those of the loop repeat the address."""
    is_numbered = error.errno is not None and error.errno > 0
    return os.strerror(error.errno) if is_numbered and error.errno else error.strerror or str(error)


def _plain(host: str) -> str:
    """An address in one spelling; a name as it is."""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)
