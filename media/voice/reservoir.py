"""What was said and has not gone out: evens out a microphone's bursts, and never grows old."""

from __future__ import annotations

PIECE = 160
"""Bytes of 20 ms of G.711."""
CUSHION = 3
"""Pieces gathered before the first goes out, and again after running dry."""
MOST = 20
"""More than so many pieces never wait: who speaks must be heard now."""
LOOK_EVERY = 100
SLACK = 3
"""So many pieces more than the cushion may lie there all the time before one is left out: clocks differ."""


class Reservoir:
    """Sound in as it comes, pieces of 20 ms out. Pure: whoever takes keeps the clock."""

    def __init__(self, *, cushion: int = CUSHION, most: int = MOST) -> None:
        self._cushion = cushion * PIECE
        self._most = most * PIECE
        self._held = bytearray()
        self._is_flowing = False
        self._taken = 0
        self._lowest = self._most
        self.dropped = 0
        """Pieces left out."""

    def __len__(self) -> int:
        """Bytes that wait."""
        return len(self._held)

    def put(self, sound: bytes) -> None:
        """Add what was said; of too much the oldest goes, back to the cushion."""
        self._held += sound[-self._most :]
        excess = len(self._held) - self._most
        if excess > 0:
            gone = len(self._held) - self._cushion
            gone -= gone % PIECE
            self.dropped += gone // PIECE
            del self._held[:gone]

    def take(self) -> bytes | None:
        """The next piece; None while there is nothing to say."""
        if len(self._held) < (PIECE if self._is_flowing else self._cushion):
            self._is_flowing = False
            return None
        self._is_flowing = True
        piece = bytes(self._held[:PIECE])
        del self._held[:PIECE]
        self._look()
        return piece

    def _look(self) -> None:
        """A microphone whose clock runs faster than ours fills us slowly."""
        self._lowest = min(self._lowest, len(self._held))
        self._taken += 1
        if self._taken >= LOOK_EVERY:
            if self._lowest > self._cushion + SLACK * PIECE:
                del self._held[:PIECE]
                self.dropped += 1
            self._taken, self._lowest = 0, self._most
