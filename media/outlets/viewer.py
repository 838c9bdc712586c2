"""One viewer: written to at once while its wire takes it, else queued, bounded; skipped ahead, and in the end cut."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from media.outlets.chunk import Chunk, Form
from media.outlets.wire import Wire


class Heads(Protocol):
    """Where a viewer gets what must come before a key frame."""

    generation: int

    def head(self, *, is_first: bool) -> tuple[Chunk, ...]: ...


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How slow a viewer may be: bytes and seconds of queue, and how often it may skip before it is cut."""

    bytes: int
    age_s: float
    skips: int
    forgive_s: float


class Viewer:
    """Never waits and never delays another: a chunk is written, queued or dropped, at once.

    On overflow of bytes or age the queue is dropped and the viewer goes on at the next key frame. Too many skips in
    a row, and it is cut: `ended` then carries why.
    """

    def __init__(self, wire: Wire, form: Form, tolerance: Tolerance) -> None:
        self.skips = 0
        self.dropped = 0
        self.sent_bytes = 0
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.is_cut = False
        self.wire = wire
        wire.on_room = self._pump
        wire.on_left = self._stop
        self._form = form
        self._tolerance = tolerance
        self._generation: int | None = None
        self._queue: deque[tuple[Chunk, float]] = deque()
        self._queued_bytes = 0
        self._burst_bytes = 0
        self._is_skipping = True
        self._skips_in_row = 0
        self._skipped_at = float("-inf")

    def take(self, chunk: Chunk, heads: Heads, now: float) -> None:
        """The next chunk of the rendition. Key chunks bring their head along when the viewer has not got it."""
        if chunk.is_key:
            self._is_skipping = False
            if self._generation != heads.generation:
                for each in heads.head(is_first=self._generation is None):
                    self._offer(each, now)
                self._generation = heads.generation
        elif self._is_skipping:
            self.dropped += 1
            return
        self._offer(chunk, now)

    def allow_burst(self, size: int) -> None:
        """The kept pictures a newcomer begins with come on top of what may queue, until they have gone out."""
        self._burst_bytes = size

    def end(self, why: str) -> None:
        """No more will come; what is queued goes out if the wire takes it now."""
        self._pump()
        self._stop(why)

    @property
    def is_ended(self) -> bool:
        return self.ended.done()

    @property
    def queued_bytes(self) -> int:
        return self._queued_bytes

    def queued_s(self, now: float) -> float:
        """How old the oldest is that waits for the wire."""
        return max(0.0, now - self._queue[0][1]) if self._queue else 0.0

    def _offer(self, chunk: Chunk, now: float) -> None:
        if self.ended.done():
            return
        if not self._queue and not self.wire.unsent:
            self._write(chunk)
            return
        tolerance = self._tolerance
        is_full = self._queued_bytes + len(chunk) > tolerance.bytes + self._burst_bytes
        if is_full or (self._queue and now - self._queue[0][1] > tolerance.age_s):
            self._skip(now)
            if self._is_skipping and not chunk.is_key:
                self.dropped += 1
                return
            self._is_skipping = False
        self._queue.append((chunk, now))
        self._queued_bytes += len(chunk)
        self._pump()

    def _skip(self, now: float) -> None:
        self.dropped += len(self._queue)
        self._queue.clear()
        self._queued_bytes = 0
        self._is_skipping = True
        # A head may have been among what was dropped; sending one twice harms nobody.
        if self._generation is not None:
            self._generation = -1
        self.skips += 1
        self._skips_in_row = self._skips_in_row + 1 if now - self._skipped_at <= self._tolerance.forgive_s else 1
        self._skipped_at = now
        if self._skips_in_row > self._tolerance.skips:
            self.is_cut = True
            self._stop(f"too slow: skipped ahead {self.skips} times")
            self.wire.abort()

    def _pump(self) -> None:
        while self._queue and not self.wire.unsent:
            chunk, _ = self._queue.popleft()
            self._queued_bytes -= len(chunk)
            self._write(chunk)
        if not self._queue:
            self._burst_bytes = 0

    def _write(self, chunk: Chunk) -> None:
        data = self._form(chunk)
        self.sent_bytes += len(data)
        self.wire.write(data)

    def _stop(self, why: str) -> None:
        self._queue.clear()
        self._queued_bytes = 0
        if not self.ended.done():
            self.ended.set_result(why)
