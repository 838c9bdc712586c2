"""RTP over TCP connections: accepted, or made by us; framed, and closed when they make no sense (media.md 3.3)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from typing import Protocol

from media.framing import Framer
from media.inlets.express import Express
from media.inlets.rounds import Rounds
from media.inlets.source_lock import Source

READ_BYTES = 262_144
READS_PER_WAKE = 2
CONNECTIONS = 4
"""Connections one inlet holds at a time; a newer one takes the place of the one silent for longest."""


class Connected(Protocol):
    """Who takes what connections bring."""

    def packets_came(self, connection: TcpConnection, data: bytes, size: int, now: float) -> None:
        """Back to back, each of `size` bytes but the last, which may be shorter."""

    def connection_ended(self, connection: TcpConnection, why: str) -> None: ...


class TcpConnection:
    """One connection's bytes to packets. Read in `rounds`. Owns its socket."""

    def __init__(
        self,
        opened: socket.socket,
        source: Source,
        ssrc: int | None,
        owner: Connected,
        rounds: Rounds,
        now: float,
        express: Express | None = None,
    ) -> None:
        self.source = source
        self.opened_at = now
        self.heard_at = now
        self.packets = 0
        self._framer = Framer(ssrc=ssrc)
        self._is_stayed = False
        self._socket = opened
        self._owner = owner
        self._rounds = rounds
        self._memory = rounds.room.whole
        self._view = memoryview(self._memory)[:READ_BYTES]
        opened.setblocking(False)
        self._express = express
        number = opened.fileno()
        self._read = self._serve if express is None else rounds.lane(express, number, self._serve, self)
        rounds.add(number, self._read)

    @property
    def is_open(self) -> bool:
        return self._socket.fileno() >= 0

    @property
    def resyncs(self) -> int:
        return self._framer.resyncs

    def stay(self, is_stayed: bool) -> None:
        """Do not read for now: the sender will have to wait. Or read on."""
        if self.is_open and is_stayed and not self._is_stayed:
            self._rounds.remove(self._socket.fileno())
        elif self.is_open and self._is_stayed and not is_stayed:
            self._rounds.add(self._socket.fileno(), self._read)
        self._is_stayed = is_stayed

    def close(self) -> None:
        if self.is_open:
            if self._express is not None:
                self._express.close(self)
            self._rounds.remove(self._socket.fileno())
            self._socket.close()

    def _serve(self, now: float) -> int:
        total = 0
        for _ in range(READS_PER_WAKE):
            try:
                count = self._socket.recv_into(self._view)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self.end(f"the connection broke: {error.strerror}")
                break
            if not count:
                self.end("the sender closed the connection")
                break
            total += count
            self.feed(self._memory[:count], now)
            if not self.is_open or self._is_stayed or count < READ_BYTES:
                break
        if self._express is not None and self.is_open:
            self._express.arm(now)
        return total

    def feed(self, data: bytes, now: float) -> None:
        """Bytes that were read."""
        for packets, size in self._framer.pieces(data):
            self.packets += -(-len(packets) // size) if size else 1
            self._owner.packets_came(self, packets, size, now)
            if not self.is_open:
                return
        if self._framer.is_lost:
            self.end("the framing was lost")

    def lend(self) -> tuple[int, bytes] | None:
        """Where reading stands, for a lane (`Framer.lend`)."""
        return None if self._is_stayed else self._framer.lend()

    def take_back(self, packets: int, rest: bytes, now: float) -> None:
        """Where the lane has come to."""
        self.packets += packets
        self.heard_at = now
        self._framer.take_back(packets, rest)

    def end(self, why: str) -> None:
        """Close it, and tell its owner."""
        self.close()
        self._owner.connection_ended(self, why)


class TcpListener:
    """Accepts without a task: `accepted(socket, source)` for each connection. Owns its socket."""

    def __init__(self, opened: socket.socket, accepted: Callable[[socket.socket, Source], None]) -> None:
        self._socket = opened
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(opened, self._accept)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        try:
            connection, source = self._socket.accept()
        except OSError:
            return  # gone before we looked, or no descriptors: the backlog bounds what waits
        self._accepted(connection, (source[0], source[1]))


async def connect(
    host: str,
    port: int,
    *,
    wait_s: float,
    tries: int,
    pause_s: float,
    failed: Callable[[str], None],
    local: Source | None = None,
) -> socket.socket:
    """A connection to who listens (GB/T 28181-2022 annex D: wait at least 1 s, try at least 3 times more).

    `local` is where it shall come from, if that can be had. `failed` hears of every try that failed, in words. Raises
    OSError after `tries` tries.
    """
    loop = asyncio.get_running_loop()
    for attempt in range(1, tries + 1):
        opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            opened.setblocking(False)
            if local is not None and attempt < tries:
                # On the last try any port will do: ours may still be held by the connection before.
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                with contextlib.suppress(OSError):
                    opened.bind(local)
            async with asyncio.timeout(wait_s):
                await loop.sock_connect(opened, (host, port))
            return opened
        except TimeoutError:
            opened.close()
            failure = f"no answer in {wait_s:g} s"
        except OSError as error:
            opened.close()
            failure = os.strerror(error.errno) if error.errno else str(error)
        except BaseException:
            opened.close()
            raise
        failed(f"{host}:{port} did not take our connection: {failure} (try {attempt} of {tries})")
        if attempt < tries:
            await asyncio.sleep(pause_s)
    raise OSError(f"{host}:{port} did not take our connection in {tries} tries")
