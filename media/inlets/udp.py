"""UDP sockets drained by us: asyncio's own datagram transport asks for 256 kB a datagram and drops under load."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

from media.inlets.express import Express
from media.inlets.rounds import Rounds
from media.inlets.scoop import Fit
from media.inlets.source_lock import Source

DRAIN_LIMIT = 64
"""Datagrams taken per wake; the loop has others to serve."""
SCOOPS = 16
"""Scoops taken out of one socket in one round: the shared port brings all its streams through one."""
DATAGRAM_BYTES = 2048
DATAGRAM_BYTES_LARGE = 65535


class UdpDoor:
    """Hands every datagram to `receive(data, source, now)`, the clock read once a wake. Owns its socket."""

    def __init__(
        self,
        opened: socket.socket,
        receive: Callable[[bytes, Source, float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._socket = opened
        self._receive = receive
        self._clock = clock
        self._size = DATAGRAM_BYTES
        self._is_six = opened.family == socket.AF_INET6
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(opened, self._drain)

    def send(self, data: bytes, target: Source) -> None:
        """Send if the system takes it at once; reports may be lost."""
        try:
            self._socket.sendto(data, target)
        except OSError:
            pass

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _drain(self) -> None:
        recvfrom, receive = self._socket.recvfrom, self._receive
        now = self._clock()
        for _ in range(DRAIN_LIMIT):
            try:
                data, source = recvfrom(self._size)
            except BlockingIOError:
                return
            except OSError:
                # ICMP "port unreachable" of a report we sent; it is taken off the socket by being raised.
                continue
            if len(data) == self._size:
                # A datagram that was perhaps cut: its sender lets IP fragment, so read wider from now on.
                self._size = DATAGRAM_BYTES_LARGE
            receive(data, source[:2] if self._is_six else source, now)
            if self._socket.fileno() < 0:
                return


class WideDoor:
    """Where media come in: all that waits is taken at once, `taken(data, size, source, now)` for packets of one sender
    back to back, each of `size` bytes but the last, which may be shorter. Read in `rounds`, or by the lane of `express`
    while that is ahead. Owns its socket."""

    def __init__(
        self,
        opened: socket.socket,
        rounds: Rounds,
        taken: Callable[[bytes, int, Source, float], None],
        express: Express | None = None,
    ) -> None:
        self._socket = opened
        self._number = opened.fileno()
        self._rounds = rounds
        self._taken = taken
        self._fit = Fit(opened)
        self._take = rounds.scoop.take
        self._express = express
        rounds.add(self._number, self._serve if express is None else rounds.lane(express, self._number, self._serve))

    def send(self, data: bytes, target: Source) -> None:
        """Send if the system takes it at once; reports may be lost."""
        try:
            self._socket.sendto(data, target)
        except OSError:
            pass

    def close(self) -> None:
        if self._number >= 0:
            self._rounds.remove(self._number)
            if self._express is not None:
                self._express.close(None)
            self._socket.close()
            self._number = -1

    def _serve(self, now: float) -> int:
        total = 0
        for _ in range(SCOOPS):
            pieces, is_full = self._take(self._fit)
            for data, size, source in pieces:
                total += len(data)
                self._taken(data, size, source, now)
            if not is_full or self._number < 0:
                break
        if self._express is not None:
            self._express.arm(now)
        return total
