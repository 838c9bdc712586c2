"""The road of RTP by UDP: runs of datagrams, a pace, and what waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable

from media.inlets.source_lock import Source
from media.outlets.backlog import Backlog
from media.outlets.road import Driver, Packets

log = logging.getLogger(__name__)

PACE_S = 0.005
PACE_PACKETS = 32
"""So many datagrams leave within PACE_S: a kept GOP or a remuxed key frame would overflow the receiver's buffer."""
UNREACHABLE_GAP_S = 2.0

# Linux 4.18 and later, include/uapi/linux/udp.h; Python names neither.
SOL_UDP = 17
UDP_SEGMENT = 103
SEGMENTS = 64
SEGMENTS_BYTES = 65_000
CUTS_NOT = frozenset({errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO, errno.EMSGSIZE})
"""No such option; a device that cannot; pieces beyond the path's MTU, which IP may fragment one by one."""


class UdpRoad:
    """Datagrams from our bound port to the receiver's. Owns neither socket nor port; `close` stops its timer.

    The kernel cuts a run into datagrams, where it can (UDP_SEGMENT): a run costs little more than a packet.
    """

    def __init__(self, opened: socket.socket, target: Source, driver: Driver, clock: Callable[[], float]) -> None:
        self.connections = 0
        self.is_open = False
        self._socket = opened
        self._target = target
        self._driver = driver
        self._clock = clock
        self.backlog = Backlog()
        self._slot_at = float("-inf")
        self._room = 0
        self._is_cutting = True
        """Whether the kernel cuts for us, as far as we know."""
        self._cut_bytes = 0
        """At which length it does now; 0 is nowhere."""
        self._timer: asyncio.TimerHandle | None = None
        self._refused_at = float("-inf")
        self._refused_since = 0.0
        self._loop = asyncio.get_running_loop()

    def begin(self) -> None:
        self.is_open = True
        self._driver.road_opened()
        self._pump()

    def send(self, data: Packets, size: int, now: float) -> None:
        """Packets `size` bytes apart, at once while the pace allows it, else a few milliseconds later."""
        gone = 0
        if self.is_open and not self.backlog.bytes:
            if now - self._slot_at >= PACE_S:
                self._slot_at = now
                self._room = PACE_PACKETS
            gone = self._write(data, size, 0)
            if gone >= len(data):
                return
        self.backlog.put(bytes(data), size, now, gone)
        self._arm()

    def lend(self) -> tuple[int, float, int] | None:
        """The socket, when the pace's slot began and its room, for one who sends in our place; None if packets wait."""
        if not self.is_open or self.backlog.bytes or not self._is_cutting:
            return None
        return self._socket.fileno(), self._slot_at, self._room

    def take_back(self, slot_at: float, room: int) -> None:
        """How much of the pace is used up."""
        self._slot_at, self._room = slot_at, room

    def note_error(self, error: int) -> None:
        """Sending in our place failed so; it is tried again here, but a receiver that is gone is told only once."""
        if error not in (errno.EAGAIN, *CUTS_NOT):
            self._note_refused()

    def forget_queue(self) -> None:
        self.backlog.forget()

    @property
    def queued_bytes(self) -> int:
        return self.backlog.bytes

    @property
    def queued_since(self) -> float | None:
        """When the oldest packets that wait were sent."""
        return self.backlog.since

    def is_unreachable(self, now: float, patience_s: float) -> bool:
        """Whether the receiver's host has said for so long that nobody listens there (ICMP)."""
        return now - self._refused_at < UNREACHABLE_GAP_S and self._refused_at - self._refused_since >= patience_s

    def close(self) -> None:
        self.is_open = False
        self.forget_queue()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write(self, data: Packets, size: int, start: int) -> int:
        """Packets from `start` on, as many as the pace and the system take now; the start of those left."""
        end = len(data)
        while start < end and self._room:
            count = min(self._room, SEGMENTS, SEGMENTS_BYTES // size or 1) if self._is_cutting else 1
            until = min(end, start + count * size)
            piece = data if until - start == end else memoryview(data)[start:until]
            try:
                self._put_out(piece, size)
            except BlockingIOError:
                self._room = 0
                break
            except OSError as error:
                if self._is_cutting and error.errno in CUTS_NOT:
                    self._cut_no_more(error)
                    continue
                # An ICMP "port unreachable" for earlier ones; these were not sent and count as lost on the way.
                self._note_refused()
            self._room -= -(-len(piece) // size)
            start = until
        return start

    def _put_out(self, piece: Packets, size: int) -> None:
        if len(piece) > size:
            wanted = size
        else:
            wanted = self._cut_bytes if len(piece) <= self._cut_bytes else 0
        if wanted != self._cut_bytes:
            self._cut_at(wanted)
        self._socket.send(piece)

    def _cut_at(self, size: int) -> None:
        self._socket.setsockopt(SOL_UDP, UDP_SEGMENT, size)
        self._cut_bytes = size

    def _cut_no_more(self, why: OSError) -> None:
        """An old kernel, a small MTU or a device that cannot: packets go one by one from now on."""
        log.info("packets to %s:%d go one by one: %s", *self._target, why.strerror)
        self._is_cutting = False
        if self._cut_bytes:
            with contextlib.suppress(OSError):
                self._cut_at(0)

    def _note_refused(self) -> None:
        now = self._clock()
        if now - self._refused_at > UNREACHABLE_GAP_S:
            self._refused_since = now
        self._refused_at = now

    def _arm(self) -> None:
        if self._timer is None and self.is_open:
            self._timer = self._loop.call_later(PACE_S, self._pump)

    def _pump(self) -> None:
        self._timer = None
        self._slot_at = self._clock()
        self._room = PACE_PACKETS
        backlog = self.backlog
        while backlog and self._room:
            data, size, gone = backlog.first
            backlog.take(self._write(data, size, gone) - gone)
        if backlog:
            self._arm()
