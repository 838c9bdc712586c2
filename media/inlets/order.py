"""RtpPackets in sequence, whichever payload types share one (media.md 3.2, 3.5)."""

from __future__ import annotations

from typing import Protocol

from media.reorder import DROPOUT, Reorderer
from media.rtp import RtpPacket, sequence_distance

PROOF = 8
"""So many numbers in a row that do not follow on the first type's prove a sequence of its own."""
REUNION = 50
"""So many in a row that do follow prove the opposite."""
LINES = 8
"""No sender has more payload types than this; further ones pass unordered."""
PROVEN_FITS = 3
NEAR = 64
"""A type that has followed on so often is believed to be out of order, not apart, within this distance."""


class Line(Protocol):
    """One sequence space. The counters only grow."""

    lost: int
    reordered: int
    duplicates: int

    @property
    def expected(self) -> int | None: ...

    def go_on(self, sequence: int, count: int) -> bool: ...

    def push(self, sequence: int, packet: RtpPacket, now: float) -> list[tuple[RtpPacket, bool]]: ...

    def flush(self, now: float) -> list[tuple[RtpPacket, bool]]: ...


class Straight:
    """TCP brings packets in order; a gap is the sender's own loss (media.md R18)."""

    def __init__(self) -> None:
        self.lost = 0
        self.reordered = 0
        self.duplicates = 0
        self._next: int | None = None

    @property
    def expected(self) -> int | None:
        return self._next

    def go_on(self, sequence: int, count: int) -> bool:
        if sequence != self._next:
            return False
        self._next = sequence + count & 0xFFFF
        return True

    def push(self, sequence: int, packet: RtpPacket, now: float) -> list[tuple[RtpPacket, bool]]:
        gap = 0 if self._next is None else sequence_distance(self._next, sequence)
        self._next = (sequence + 1) & 0xFFFF
        if 0 < gap <= DROPOUT:
            self.lost += gap
        return [(packet, gap != 0)]

    def flush(self, now: float) -> list[tuple[RtpPacket, bool]]:
        return []


class Order:
    """All payload types of one session.

    Some cameras number sound (bare G.711) together with the picture, others apart, so it is measured: a packet of
    another type goes the way of the first type while its number follows on there.
    """

    def __init__(self, *, reorders: bool, window: int, hold_s: float) -> None:
        self._reorders = reorders
        self._window = window
        self._hold_s = hold_s
        self._main = self._line()
        self._main_type: int | None = None
        self._last = 0
        self._apart: dict[int, Line] = {}
        self._fits: dict[int, int] = {}
        self._misfits: dict[int, int] = {}

    def push(self, packet: RtpPacket, now: float) -> list[tuple[RtpPacket, bool]]:
        """What may go on now, oldest first, each with whether something is missing before it."""
        if self._main_type is None:
            self._main_type = packet.payload_type
        if packet.payload_type == self._main_type:
            self._last = packet.sequence
            return self._main.push(packet.sequence, packet, now)
        return self._push_other(packet.payload_type, packet.sequence, packet, now)

    def go_on(self, payload_type: int, sequence: int, count: int) -> bool:
        """Whether so many packets from this one on, without a gap, follow on what went before; they need no pushing
        then. False changes nothing."""
        if payload_type != self._main_type or not self._main.go_on(sequence, count):
            return False
        self._last = sequence + count - 1 & 0xFFFF
        return True

    def next_of(self, payload_type: int) -> int | None:
        """The number with which packets of this type go straight on; None while there is anything else to think of."""
        return self._main.expected if payload_type == self._main_type and not self._apart else None

    def flush(self, now: float) -> list[tuple[RtpPacket, bool]]:
        """What has waited too long for its forerunner; call it every 50 ms."""
        ready = self._main.flush(now)
        for line in self._apart.values():
            ready += line.flush(now)
        return ready

    @property
    def lost(self) -> int:
        return self._main.lost + sum(line.lost for line in self._apart.values())

    @property
    def reordered(self) -> int:
        return self._main.reordered + sum(line.reordered for line in self._apart.values())

    @property
    def duplicates(self) -> int:
        return self._main.duplicates + sum(line.duplicates for line in self._apart.values())

    def _push_other(self, kind: int, sequence: int, packet: RtpPacket, now: float) -> list[tuple[RtpPacket, bool]]:
        distance = sequence_distance(self._last, sequence)
        fits = distance == 1
        line = self._apart.get(kind)
        if line is not None:
            self._fits[kind] = self._fits[kind] + 1 if fits else 0
            if self._fits[kind] < REUNION:
                return line.push(sequence, packet, now)
            ready = line.flush(now + self._hold_s + 1.0)
            del self._apart[kind]
            self._last = sequence
            return ready + self._main.push(sequence, packet, now)
        if fits:
            self._fits[kind] = self._fits.get(kind, 0) + 1
            self._misfits[kind] = 0
            self._last = sequence
            return self._main.push(sequence, packet, now)
        self._misfits[kind] = self._misfits.get(kind, 0) + 1
        if self._misfits[kind] >= PROOF and len(self._apart) < LINES:
            self._apart[kind] = line = self._line()
            self._fits[kind] = 0
            return line.push(sequence, packet, now)
        if self._fits.get(kind, 0) >= PROVEN_FITS and distance != 0 and abs(distance) <= NEAR:
            return self._main.push(sequence, packet, now)
        return [(packet, False)]

    def _line(self) -> Line:
        return Reorderer(self._window, self._hold_s) if self._reorders else Straight()
