"""Runs of packets that wait to go out by a road, in order. Pure."""

from __future__ import annotations

from collections import deque
from itertools import islice


class Backlog:
    """Each piece is packets back to back, `size` bytes apart; the first piece may be gone in part."""

    def __init__(self) -> None:
        self.bytes = 0
        """That wait still."""
        self._pieces: deque[tuple[bytes | bytearray, int, float]] = deque()
        self._gone = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def put(self, data: bytes | bytearray, size: int, now: float, gone: int = 0) -> None:
        """Behind the others; of the first piece so many bytes may have gone out already."""
        if not self._pieces:
            self._gone = gone
            self.bytes -= gone
        self._pieces.append((data, size, now))
        self.bytes += len(data)

    @property
    def since(self) -> float | None:
        """When the oldest piece was put."""
        return self._pieces[0][2] if self._pieces else None

    @property
    def first(self) -> tuple[bytes | bytearray, int, int]:
        """The oldest piece, the distance of its packets, and how much of it is gone."""
        data, size, _ = self._pieces[0]
        return data, size, self._gone

    def front(self, count: int) -> list[bytes | bytearray | memoryview]:
        """What goes out next, of so many pieces."""
        buffers: list[bytes | bytearray | memoryview] = [data for data, _, _ in islice(self._pieces, count)]
        if self._gone:
            buffers[0] = memoryview(buffers[0])[self._gone :]
        return buffers

    def take(self, count: int) -> None:
        """So many bytes went out."""
        self.bytes -= count
        pieces = self._pieces
        gone = self._gone + count
        while pieces and gone >= len(pieces[0][0]):
            gone -= len(pieces.popleft()[0])
        self._gone = gone

    def rewind(self) -> None:
        """The packet that went out in part goes out again, whole."""
        if self._gone:
            half = self._gone % self._pieces[0][1]
            self._gone -= half
            self.bytes += half

    def forget(self, *, keeps_half: bool = False) -> None:
        """All that waits; with `keeps_half` not the rest of a packet that went out in part."""
        half: tuple[bytes | bytearray, int, float] | None = None
        if keeps_half and self._gone:
            data, size, since = self._pieces[0]
            start = self._gone - self._gone % size
            if start < self._gone:
                half = data[start : start + size], size, since
                self._gone -= start
        self._pieces.clear()
        self.bytes = 0
        if half is None:
            self._gone = 0
        else:
            self._pieces.append(half)
            self.bytes = len(half[0]) - self._gone
