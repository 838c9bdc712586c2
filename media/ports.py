"""Media ports: lent as pairs (RTP even, RTCP one above, RFC 3550 11), and left to rest when they come back."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections import deque
from dataclasses import dataclass

from media.plane import NoCapacity

EPHEMERAL_TRIES = 64
BACKLOG = 8


class PortBook:
    """Which even ports are free. Pure: the caller says what time it is.

    A port given back rests for `quarantine_s`, because its last sender may still be sending (media.md 3.6).
    """

    def __init__(self, first: int, last: int, quarantine_s: float, begin: int = 0) -> None:
        first += first % 2
        if not (0 < first < last <= 65535):
            raise ValueError(f"no port pair lies between {first} and {last}")
        self._quarantine_s = quarantine_s
        # Oldest first, so the head rests longest and one look at it says whether anything is ready.
        self._free: deque[tuple[int, float]] = deque((port, float("-inf")) for port in range(first, last, 2))
        self._free.rotate(-sum(port < begin for port in range(first, last, 2)))
        self._lent: set[int] = set()

    @property
    def free(self) -> int:
        return len(self._free)

    @property
    def lent(self) -> int:
        return len(self._lent)

    def take(self, now: float) -> int | None:
        """An even port, or None when all are lent or resting."""
        if not self._free or self._free[0][1] > now:
            return None
        port, _ = self._free.popleft()
        self._lent.add(port)
        return port

    def give_back(self, port: int, now: float) -> None:
        """Harmless for a port that was not lent."""
        if port in self._lent:
            self._lent.remove(port)
            self._free.append((port, now + self._quarantine_s))


def slice_of(first: int, last: int, number: int, count: int) -> tuple[int, int]:
    """The part of a range that is for one of several who share it; parts do not touch, each has whole pairs.

    >>> slice_of(30000, 30999, 1, 2)
    (30500, 30999)
    """
    first += first % 2
    pairs = (last - first + 1) // 2
    if pairs < count:
        raise ValueError(f"{count} workers cannot share {pairs} port pairs between {first} and {last}")
    return first + pairs * number // count * 2, first + pairs * (number + 1) // count * 2 - 1


LastSender = tuple[tuple[str, int], int]
"""From where it sent, and under which SSRC."""


@dataclass(slots=True)
class PortPair:
    """The sockets of one inlet. `rtp` is UDP even for TCP streams: some cameras answer TCP with UDP (media.md S7).

    `last_sender` sent to this port before: one that does not heed a BYE sends still.
    """

    port: int
    rtp: socket.socket
    rtcp: socket.socket
    listener: socket.socket | None = None
    last_sender: LastSender | None = None

    def close(self) -> None:
        for opened in (self.rtp, self.rtcp, self.listener):
            if opened is not None:
                opened.close()


class Ports:
    """Lends bound sockets from a range; `first` 0 takes pairs of the system's choice."""

    def __init__(
        self, host: str, first: int, last: int, *, quarantine_s: float, receive_buffer: int, begin: int = 0
    ) -> None:
        self._host = host
        self._receive_buffer = receive_buffer
        self._book = PortBook(first, last, quarantine_s, begin) if first else None
        self._lent = 0
        self._last_senders: dict[int, LastSender] = {}

    @property
    def lent(self) -> int:
        return self._lent

    @property
    def free(self) -> int | None:
        """None when the system chooses."""
        return self._book.free if self._book else None

    def lend(
        self, now: float, *, listen: bool = False, holds_tcp: bool = False, by_six: bool | None = None
    ) -> PortPair:
        """Both UDP ports bound, and a TCP listener when asked for. Raises NoCapacity.

        With `holds_tcp` the listener does not listen: it holds the number for connections that will come from it.
        `by_six` asks for IPv6 or IPv4, None for whatever our host is of.
        """
        backlog = BACKLOG if listen else 0 if holds_tcp else None
        host = self._host if by_six is None else host_of_family(self._host, by_six=by_six)
        pair = self._from_book(now, host, backlog) if self._book else self._from_system(host, backlog)
        self._lent += 1
        pair.last_sender = self._last_senders.pop(pair.port, None)
        return pair

    def give_back(self, pair: PortPair, now: float, last_sender: LastSender | None = None) -> None:
        """`last_sender` is told to who gets the port next, if it is one of our range."""
        pair.close()
        self._lent -= 1
        if self._book:
            self._book.give_back(pair.port, now)
            last_sender = last_sender or pair.last_sender
            if last_sender is not None:
                self._last_senders[pair.port] = last_sender

    def _from_book(self, now: float, host: str, backlog: int | None) -> PortPair:
        assert self._book is not None
        for _ in range(self._book.free):
            port = self._book.take(now)
            if port is None:
                break
            try:
                return self._bind(host, port, backlog)
            except OSError:
                # Somebody else holds it; it rests like one that came back and the next one is tried.
                self._book.give_back(port, now)
        raise NoCapacity(f"no media port is free: {self._book.lent} lent, the rest is resting or held by others")

    def _from_system(self, host: str, backlog: int | None) -> PortPair:
        for _ in range(EPHEMERAL_TRIES):
            try:
                with _socket(host, socket.SOCK_DGRAM) as probe:
                    probe.bind((host, 0))
                    port = probe.getsockname()[1] & ~1
            except OSError as error:
                raise NoCapacity(f"no media port can be had on {host}: {error}") from error
            try:
                return self._bind(host, port, backlog)
            except OSError:
                continue
        raise NoCapacity("the system has no free pair of media ports")

    def _bind(self, host: str, port: int, backlog: int | None) -> PortPair:
        opened: list[socket.socket] = []
        try:
            opened.append(bind_udp(host, port, self._receive_buffer))
            opened.append(bind_udp(host, port + 1, 0))
            if backlog is not None:
                opened.append(bind_tcp(host, port, backlog))
        except BaseException:
            for each in opened:
                each.close()
            raise
        return PortPair(port, opened[0], opened[1], opened[2] if backlog is not None else None)


SO_RCVBUFFORCE = 33
OTHER_FAMILY = {"127.0.0.1": "::1", "::1": "127.0.0.1"}


def host_of_family(host: str, *, by_six: bool) -> str:
    """Where to listen by a family of addresses when `host` is set: it, or its like, or every address of the other."""
    if (":" in host) == by_six:
        return host
    return OTHER_FAMILY.get(host, "::" if by_six else "0.0.0.0")


def bind_udp(host: str, port: int, receive_buffer: int) -> socket.socket:
    """A non-blocking UDP socket; the buffer is what the system grants of the wish. Raises OSError."""
    bound = _socket(host, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        if receive_buffer:
            # Linux gives 212 kB by default, which one 4K key frame overflows.
            # Who may, takes it beyond net.core.rmem_max, which is as small on most systems.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if sys.platform == "linux":
                with contextlib.suppress(OSError):
                    bound.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound


def bind_tcp(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """A non-blocking listener; with a backlog of 0 it does not listen and only holds the port. Raises OSError."""
    bound = _socket(host, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        if backlog:
            bound.listen(backlog)
    except BaseException:
        bound.close()
        raise
    return bound


def _socket(host: str, kind: socket.SocketKind) -> socket.socket:
    """Of the address's own family; one of IPv6 leaves the port's IPv4 side alone."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    if made.family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made
