"""Connections: accepted and made, kept open, cut into messages, bounded in number, in bytes and in idleness."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from sipserver.sip.limits import Limits
from sipserver.sip.message import Request, Response
from sipserver.sip.parser import BadMessage, KeepAlive, StreamParser
from sipserver.sip.path import Path

Address = tuple[str, int]

CONNECT_TIMEOUT_S = 10.0


@dataclass(slots=True)
class TcpTally:
    """What a TCP transport counted."""

    accepted: int = 0
    made: int = 0
    refused_full: int = 0
    closed_idle: int = 0
    closed_slow: int = 0
    closed_broken: int = 0
    received: int = 0
    sent: int = 0
    pings: int = 0


class Listener(Protocol):
    """Who is told what a TCP transport sees; none of these may raise. `holds` says whether a connection is wanted
    though nothing comes over it for long."""

    def stream_message(self, message: Request | Response, raw: bytes, path: Path) -> None: ...

    def stream_refused(self, bad: BadMessage, path: Path) -> None: ...

    def stream_lost(self, path: Path) -> None: ...

    def holds(self, path: Path) -> bool: ...


class Connection(asyncio.Protocol):
    """One TCP connection and its unfinished message."""

    def __init__(self, owner: TcpTransport, *, accepted: bool) -> None:
        self._owner = owner
        self._parser = StreamParser(owner.limits)
        self._transport: asyncio.Transport | None = None
        self.accepted = accepted
        self.path = Path("TCP", ("", 0), ("", 0))
        self.heard_at = 0.0
        self.half_since: float | None = None
        self.has_spoken = False
        self.is_counted = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports keep asyncio's promises without being its children.
        stream = cast(asyncio.Transport, transport)
        self._transport = stream
        self._owner.opened(self, stream)

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._owner.now()
        for item, raw in self._parser.feed_raw(data):
            self.half_since = None
            if isinstance(item, KeepAlive):
                if item.is_ping:
                    self._owner.tally.pings += 1
                    self.write(b"\r\n")
            elif isinstance(item, BadMessage):
                item.raw = item.raw or raw
                self._owner.listener.stream_refused(item, self.path)
            else:
                self.has_spoken = True
                self._owner.tally.received += 1
                self._owner.listener.stream_message(item, raw, self.path)
        if self._parser.broken:
            self._owner.tally.closed_broken += 1
            self.close()
        if not self._parser.held_bytes:
            self.half_since = None
        elif self.half_since is None:
            self.half_since = self.heard_at

    def write(self, data: bytes) -> bool:
        """Queue `data`; false when the connection is closing, or its reader so slow that we give it up."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if transport.get_write_buffer_size() + len(data) > self._owner.limits.unsent_bytes:
            self._owner.tally.closed_slow += 1
            transport.abort()
            return False
        transport.write(data)
        return True

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Close after what is queued has gone."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.lost(self)


class TcpTransport:
    """All connections of a stack. `now()` is the stack's clock."""

    def __init__(self, limits: Limits, listener: Listener, now: Callable[[], float]) -> None:
        self.limits = limits
        self.listener = listener
        self.now = now
        self.tally = TcpTally()
        self._numbers = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        self._by_remote: dict[Address, Connection] = {}
        self._of_host: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._connecting: dict[Address, asyncio.Future[Connection]] = {}
        self._loop = asyncio.get_running_loop()
        self._checks: dict[int, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._connections)

    async def listen(self, host: str, port: int) -> Address:
        """Accept connections. Raises OSError."""
        self._server = await self._loop.create_server(
            lambda: Connection(self, accepted=True), host, port, backlog=1024, reuse_address=True
        )
        name = self._server.sockets[0].getsockname()
        return (name[0], name[1])

    async def connect(self, remote: Address, local_host: str | None = None) -> Path:
        """The connection to `remote`, made when there is none. Raises OSError, TimeoutError included."""
        found = self._by_remote.get(remote)
        if found is not None and found.is_open:
            return found.path
        waiting = self._connecting.get(remote)
        if waiting is None:
            waiting = asyncio.ensure_future(self._connect(remote, local_host))
            self._connecting[remote] = waiting
            waiting.add_done_callback(lambda _: self._connecting.pop(remote, None))
        # Shielded: one impatient caller must not break the connection of the others.
        return (await asyncio.shield(waiting)).path

    async def _connect(self, remote: Address, local_host: str | None) -> Connection:
        if len(self._connections) >= self.limits.connections:
            raise OSError(f"{len(self._connections)} connections are open, no more are made")
        local = (local_host, 0) if local_host else None
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, made = await self._loop.create_connection(
                lambda: Connection(self, accepted=False), remote[0], remote[1], local_addr=local
            )
        return made

    def open_to(self, remote: Address) -> Path | None:
        """The path of an open connection to exactly that address."""
        found = self._by_remote.get(remote)
        return found.path if found is not None and found.is_open else None

    def send(self, data: bytes, connection: int) -> bool:
        """Queue bytes on a connection; false when it is gone."""
        found = self._connections.get(connection)
        if found is None or not found.write(data):
            return False
        self.tally.sent += 1
        return True

    def opened(self, connection: Connection, transport: asyncio.Transport) -> None:
        """A connection is there: count it, or close it when there are too many."""
        remote, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if remote is None or local is None:
            transport.abort()
            return
        host = remote[0]
        if connection.accepted and (
            len(self._connections) >= self.limits.connections or self._of_host[host] >= self.limits.connections_a_host
        ):
            self.tally.refused_full += 1
            transport.abort()
            return
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        number = next(self._numbers)
        connection.path = Path("TCP", (host, remote[1]), (local[0], local[1]), number)
        connection.heard_at = self.now()
        connection.is_counted = True
        self._connections[number] = connection
        self._by_remote[connection.path.remote] = connection
        self._of_host[host] += 1
        if connection.accepted:
            self.tally.accepted += 1
        else:
            self.tally.made += 1
        self._check_later(connection, min(self.limits.first_message_s, self.limits.half_message_s))

    def _check_later(self, connection: Connection, after_s: float) -> None:
        # One timer a connection, set again when it fires and not with every message.
        number = connection.path.connection
        self._checks[number] = self._loop.call_later(max(after_s, 0.01), self._check, connection)

    def _check(self, connection: Connection) -> None:
        """Close a connection that has said nothing, stopped in the middle, or been idle for too long. One that we made
        ourselves may be idle, and so may one that somebody needs."""
        now = self.now()
        limits = self.limits
        deadlines = []
        if connection.accepted:
            idle_at = connection.heard_at + limits.idle_s
            if now >= idle_at and self.listener.holds(connection.path):
                idle_at = now + limits.idle_s
            deadlines.append(idle_at)
        if connection.accepted and not connection.has_spoken:
            deadlines.append(connection.heard_at + limits.first_message_s)
        if connection.half_since is not None:
            deadlines.append(connection.half_since + limits.half_message_s)
        deadline = min(deadlines, default=now + limits.idle_s)
        if now >= deadline:
            self.tally.closed_idle += 1
            connection.abort()
        else:
            self._check_later(connection, min(deadline - now, limits.half_message_s))

    def lost(self, connection: Connection) -> None:
        """A connection is gone."""
        if not connection.is_counted:
            return
        connection.is_counted = False
        path = connection.path
        self._connections.pop(path.connection, None)
        if self._by_remote.get(path.remote) is connection:
            del self._by_remote[path.remote]
        self._of_host[path.remote[0]] -= 1
        if self._of_host[path.remote[0]] <= 0:
            del self._of_host[path.remote[0]]
        check = self._checks.pop(path.connection, None)
        if check is not None:
            check.cancel()
        self.listener.stream_lost(path)

    async def close(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for waiting in list(self._connecting.values()):
            waiting.cancel()
        for connection in list(self._connections.values()):
            connection.close()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        await asyncio.sleep(0)
        for connection in list(self._connections.values()):
            connection.abort()
        await asyncio.sleep(0)
