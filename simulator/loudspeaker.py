"""A simulated loudspeaker: takes G.711 by RTP, over UDP or TCP in either role, and keeps what it heard."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from gb28181.sdp import TCP_ACTIVE, TCP_PASSIVE, UDP
from media.frame import Codec
from media.framing import Framer
from media.g711 import alaw_to_linear, ulaw_to_linear
from media.ps.demux import Demuxer
from media.rtcp import receiver_report
from media.rtp import parse
from simulator.tone import RATE_HZ, Tone

MOST_KEPT = 60 * RATE_HZ
_CONNECT_TRIES = 4
_CHUNK = 65_536
_PIECE_S = 0.02


class Loudspeaker:
    """One receiver of sound. `transport` is seen by it: udp, tcp-passive (it listens), tcp-active (it connects).

    `linear` is what it heard, as 16-bit samples; `sequences` the RTP numbers, `arrivals` when each came.
    """

    def __init__(self, transport: str = UDP, host: str = "127.0.0.1", *, is_bare: bool = False) -> None:
        self.transport = transport
        self.host = host
        self.is_bare = is_bare
        """Speaks RTP without lengths over TCP, as some makers do."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM if transport == UDP else socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        self.port: int = self._socket.getsockname()[1]
        self.linear = bytearray()
        self.packets = 0
        self.sequences: list[int] = []
        self.stamps: list[int] = []
        self.arrivals: list[float] = []
        self.ssrcs: Counter[int] = Counter()
        self.payload_types: Counter[int] = Counter()
        self.sizes: Counter[int] = Counter()
        self.source: tuple[str, int] | None = None
        self.is_closed_by_sender = False
        self._writer: asyncio.StreamWriter | None = None
        self._demuxer = Demuxer()
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Be ready before the offer leaves."""
        if self.transport == UDP:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._drain)
        elif self.transport == TCP_PASSIVE:
            self._listener = await asyncio.start_server(self._converse, sock=self._socket)

    async def aim(self, host: str, port: int) -> None:
        """Where the voice comes from: connect there when that is our role. OSError when no connection is taken."""
        self.source = self.source or (host, port)
        if self.transport != TCP_ACTIVE:
            return
        self._socket.close()
        for attempt in range(_CONNECT_TRIES):
            try:
                reader, writer = await asyncio.open_connection(host, port)
                break
            except OSError:
                if attempt + 1 == _CONNECT_TRIES:
                    raise
                await asyncio.sleep(0.2)
        self._writer = writer
        self._begin(self._converse(reader, writer))

    def speak(self, pitch_hz: int, ssrc: int) -> None:
        """Send a tone back, 20 ms after 20 ms, from the port and on the way that it listens at."""
        self._begin(self._speak(Tone(pitch_hz), ssrc))

    def loudness(self, pitch_hz: int, seconds: float = 1.0) -> float:
        """How much of the last seconds is a tone of that pitch, 0 to 1: its energy over that of all (Goertzel)."""
        tail = bytes(self.linear[-2 * round(seconds * RATE_HZ) :])
        samples = struct.unpack(f"<{len(tail) // 2}h", tail[: len(tail) & ~1])
        total = sum(sample * sample for sample in samples)
        if not total:
            return 0.0
        angle = 2 * math.pi * pitch_hz / RATE_HZ
        real = sum(sample * math.cos(angle * n) for n, sample in enumerate(samples))
        imaginary = sum(sample * math.sin(angle * n) for n, sample in enumerate(samples))
        return float(2 * (real * real + imaginary * imaginary) / (len(samples) * total))

    def energy(self, seconds: float = 1.0) -> float:
        """The mean loudness of the last seconds, 0 to 1."""
        tail = bytes(self.linear[-2 * round(seconds * RATE_HZ) :])
        samples = struct.unpack(f"<{len(tail) // 2}h", tail[: len(tail) & ~1])
        return math.sqrt(sum(sample**2 for sample in samples) / len(samples)) / 32768 if samples else 0.0

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
        if self._listener is not None:
            self._listener.close()
        if self.transport == UDP and self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _drain(self) -> None:
        while True:
            try:
                data, source = self._socket.recvfrom(_CHUNK)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP for what we sent back
            self.source = source[:2]
            self._packet(data)
            if self.packets % 50 == 1:
                self._report(source[:2])

    def _report(self, source: tuple[str, int]) -> None:
        """A receiver report to the port above, as RFC 3550 wants it."""
        (ssrc,) = tuple(self.ssrcs)[-1:] or (0,)
        highest = self.sequences[-1] if self.sequences else 0
        report = receiver_report(ssrc ^ 1, ssrc, fraction_lost=0, lost=0, highest_sequence=highest, jitter=0)
        try:
            self._socket.sendto(report, (source[0], source[1] + 1))
        except OSError:
            pass

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        framer = Framer()
        rest = b""
        try:
            while data := await reader.read(_CHUNK):
                if self.is_bare:
                    rest += data
                    while len(rest) >= 172:  # bare RTP has no lengths: 20 ms is what there is
                        self._packet(rest[:172])
                        rest = rest[172:]
                else:
                    for packet in framer.feed(data):
                        self._packet(bytes(packet))
        except ConnectionError:
            pass
        finally:
            self.is_closed_by_sender = True
            writer.close()

    def _packet(self, data: bytes) -> None:
        packet = parse(data)
        if packet is None:
            return
        self.packets += 1
        self.sequences.append(packet.sequence)
        self.stamps.append(packet.timestamp)
        self.arrivals.append(asyncio.get_running_loop().time())
        self.ssrcs[packet.ssrc] += 1
        self.payload_types[packet.payload_type] += 1
        self.sizes[len(packet.payload)] += 1
        payload = bytes(packet.payload)
        if packet.payload_type == 0:
            self.linear += ulaw_to_linear(payload)
        elif packet.payload_type == 8:
            self.linear += alaw_to_linear(payload)
        else:
            for frame in self._demuxer.feed(payload, rtp_timestamp=packet.timestamp, marker=packet.marker):
                if frame.codec is Codec.G711A:
                    self.linear += alaw_to_linear(frame.data)
        del self.linear[: -2 * MOST_KEPT]

    async def _speak(self, tone: Tone, ssrc: int) -> None:
        number = 0
        while True:
            await asyncio.sleep(_PIECE_S)
            sound = tone.until((number + 1) * 1800)
            assert sound is not None  # it is due
            packet = struct.pack(">BBHII", 0x80, 8, number & 0xFFFF, number * 160 & 0xFFFFFFFF, ssrc) + sound.data
            number += 1
            if self.transport == UDP:
                if self.source is not None:
                    try:
                        self._socket.sendto(packet, self.source)
                    except OSError:
                        continue
            elif self._writer is not None and not self._writer.is_closing():
                self._writer.write(packet if self.is_bare else struct.pack(">H", len(packet)) + packet)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
