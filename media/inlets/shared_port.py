"""One port for many streams, UDP and TCP, told apart by SSRC (media.md 1.7)."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeVar

from media.inlets.rounds import Rounds
from media.inlets.source_lock import Source
from media.inlets.tcp import TcpConnection, TcpListener
from media.inlets.udp import WideDoor
from media.ports import bind_tcp, bind_udp

REMEMBERED_STRANGERS = 64
UNPROVEN_CONNECTIONS = 64
UNPROVEN_PACKETS = 64
UNPROVEN_S = 10.0

_K = TypeVar("_K")


class Guest(Protocol):
    """An inlet that lives on the shared port."""

    @property
    def ssrc(self) -> int: ...

    @property
    def locked_source(self) -> Source | None: ...

    def is_silent(self, now: float) -> bool:
        """Whether nothing has come from there for long, or nothing more can."""

    def take_shared(self, data: bytes, size: int, source: Source, now: float, by_udp: bool) -> None: ...

    def connection_came(self, connection: TcpConnection) -> None: ...

    def connection_ended(self, connection: TcpConnection, why: str) -> None: ...


class SharedPort:
    """Finds the guest of each packet: by its SSRC unless the address says otherwise, else by the source it came from
    before, else by the address that was answered, else by the host alone when only one unheard guest awaits it. The
    rest are strangers: remembered, so that a guest who waited in vain can say what came instead, and dropped.
    """

    def __init__(self, host: str, port: int, receive_buffer: int, clock: Callable[[], float], rounds: Rounds) -> None:
        udp, tcp = _bind_both(host, port, receive_buffer)
        self.port: int = udp.getsockname()[1]
        self._clock = clock
        self._rounds = rounds
        self._by_ssrc: dict[int, Guest] = {}
        self._by_source: dict[Source, Guest] = {}
        self._by_answer: dict[Source, Guest] = {}
        self._by_host: dict[str, list[Guest]] = {}
        self._of_connection: dict[TcpConnection, Guest] = {}
        self._unproven: dict[TcpConnection, None] = {}
        self.stranger_count = 0
        self._strangers: deque[tuple[float, int, Source]] = deque(maxlen=REMEMBERED_STRANGERS)
        self._udp = WideDoor(udp, rounds, self._datagrams)
        self._listener = TcpListener(tcp, self._accepted)

    @property
    def guests(self) -> int:
        return len(self._by_ssrc)

    def join(self, guest: Guest) -> bool:
        """Take a guest in by its SSRC; false when another has that number."""
        if guest.ssrc in self._by_ssrc:
            return False
        self._by_ssrc[guest.ssrc] = guest
        return True

    def answered(self, guest: Guest, old_ssrc: int, host: str | None, port: int | None) -> None:
        """Its sender answered: another SSRC perhaps, and the address it will send from."""
        if guest.ssrc != old_ssrc and self._by_ssrc.get(old_ssrc) is guest and guest.ssrc not in self._by_ssrc:
            del self._by_ssrc[old_ssrc]
            self._by_ssrc[guest.ssrc] = guest
        if host is not None:
            waiting = self._by_host.setdefault(host, [])
            if guest not in waiting:
                waiting.append(guest)
            if port:
                self._by_answer[(host, port)] = guest

    def leave(self, guest: Guest) -> None:
        _forget(self._by_ssrc, guest)
        _forget(self._by_source, guest)
        _forget(self._by_answer, guest)
        _forget(self._of_connection, guest)
        for host in [host for host, waiting in self._by_host.items() if guest in waiting]:
            self._by_host[host].remove(guest)
            if not self._by_host[host]:
                del self._by_host[host]

    def strangers_since(self, since: float) -> list[tuple[int, Source]]:
        """SSRC and source of what came for nobody, at most the last 64."""
        return [(ssrc, source) for at, ssrc, source in self._strangers if at >= since]

    def send(self, data: bytes, target: Source) -> None:
        self._udp.send(data, target)

    def tick(self, now: float) -> None:
        """Once a second: connections that never said whose they are go."""
        for connection in [each for each in self._unproven if now - each.opened_at >= UNPROVEN_S]:
            del self._unproven[connection]
            connection.close()

    def close(self) -> None:
        self._udp.close()
        self._listener.close()
        for connection in [*self._unproven, *self._of_connection]:
            connection.close()
        self._unproven.clear()
        self._of_connection.clear()

    # --- UDP -------------------------------------------------------------------------------------------------

    def _datagrams(self, data: bytes, size: int, source: Source, now: float) -> None:
        if len(data) > size and not _is_of_one(data, size):
            for at in range(0, len(data), size):
                self._datagrams(data[at : at + size], size, source, now)
            return
        guest = self._guest_of(data, source, -(-len(data) // (size or 1)))
        if guest is None:
            return
        guest.take_shared(data, size, source, now, True)
        if guest.locked_source == source:
            self._by_source[source] = guest

    def _guest_of(self, data: bytes, source: Source, count: int = 1) -> Guest | None:
        if len(data) < 12 or data[0] & 0xC0 != 0x80 or 192 <= data[1] <= 223:
            return self._by_source.get(source)
        ssrc = int.from_bytes(data[8:12], "big")
        guest = self._by_ssrc.get(ssrc)
        if guest is not None and guest.locked_source in (None, source):
            return self._answered_instead(guest, source) or guest
        found = self._by_source.get(source) or self._by_answer.get(source)
        if found is None and (guest is None or not _goes_on_from(guest, source[0], self._clock())):
            found = self._only_guest_from(source[0])
        if found is not None:
            return found
        if guest is None:
            self.stranger_count += count
            self._strangers.append((self._clock(), ssrc, source))
        return guest

    def _answered_instead(self, guest: Guest, source: Source) -> Guest | None:
        """Who is awaited from exactly there, when the one whose SSRC it is has been answered from another host: cameras
        repeat the SSRC of others."""
        other = self._by_answer.get(source)
        if (
            other is None
            or other is guest
            or other.locked_source not in (None, source)
            or guest.locked_source is not None
        ):
            return None
        hosts = [host for host, waiting in self._by_host.items() if guest in waiting]
        return other if hosts and source[0] not in hosts else None

    def _only_guest_from(self, host: str) -> Guest | None:
        unheard = [guest for guest in self._by_host.get(host, ()) if guest.locked_source is None]
        return unheard[0] if len(unheard) == 1 else None

    # --- TCP -------------------------------------------------------------------------------------------------

    def _accepted(self, opened: socket.socket, source: Source) -> None:
        if len(self._unproven) >= UNPROVEN_CONNECTIONS:
            oldest = next(iter(self._unproven))
            del self._unproven[oldest]
            oldest.close()
        self._unproven[TcpConnection(opened, source, None, self, self._rounds, self._clock())] = None

    def packets_came(self, connection: TcpConnection, data: bytes, size: int, now: float) -> None:
        guest = self._of_connection.get(connection)
        while guest is None and data:
            guest = self._guest_of(data[:size], connection.source)
            if guest is None:
                data = data[size:]
        if guest is None:
            if connection.packets >= UNPROVEN_PACKETS:
                self._unproven.pop(connection, None)
                connection.close()
            return
        if connection not in self._of_connection:
            self._unproven.pop(connection, None)
            self._of_connection[connection] = guest
            guest.connection_came(connection)
        connection.heard_at = now
        guest.take_shared(data, size, connection.source, now, False)

    def connection_ended(self, connection: TcpConnection, why: str) -> None:
        self._unproven.pop(connection, None)
        guest = self._of_connection.pop(connection, None)
        if guest is not None:
            guest.connection_ended(connection, why)


def _bind_both(host: str, port: int, receive_buffer: int) -> tuple[socket.socket, socket.socket]:
    """UDP and TCP on the same number; with port 0 the system's choice for UDP must suit TCP too. Raises OSError."""
    failure = OSError("no port")
    for _ in range(1 if port else 16):
        udp = bind_udp(host, port, receive_buffer)
        try:
            return udp, bind_tcp(host, udp.getsockname()[1], backlog=128)
        except OSError as error:
            udp.close()
            failure = error
    raise failure


def _goes_on_from(guest: Guest, host: str, now: float) -> bool:
    """Whether its sender may have come back by another port: one that is awaited from the same host is another."""
    locked = guest.locked_source
    return locked is not None and locked[0] == host and guest.is_silent(now)


def _is_of_one(data: bytes, size: int) -> bool:
    """Whether all packets are RTP of one SSRC: then they are all for one guest."""
    count = -(-len(data) // size)
    if size < 12 or len(data) < (count - 1) * size + 12 or any(192 <= kind <= 223 for kind in set(data[1::size])):
        return False
    return all((column := data[at::size]).count(column[0]) == count for at in (0, 8, 9, 10, 11))


def _forget(table: dict[_K, Guest], guest: Guest) -> None:
    for key in [key for key, value in table.items() if value is guest]:
        del table[key]
