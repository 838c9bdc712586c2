"""Receives what somebody sends after an INVITE: over UDP, or TCP in either role; counts and looks into it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from gb28181.sdp import TCP_ACTIVE, TCP_PASSIVE, UDP
from media.frame import Frame
from media.framing import Framer
from media.ps.demux import Demuxer
from media.rtp import parse

log = logging.getLogger(__name__)

_CONNECT_TRIES = 4
_CONNECT_S = 3.0
_CHUNK = 65_536


class Receiver:
    """One receiver. `transport` is udp, tcp-passive (we listen) or tcp-active (we connect with `aim`).

    Wait with `wait_frames`; `ssrcs` counts packets by number, `codecs` the frames by codec.
    """

    def __init__(self, transport: str = UDP, host: str = "127.0.0.1") -> None:
        self.transport = transport
        self.host = host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM if transport == UDP else socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        if transport == UDP:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.port: int = self._socket.getsockname()[1]
        self.packets = 0
        self.bytes = 0
        self.ssrcs: Counter[int] = Counter()
        self.payload_types: Counter[int] = Counter()
        self.codecs: Counter[str] = Counter()
        self.frames = 0
        self.key_frames = 0
        self.last: Frame | None = None
        self.is_closed_by_sender = False
        self._demuxer = Demuxer()
        self._more = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Be ready before the offer leaves."""
        if self.transport == UDP:
            self._begin(self._drain())
        elif self.transport == TCP_PASSIVE:
            self._listener = await asyncio.start_server(self._take, sock=self._socket)

    async def aim(self, host: str, port: int) -> None:
        """Connect to the sender when that is our role. OSError or TimeoutError when it takes no connection."""
        if self.transport != TCP_ACTIVE:
            return
        self._socket.close()
        for attempt in range(_CONNECT_TRIES):
            try:
                async with asyncio.timeout(_CONNECT_S):
                    reader, writer = await asyncio.open_connection(host, port)
                break
            except OSError:
                if attempt + 1 == _CONNECT_TRIES:
                    raise
                await asyncio.sleep(1.0)
        self._begin(self._take(reader, writer))

    async def wait_frames(self, count: int, patience_s: float = 10.0) -> None:
        """Until so many more frames of video have come. TimeoutError when they do not."""
        wanted = self.frames + count
        async with asyncio.timeout(patience_s):
            while self.frames < wanted:
                self._more.clear()
                await self._more.wait()

    async def is_quiet(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        before = self.packets
        await asyncio.sleep(seconds)
        return self.packets == before

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
        self._socket.close()

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._packet(await loop.sock_recv(self._socket, _CHUNK))

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer()
        try:
            while data := await reader.read(_CHUNK):
                for packet in framer.feed(data):
                    self._packet(bytes(packet))
            self.is_closed_by_sender = True
        except ConnectionError:
            self.is_closed_by_sender = True
        finally:
            writer.close()

    def _packet(self, data: bytes) -> None:
        packet = parse(data)
        if packet is None:
            return
        self.packets += 1
        self.bytes += len(data)
        self.ssrcs[packet.ssrc] += 1
        self.payload_types[packet.payload_type] += 1
        for frame in self._demuxer.feed(packet.payload, rtp_timestamp=packet.timestamp, marker=packet.marker):
            self.codecs[frame.codec.value] += 1
            if frame.codec.is_video:
                self.frames += 1
                self.key_frames += frame.key
                self.last = frame
                self._more.set()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
