"""Sends program streams as RTP to whoever invited: over UDP, or TCP in either role (media.md 1.9, 3.2, 3.3)."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Sequence

from gb28181.sdp import TCP_ACTIVE, TCP_PASSIVE, Offer
from media.rtp import Packetiser
from simulator.quirks import Quirks, Spoiler

log = logging.getLogger(__name__)

# A key frame is spread: so many packets, then a breath, or receivers with small buffers lose its tail.
_BURST = 12
_BREATH_S = 0.001
_CONNECT_TRIES = 4
_CONNECT_S = 3.0
_RETRY_S = 1.0
_ACCEPT_S = 15.0
# More unsent bytes than this and the receiver does not keep up: the session ends, as real cameras do.
_MOST_UNSENT = 4 * 1024 * 1024


class Sender:
    """One receiver's session. `port` is what the answer says; the way opens with `start` and ends with `close`."""

    def __init__(
        self, offer: Offer, ssrc: int, *, host: str, payload_type: int = 96, quirks: Quirks = Quirks()
    ) -> None:
        self._offer = offer
        self._quirks = quirks
        self._spoiler = Spoiler(quirks)
        self._packetiser = Packetiser(ssrc, payload_type)
        self._writer: asyncio.StreamWriter | None = None
        self._accepted: asyncio.Future[asyncio.StreamWriter] | None = None
        self._listener: asyncio.Server | None = None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        kind = socket.SOCK_DGRAM if offer.transport not in (TCP_PASSIVE, TCP_ACTIVE) else socket.SOCK_STREAM
        self._socket = socket.socket(family, kind)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self.is_open = False

    @property
    def sequence(self) -> int:
        """The number of the next packet."""
        return self._packetiser.sequence

    async def listen(self) -> None:
        """Be ready before the answer leaves: a receiver that connects to us may come at once."""
        if self._offer.transport == TCP_ACTIVE:
            accepted: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

            def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if accepted.done():
                    writer.close()
                else:
                    accepted.set_result(writer)

            self._accepted = accepted
            self._listener = await asyncio.start_server(accept, sock=self._socket)

    async def start(self) -> None:
        """Open the way to the receiver. OSError or TimeoutError when it cannot be opened."""
        offer = self._offer
        if offer.transport == TCP_PASSIVE:
            self._writer = await self._connect(offer.host, offer.port)
        elif self._accepted is not None:
            async with asyncio.timeout(_ACCEPT_S):
                self._writer = await self._accepted
        else:
            if self._quirks.other_port:
                self._socket.close()
                self._socket = socket.socket(self._socket.family, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
                self._socket.bind((self.host, 0))
            self._socket.connect((offer.host, offer.port))
        self.is_open = True

    async def send(self, pack: bytes, pts_90k: int) -> None:
        """One pack as RTP. OSError when the receiver is gone or does not keep up."""
        packets = self._packetiser.packets(*self._spoiler.spoil(pack, pts_90k))
        if self._writer is not None:
            self._send_framed(self._writer, packets)
            return
        loop = asyncio.get_running_loop()
        for first in range(0, len(packets), _BURST):
            if first:
                await asyncio.sleep(_BREATH_S)
            for packet in packets[first : first + _BURST]:
                try:
                    await loop.sock_sendall(self._socket, packet)
                except ConnectionRefusedError:
                    # The port is closed for now; a receiver that is gone says BYE.
                    continue

    async def close(self) -> None:
        """Give the sockets back; harmless when closed."""
        self.is_open = False
        if self._accepted is not None and self._accepted.done() and not self._accepted.cancelled():
            self._writer = self._accepted.result()
        if self._writer is not None:
            self._writer.close()
        if self._listener is not None:
            self._listener.close()
        self._socket.close()

    async def _connect(self, host: str, port: int) -> asyncio.StreamWriter:
        self._socket.close()
        for attempt in range(1, _CONNECT_TRIES + 1):
            try:
                async with asyncio.timeout(_CONNECT_S):
                    _, writer = await asyncio.open_connection(host, port)
                return writer
            except (OSError, TimeoutError):
                if attempt == _CONNECT_TRIES:
                    raise
                log.info("%s:%d does not take our media connection, try %d of %d", host, port, attempt, _CONNECT_TRIES)
                await asyncio.sleep(_RETRY_S)
        raise ConnectionError(f"{host}:{port} took none of {_CONNECT_TRIES} connections")

    def _send_framed(self, writer: asyncio.StreamWriter, packets: Sequence[bytes]) -> None:
        if writer.is_closing():
            raise ConnectionResetError("the receiver closed the media connection")
        if writer.transport.get_write_buffer_size() > _MOST_UNSENT:
            raise TimeoutError(f"the receiver leaves more than {_MOST_UNSENT} bytes unread")
        head = b"$\0" if self._quirks.dollar else b""
        writer.writelines(part for packet in packets for part in (head + struct.pack(">H", len(packet)), packet))
