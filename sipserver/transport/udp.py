"""Datagrams: one socket, drained in bounded batches whenever it is readable, answered at once.

Our own reader in place of asyncio's datagram protocol: one wake reads many datagrams, and a full send buffer queues a
bounded number of them instead of growing without end.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Address = tuple[str, int]

LARGEST_DATAGRAM = 65_535
DATAGRAMS_A_WAKE = 64
RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
SEND_BUFFER_BYTES = 2 * 1024 * 1024
LONGEST_QUEUE = 4_096


@dataclass(slots=True)
class UdpTally:
    """What a UDP transport counted."""

    received: int = 0
    sent: int = 0
    dropped_unsent: int = 0
    failed: int = 0


def open_socket(host: str, port: int) -> socket.socket:
    """A bound, non-blocking datagram socket with large buffers. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        # Thousands of cameras answer one restart at the same moment.
        for option, wanted in ((socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES), (socket.SO_SNDBUF, SEND_BUFFER_BYTES)):
            try:
                opened.setsockopt(socket.SOL_SOCKET, option, wanted)
            except OSError:  # the system's limit; what it grants has to do
                pass
        opened.bind((host, port))
    except BaseException:
        opened.close()
        raise
    return opened


class UdpTransport:
    """`receive(data, remote)` is called for each datagram, on the loop, and must not raise."""

    def __init__(self, bound: socket.socket, receive: Callable[[bytes, Address], None]) -> None:
        self._socket = bound
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[bytes, Address]] = deque()
        # One room for all: a fresh buffer of 64 KiB for each datagram costs more than parsing it.
        self._room = memoryview(bytearray(LARGEST_DATAGRAM))
        self.tally = UdpTally()
        self._loop.add_reader(bound.fileno(), self._drain)

    @property
    def address(self) -> Address:
        name = self._socket.getsockname()
        return (name[0], name[1])

    @property
    def receive_buffer_bytes(self) -> int:
        """What the system granted."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    def _drain(self) -> None:
        receive_into, receive, tally, room = self._socket.recvfrom_into, self._receive, self.tally, self._room
        for _ in range(DATAGRAMS_A_WAKE):
            try:
                size, remote = receive_into(room)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error of an earlier send; the next datagram is behind it
                tally.failed += 1
                continue
            tally.received += 1
            receive(bytes(room[:size]), remote if len(remote) == 2 else remote[:2])
            if self._socket.fileno() < 0:
                return

    def send(self, data: bytes, remote: Address) -> bool:
        """Send now, or queue when the system's buffer is full; false when this datagram can never be sent."""
        if self._queue:
            return self._enqueue(data, remote)
        try:
            self._socket.sendto(data, remote)
        except BlockingIOError:
            return self._enqueue(data, remote)
        except OSError:  # too large for a datagram, or no way to that address
            self.tally.failed += 1
            return False
        self.tally.sent += 1
        return True

    def _enqueue(self, data: bytes, remote: Address) -> bool:
        if len(self._queue) >= LONGEST_QUEUE:
            # Like a router: the transaction layer repeats what matters.
            self.tally.dropped_unsent += 1
            return True
        if not self._queue:
            self._loop.add_writer(self._socket.fileno(), self._flush)
        self._queue.append((data, remote))
        return True

    def _flush(self) -> None:
        while self._queue:
            data, remote = self._queue[0]
            try:
                self._socket.sendto(data, remote)
                self.tally.sent += 1
            except BlockingIOError:
                return
            except OSError:
                self.tally.failed += 1
            self._queue.popleft()
        self._loop.remove_writer(self._socket.fileno())

    def close(self) -> None:
        """Stop reading and close the socket; what is queued is lost."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
        self._queue.clear()
