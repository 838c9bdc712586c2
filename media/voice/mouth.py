"""One way of a voice to one device: sockets, packets out every 20 ms, and an ear for what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import sys
import time
from collections.abc import Callable
from ipaddress import ip_address

from media import rtcp
from media.framing import Framer
from media.ports import PortPair
from media.rtp import is_rtcp, is_rtp, parse
from media.voice.lips import Lips, alaw_of, peak
from media.voice.plane import MouthState, MouthStatistics, MouthWish, Road

log = logging.getLogger(__name__)

REPORT_EVERY = 250
"""Pieces between two sender reports: 5 s."""
CONNECT_S, CONNECT_TRIES, CONNECT_PAUSE_S = 3.0, 4, 1.0
"""The first try and at least three more, a second apart (GB/T 28181-2022 annex D)."""
MOST_UNSENT = 16_384
"""Bytes that may wait in a connection: two seconds of sound. What comes then is dropped, not said late."""
FRAMING_S = 0.5
"""How long a device that talks back is listened to before we speak in its connection."""
READ = 65_536
READS_AT_ONCE = 64
NTP_1970 = 2_208_988_800
HEARD_S = 1.0
"""How long a level that came back is shown."""

Source = tuple[str, int]

# include/uapi/linux/in.h and in6.h; Python names neither.
IP_RECVERR, IPV6_RECVERR = 11, 25
ERROR_QUEUE = getattr(socket, "MSG_ERRQUEUE", 0) | getattr(socket, "MSG_DONTWAIT", 0)


class LoudMouth:
    """Speaks when told to, `speak` by `speak`; owns its sockets until `close`. `heard` is given what comes back."""

    def __init__(self, wish: MouthWish, pair: PortPair, heard: Callable[[bytes], None]) -> None:
        for host in (wish.host, wish.peer_host):
            if host:
                ip_address(host)
        self.wish = wish
        self.port = pair.port
        self.pair = pair
        self.state = MouthState.WAITING
        self.has_begun = False
        self._heard = heard
        self._lips = Lips(wish.ssrc, wish.payload_type, wish.form)
        self._aim: Source | None = (wish.host, wish.port) if wish.host and wish.port else None
        self._target: Source | None = self._aim
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._is_bare = False
        self._silent_until = float("-inf")
        self._bytes = self._dropped = self._reports = self._strangers = 0
        self._lost_there: float | None = None
        self._heard_packets = self._heard_bytes = 0
        self._heard_level, self._heard_at, self._heard_from = 0.0, float("-inf"), ""
        self._note = ""
        self._since_report = REPORT_EVERY - 50  # the first report a second after the first packet

    def start(self) -> None:
        """Listen, or connect when the way is known."""
        if self.wish.road is Road.UDP:
            tell_refusals(self.pair.rtp)
            self._loop.add_reader(self.pair.rtp.fileno(), self._readable, self.pair.rtp)
            self._loop.add_reader(self.pair.rtcp.fileno(), self._readable, self.pair.rtcp)
            if self._target is not None:
                self.state = MouthState.OPEN
        elif self.wish.road is Road.LISTEN:
            self._task = asyncio.create_task(self._listen(), name="voice listens")
        elif self._aim is not None:
            self._task = asyncio.create_task(self._connect(self._aim), name="voice connects")

    def aim(self, host: str, port: int) -> None:
        """See `Voice.aim`. What is no address is left aside; the device's own packets may still show the way."""
        try:
            ip_address(host)
        except ValueError:
            return
        if not port or self.state is MouthState.SHUT:
            return
        self._aim = (host, port)
        if self.wish.road is Road.UDP:
            if not self._heard_packets or not self.wish.follows:
                self._target = self._aim
            self.state = MouthState.OPEN
        elif self.wish.road is Road.CONNECT and self._task is None:
            self._task = asyncio.create_task(self._connect(self._aim), name="voice connects")

    def change_form(self, form: str, payload_type: int) -> None:
        """The device wants another form than was offered; ValueError for one there is not."""
        self._lips = Lips(self.wish.ssrc, payload_type, form)

    def speak(self, piece: bytes | None, late: int) -> bool:
        """Send 20 ms, silence for None or before the voice has begun; `late` pieces were left out before it. Whether
        voice went out."""
        if self.state is not MouthState.OPEN or self.wish.is_ear or self._silent_until > self._loop.time():
            return False
        if late:
            self._lips.skip(late)
        says = piece if self.has_begun else None
        packet = self._lips.packet(says)
        if self._send(packet):
            self._bytes += len(packet)
        self._since_report += 1
        if self._since_report >= REPORT_EVERY and self.wish.road is Road.UDP:
            self._since_report = 0
            self._report()
        return says is not None

    def statistics(self) -> MouthStatistics:
        target = self._target
        is_fresh = time.monotonic() - self._heard_at < HEARD_S
        return MouthStatistics(
            state=self.state,
            target=f"{target[0]}:{target[1]}" if target else "",
            packets=max(0, self._lips.packets - self._dropped),
            bytes=self._bytes,
            dropped=self._dropped,
            reports=self._reports,
            lost_there=self._lost_there,
            heard_packets=self._heard_packets,
            heard_bytes=self._heard_bytes,
            heard_level=self._heard_level if is_fresh else 0.0,
            heard_from=self._heard_from,
            strangers=self._strangers,
            note=self._note,
        )

    async def close(self) -> None:
        if self.state is MouthState.SHUT:
            return
        if self.wish.road is Road.UDP:
            if self.state is MouthState.OPEN and self._lips.packets and self._target is not None:
                with contextlib.suppress(OSError):
                    goodbye = rtcp.sender_report(*self._figures()) + rtcp.bye(self._lips.ssrc)
                    self.pair.rtcp.sendto(goodbye, (self._target[0], self._target[1] + 1))
            self._loop.remove_reader(self.pair.rtp.fileno())
            self._loop.remove_reader(self.pair.rtcp.fileno())
        self.state = MouthState.SHUT
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()

    # Out.

    def _send(self, packet: bytes) -> bool:
        if self.wish.road is Road.UDP:
            assert self._target is not None  # it is open
            try:
                self.pair.rtp.sendto(packet, self._target)
                return True
            except BlockingIOError:
                self._dropped += 1
            except OSError as error:
                self._dropped += 1
                if error.errno != errno.ECONNREFUSED:
                    self._note = error.strerror or str(error)
            return False
        writer = self._writer
        if writer is None or writer.is_closing() or writer.transport.get_write_buffer_size() > MOST_UNSENT:
            self._dropped += 1
            return False
        # Who sends without lengths wants none (media.md R5).
        writer.write(packet if self._is_bare else len(packet).to_bytes(2, "big") + packet)
        return True

    def _figures(self) -> tuple[int, int, int, int, int]:
        now = time.time()
        ntp = (int(now) + NTP_1970) << 32 | int(now % 1 * 2**32)
        return self._lips.ssrc, ntp, self._lips.rtp_time, self._lips.packets, self._lips.octets

    def _report(self) -> None:
        assert self._target is not None
        report = rtcp.sender_report(*self._figures()) + rtcp.source_description(self._lips.ssrc, "lianwang")
        with contextlib.suppress(OSError):
            self.pair.rtcp.sendto(report, (self._target[0], min(self._target[1] + 1, 65535)))

    # Connections.

    async def _connect(self, aim: Source) -> None:
        for attempt in range(1, CONNECT_TRIES + 1):
            try:
                async with asyncio.timeout(CONNECT_S):
                    reader, writer = await asyncio.open_connection(*aim)
            except (OSError, TimeoutError) as error:
                self._note = f"{aim[0]}:{aim[1]} took no connection: {error or 'no answer'} (try {attempt})"
                if attempt < CONNECT_TRIES:
                    await asyncio.sleep(CONNECT_PAUSE_S)
            else:
                self._note = ""
                await self._converse(reader, writer)
                return
        self.state = MouthState.UNREACHABLE

    async def _listen(self) -> None:
        assert self.pair.listener is not None
        came: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue(4)

        def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            source = writer.get_extra_info("peername")
            if not self._is_known(source[0]) or came.full():
                self._strangers += 1
                writer.close()
            else:
                came.put_nowait((reader, writer))

        server = await asyncio.start_server(take, sock=self.pair.listener.dup())
        try:
            while True:  # a device may connect anew
                await self._converse(*await came.get())
        finally:
            server.close()
            while not came.empty():
                came.get_nowait()[1].close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._target = writer.get_extra_info("peername")[:2]
        sock = writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.wish.follows:
            # It speaks first, and how it frames its packets is how it wants ours.
            self._silent_until = self._loop.time() + FRAMING_S
        self.state = MouthState.OPEN
        framer = Framer()
        assert self._target is not None
        try:
            is_first = True
            while data := await reader.read(READ):
                if is_first:
                    self._is_bare = len(data) >= 12 and is_rtp(data) and data[1] & 0x7F in (0, 8)
                    is_first = False
                    self._silent_until = float("-inf")
                for packet in [data] if self._is_bare else framer.feed(data):
                    self._take(bytes(packet), self._target)
                if framer.is_lost:
                    self._note = "what it sends is no RTP over TCP"
                    break
        except ConnectionError as error:
            self._note = str(error)
        finally:
            writer.close()
            self._writer = None
            if self.state is not MouthState.SHUT:
                self.state = MouthState.UNREACHABLE
                self._note = self._note or "the device closed the connection"

    # In.

    def _is_known(self, host: str) -> bool:
        known = {self.wish.peer_host, self._aim[0] if self._aim else ""}
        return host.removeprefix("::ffff:") in {each.removeprefix("::ffff:") for each in known if each}

    def _readable(self, opened: socket.socket) -> None:
        for _ in range(READS_AT_ONCE):
            try:
                data, source = opened.recvfrom(READ)
            except BlockingIOError:
                self._hear_refusals(opened)
                return
            except OSError:
                continue  # a refusal, which is heard below
            if not self._is_known(source[0]):
                self._strangers += 1
                continue
            self._take(data, source[:2])
            if opened is self.pair.rtp and not is_rtcp(data):
                self._follow(source[:2])

    def _hear_refusals(self, opened: socket.socket) -> None:
        """What the device's host says of packets that nobody there wanted (ICMP)."""
        for _ in range(READS_AT_ONCE if ERROR_QUEUE else 0):
            try:
                opened.recvmsg(64, 512, ERROR_QUEUE)
            except OSError:
                return
            self._dropped += 1
            self._note = "its host says that nobody listens at that port"

    def _follow(self, source: Source) -> None:
        """A device behind an address translator is where its packets come from (media.md A5, 2.7)."""
        aim = self._aim
        behind_translator = aim is not None and aim[0] != source[0] and source[0] == self.wish.peer_host
        if self.wish.follows or aim is None or behind_translator:
            self._target = source
            if self.state is MouthState.WAITING:
                self.state = MouthState.OPEN

    def _take(self, data: bytes, source: Source) -> None:
        if is_rtcp(data):
            self._reports += 1
            for part in rtcp.parts(data):
                if part.kind in (rtcp.RECEIVER_REPORT, rtcp.SENDER_REPORT) and part.count:
                    block = part.body[4 if part.kind == rtcp.RECEIVER_REPORT else 24 :]
                    if len(block) >= 8 and int.from_bytes(block[:4], "big") == self._lips.ssrc:
                        self._lost_there = block[4] / 256
            return
        packet = parse(data)
        if packet is None:
            return
        self._heard_packets += 1
        self._heard_bytes += len(data)
        self._heard_from = f"{source[0]}:{source[1]}"
        if packet.payload_type not in (0, 8):
            return
        sound = alaw_of(bytes(packet.payload), packet.payload_type)
        self._heard_level, self._heard_at = peak(sound), time.monotonic()
        self._heard(sound)


def tell_refusals(opened: socket.socket) -> None:
    """Have a socket that is connected to nobody told of ports that are closed; without, it is told of none."""
    by_six = opened.family == socket.AF_INET6
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            level, option = (socket.IPPROTO_IPV6, IPV6_RECVERR) if by_six else (socket.IPPROTO_IP, IP_RECVERR)
            opened.setsockopt(level, option, 1)
