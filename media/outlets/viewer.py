"""One viewer: written to at once while its wire takes it, else queued, bounded; skipped ahead, and in the end cut."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from media.outlets.chunk import Chunk, parts
from media.outlets.wave import Heads, Wave
from media.outlets.wire import Wire

AT_ONCE_BYTES = 256 * 1024
"""More than this is not given to the wire at a time: there it can not be taken back."""
AT_ONCE_BUFFERS = 256


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How slow a viewer may be: bytes and seconds of queue, and how often it may skip before it is cut."""

    bytes: int
    age_s: float
    skips: int
    forgive_s: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    buffers: Sequence[bytes]
    size: int
    at: float
    is_head: bool = False
    count: int = 1


class Tally:
    """What went to all who are clear: one sum that counts for each of them."""

    def __init__(self) -> None:
        self.bytes = 0


class Viewer:
    """Never waits and never delays another: a wave is written, queued or dropped, at once.

    While `is_clear` nothing waits for it and it has all that came before: whoever carries a wave may then send it
    by its `wire` or to the descriptor `number` without asking, if its size was added to the tally; `keep` is told where
    the system took less than the whole, `miss` where it did not go this way after all. Otherwise `take` decides. On
    overflow of bytes or age the queue is dropped and the viewer goes on at the next key frame. Too many skips in a row,
    and it is cut: `ended` then carries why.
    """

    def __init__(self, wire: Wire, tolerance: Tolerance) -> None:
        self.skips = 0
        self.dropped = 0
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.is_cut = False
        self.is_clear = False
        self.on_switch: Callable[[Viewer], None] | None = None
        """Called when it has become clear, or is no longer."""
        self.form = wire.form
        self.number = wire.number
        self.wire = wire
        wire.on_full = self._on_full
        wire.on_room = self._pump
        wire.on_left = self._stop
        self._tolerance = tolerance
        self._generation: int | None = None
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._burst_bytes = 0
        self._handed_at = 0.0
        self._handed_bytes = 0
        self._tally = Tally()
        self._since_bytes = 0
        self._is_skipping = True
        self._skips_in_row = 0
        self._skipped_at = float("-inf")

    # --- what comes ------------------------------------------------------------------------------------------

    def begin(self, kept: Sequence[Chunk], heads: Heads, now: float) -> None:
        """The pictures from the last key frame on; they come on top of what may queue, until they have gone out."""
        self._is_skipping = False
        self._give_head(heads, now)
        self._put(parts(kept[:1], self.form), now)
        self._pump()  # the first picture is on its way while the system takes in the rest
        for chunk in kept[1:]:
            self._put(parts((chunk,), self.form), now)
        self._burst_bytes = self._queued_bytes
        self._pump()

    def take(self, wave: Wave, now: float) -> None:
        """The next wave of the rendition, when it cannot simply be sent."""
        if self.ended.done():
            return
        if self._is_too_much(wave.size, now):
            self.skip(now)
            if self.ended.done():
                return
        if self._is_skipping or self._generation != wave.heads.generation:
            if not wave.has_key:
                self.dropped += len(wave.chunks)
                return
            self._is_skipping = False
            if self._generation != wave.heads.generation:
                self._give_head(wave.heads, now)
            data = wave.from_key(self.form)
        else:
            data = wave.joined(self.form)
        self._put((data,), now, count=len(wave.chunks))
        self._pump()

    def keep(self, data: bytes, sent: int, now: float) -> None:
        """Of a wave that was sent to a clear viewer, the system took only so much."""
        self._handed_at = now
        self.wire.keep(data, sent)

    def miss(self, size: int) -> None:
        """A wave of this size was counted for all who were clear, and did not go to this one with them."""
        self._handed_bytes -= size

    def count_by(self, tally: Tally) -> None:
        """This is the tally from now on."""
        self._handed_bytes = self.handed_bytes
        self._tally, self._since_bytes = tally, tally.bytes

    def skip(self, now: float) -> None:
        """Drop what waits and go on at the next key frame; the last straw cuts the viewer."""
        if self.ended.done():
            return
        self._set_clear(False)
        self._is_skipping = True
        self.dropped += sum(waiting.count for waiting in self._queue)
        if any(waiting.is_head for waiting in self._queue):
            self._generation = -1
        self._queue.clear()
        self._queued_bytes = 0
        self.skips += 1
        self._skips_in_row = self._skips_in_row + 1 if now - self._skipped_at <= self._tolerance.forgive_s else 1
        self._skipped_at = now
        if self._skips_in_row > self._tolerance.skips:
            self.is_cut = True
            self._stop(f"too slow: skipped ahead {self.skips} times")
            self.wire.abort()

    def end(self, why: str) -> None:
        """No more will come; what is queued goes out if the wire takes it now."""
        self._pump()
        self._stop(why)

    # --- how it does -----------------------------------------------------------------------------------------

    @property
    def is_ended(self) -> bool:
        return self.ended.done()

    @property
    def handed_bytes(self) -> int:
        """Given to the system or to the wire; of a wave that goes round, all of it from its beginning."""
        return self._handed_bytes + (self._tally.bytes - self._since_bytes if self.is_clear else 0)

    @property
    def sent_bytes(self) -> int:
        return self.handed_bytes - self.wire.unsent

    @property
    def queued_bytes(self) -> int:
        return self._queued_bytes + self.wire.unsent

    def queued_s(self, now: float) -> float:
        """How old the oldest is that the system has not taken."""
        if self.wire.unsent:
            return max(0.0, now - self._handed_at)
        return max(0.0, now - self._queue[0].at) if self._queue else 0.0

    # --- its queue -------------------------------------------------------------------------------------------

    def _give_head(self, heads: Heads, now: float) -> None:
        head = heads.for_viewer(is_first=self._generation is None)
        self._generation = heads.generation
        if head:
            self._put(parts(head, self.form), now, is_head=True)

    def _put(self, buffers: Sequence[bytes], now: float, *, is_head: bool = False, count: int = 1) -> None:
        size = sum(map(len, buffers))
        self._queue.append(_Waiting(buffers, size, now, is_head, count))
        self._queued_bytes += size

    def _is_too_much(self, size: int, now: float) -> bool:
        if not self._queue:
            return False
        tolerance = self._tolerance
        is_full = self._queued_bytes + size > tolerance.bytes + self._burst_bytes
        return is_full or now - self._queue[0].at > tolerance.age_s

    def _pump(self) -> None:
        while self._queue and not self.wire.unsent:
            buffers: list[bytes] = []
            size = 0
            self._handed_at = self._queue[0].at
            while self._queue and size < AT_ONCE_BYTES and len(buffers) < AT_ONCE_BUFFERS:
                waiting = self._queue.popleft()
                buffers += waiting.buffers
                size += waiting.size
            self._queued_bytes -= size
            self._handed_bytes += size
            self.wire.write(buffers)
        if not self._queue:
            self._burst_bytes = 0
        self._set_clear(not (self._queue or self.wire.unsent or self._is_skipping or self.ended.done()))

    def _set_clear(self, is_clear: bool) -> None:
        if is_clear is self.is_clear:
            return
        self._handed_bytes = self.handed_bytes
        self._since_bytes = self._tally.bytes
        self.is_clear = is_clear
        if self.on_switch is not None:
            self.on_switch(self)

    def _on_full(self) -> None:
        self._set_clear(False)

    def _stop(self, why: str) -> None:
        self._set_clear(False)
        self._queue.clear()
        self._queued_bytes = 0
        if not self.ended.done():
            self.ended.set_result(why)
