"""RTP packets put back in order, within a window and a hold time (media.md 3.5)."""

from __future__ import annotations

from typing import Generic, TypeVar

from media.rtp import sequence_distance

Packet = TypeVar("Packet")

FAR = 256  # further ahead than this, or further behind than the window, is another sequence, not a late packet
NEAR = 64  # at most so far behind is late or a duplicate, though the window be smaller
PROOF = 8  # so many in a row of the other sequence prove that the sender began anew (R9)
DROPOUT = 3000  # a longer way ahead is a sequence that began anew, not so much loss (RFC 3550 A.1)
_GIVEN_UP_LIMIT = 1024


class Reorderer(Generic[Packet]):
    """Packets in as they came, out as they were sent, each with whether something is missing before it.

    At most `window` packets are held, none longer than `hold_s`. The counters only grow; `late` ones came after
    their place had been given up and are dropped, as duplicates are.
    """

    def __init__(self, window: int = 128, hold_s: float = 0.2) -> None:
        if not 1 <= window <= FAR or hold_s < 0:
            raise ValueError(f"a window of 1 to {FAR} packets and a hold of 0 s or more, not {window} and {hold_s}")
        self.lost = 0
        self.reordered = 0
        self.duplicates = 0
        self.late = 0
        self.restarts = 0
        self._window = window
        self._hold_s = hold_s
        self._next: int | None = None
        self._held: dict[int, tuple[Packet, float]] = {}  # by sequence, in order of arrival
        self._side: list[Packet] = []  # of a sequence that may be a new beginning
        self._side_next = 0
        self._side_at = 0.0
        self._given_up: set[int] = set()

    @property
    def expected(self) -> int | None:
        """The next number, when nothing waits."""
        return None if self._held or self._side else self._next

    def go_on(self, sequence: int, count: int) -> bool:
        """Whether nothing is held and so many packets from this one on are the next ones; they need no pushing then."""
        if sequence != self._next or self._held:
            return False
        self._next = sequence + count & 0xFFFF
        return True

    def push(self, sequence: int, packet: Packet, now: float) -> list[tuple[Packet, bool]]:
        """What may go on now, oldest first."""
        if sequence == self._next:
            self._next = (sequence + 1) & 0xFFFF
            if not self._held:
                return [(packet, False)]
            self.reordered += 1
            ready = [(packet, False)]
            self._release_run(ready)
            return ready
        if self._next is None:
            self._next = (sequence + 1) & 0xFFFF
            return [(packet, False)]
        distance = sequence_distance(self._next, sequence)
        if 0 < distance < FAR:
            return self._hold(sequence, packet, now)
        if -max(self._window, NEAR) <= distance < 0:
            if sequence in self._given_up:
                self._given_up.discard(sequence)
                self.late += 1
            else:
                self.duplicates += 1
            return []
        return self._set_aside(sequence, packet, now)

    def flush(self, now: float) -> list[tuple[Packet, bool]]:
        """What has been held for too long, with the gap before it given up; call it now and then (50 ms)."""
        ready: list[tuple[Packet, bool]] = []
        while self._held and now - next(iter(self._held.values()))[1] >= self._hold_s:
            self._give_up_gap(ready)
        if self._side and now - self._side_at >= self._hold_s:
            # A short burst of another sequence with silence after it: the sender began anew, or it was noise; a noise
            # packet alone proves nothing.
            if len(self._side) > 1:
                self._begin_anew(ready)
            else:
                self._side.clear()
        return ready

    def _hold(self, sequence: int, packet: Packet, now: float) -> list[tuple[Packet, bool]]:
        if sequence in self._held:
            self.duplicates += 1
            return []
        self._held[sequence] = (packet, now)
        ready: list[tuple[Packet, bool]] = []
        if len(self._held) >= self._window:
            self._give_up_gap(ready)
        return ready

    def _release_run(self, ready: list[tuple[Packet, bool]]) -> None:
        following = self._next
        while following is not None and following in self._held:
            ready.append((self._held.pop(following)[0], False))
            following = (following + 1) & 0xFFFF
        self._next = following

    def _give_up_gap(self, ready: list[tuple[Packet, bool]]) -> None:
        expected = self._next or 0
        gap = min(sequence_distance(expected, held) for held in self._held)
        self.lost += gap
        if len(self._given_up) > _GIVEN_UP_LIMIT:
            self._given_up.clear()
        self._given_up.update((expected + step) & 0xFFFF for step in range(gap))
        first = (expected + gap) & 0xFFFF
        ready.append((self._held.pop(first)[0], True))
        self._next = (first + 1) & 0xFFFF
        self._release_run(ready)

    def _set_aside(self, sequence: int, packet: Packet, now: float) -> list[tuple[Packet, bool]]:
        if self._side and sequence == self._side_next:
            self._side.append(packet)
        else:
            self._side = [packet]
        self._side_at = now
        self._side_next = (sequence + 1) & 0xFFFF
        ready: list[tuple[Packet, bool]] = []
        if len(self._side) >= PROOF:
            self._begin_anew(ready)
        return ready

    def _begin_anew(self, ready: list[tuple[Packet, bool]]) -> None:
        while self._held:
            self._give_up_gap(ready)
        gap = sequence_distance(self._next or 0, self._side_next - len(self._side) & 0xFFFF)
        if 0 < gap <= DROPOUT:
            self.lost += gap  # a pause of the network, during which the sender went on
        else:
            self.restarts += 1
        ready.append((self._side[0], True))
        ready += [(packet, False) for packet in self._side[1:]]
        self._next = self._side_next
        self._side.clear()
        self._given_up.clear()
