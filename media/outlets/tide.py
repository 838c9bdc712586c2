"""What carries a rendition to its viewers: chunks gather into a wave, and a wave goes to all, in slices of time."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from media.outlets.chunk import Chunk
from media.outlets.crowd import Crowd
from media.outlets.press import Press, Shelf
from media.outlets.viewer import Viewer
from media.outlets.wave import Heads, Wave
from media.plane import WireForm

SLICE_S = 0.01
"""After so long others have their turn before the rest of the viewers is written to."""
PART = 50
"""So many viewers are written to between two looks at the clock."""
GATHERED_BYTES = 8 * 1024 * 1024
"""More than this gathers only when writing is slower than the pictures come; then all go on at the next key frame."""
SHARED_BYTES = 6 * 1024
SHARED_COPIES_BYTES = 2 * 1024 * 1024
"""A wave of so many bytes, and of so many in all its copies, goes through a press: every socket refers to its pages,
and none copies them. Fewer copies stay in the processor's own cache, and cost less than the press."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long chunks wait for one another: the more viewers, the more a write that carries two of them spares."""

    hold_viewers: int = 50
    hold_s: float = 0.02
    crowd_viewers: int = 0
    crowd_hold_s: float = 0.16

    def hold_for(self, viewers: int) -> float:
        if self.crowd_viewers and viewers >= self.crowd_viewers:
            return self.crowd_hold_s
        return self.hold_s if viewers >= self.hold_viewers else 0.0


class Tide:
    """`put` chunks; each viewer gets all that came while it was here, in order, or skips ahead by itself.

    With few viewers a wave departs at the end of the loop's turn: what one wake-up brought goes in one write. A wave
    that is due while another is under way departs behind it, and takes along what has come meanwhile.
    """

    def __init__(self, pace: Pace) -> None:
        self.overruns = 0
        self._crowds: dict[WireForm, Crowd] = {}
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._chunks: list[Chunk] = []
        self._gathered = 0
        self._heads = Heads(0)
        self._is_new = False
        self._is_back = False
        self._now = 0.0
        self._due: asyncio.Handle | None = None
        self._is_due = False
        self._voyages: deque[_Voyage] = deque()
        self._shelf = Shelf()
        self._turn: asyncio.Handle | None = None

    @property
    def viewers(self) -> int:
        return sum(map(len, self._crowds.values()))

    def put(self, chunk: Chunk, heads: Heads, now: float) -> None:
        """The next chunk. One of a new generation begins with a key frame, and begins a wave."""
        if heads is not self._heads:
            self._cut()
            self._heads = heads
            self._is_new = True
        self._now = now
        if not self._crowds:
            return
        self._chunks.append(chunk)
        self._gathered += len(chunk)
        if self._gathered > GATHERED_BYTES:
            self._overrun()
        if self._due is None and not self._is_due:
            hold_s = self._pace.hold_for(self.viewers)
            self._due = self._loop.call_later(hold_s, self._depart) if hold_s else self._loop.call_soon(self._depart)

    def join(self, viewer: Viewer, *, is_ahead: bool) -> None:
        """A viewer is here from now on; `is_ahead` when it has got already what gathers now."""
        if is_ahead:
            self._cut()  # what gathers goes to those who are here; what comes behind it, to the newcomer, too
        crowd = self._crowds.get(viewer.form)
        if crowd is None:
            crowd = self._crowds[viewer.form] = Crowd()
        crowd.add(viewer)

    def leave(self, viewer: Viewer) -> None:
        crowd = self._crowds.get(viewer.form)
        if crowd is not None:
            crowd.remove(viewer)
            if not len(crowd):
                del self._crowds[viewer.form]
        if not self._crowds:
            self._forget()

    def flush(self) -> None:
        """What has gathered goes out now, however long it takes."""
        self._cut()
        for voyage in self._voyages:
            voyage.go_on(float("inf"))
        self._voyages.clear()
        self._forget()

    # --- waves -----------------------------------------------------------------------------------------------

    def _depart(self) -> None:
        self._due = None
        if self._turn is not None:
            self._is_due = True
            return
        self._cut()
        self._gathered = 0
        self._carry()

    def _cut(self) -> None:
        """What has gathered becomes a wave, for all who are here.

        Every other wave goes round the other way: the sockets that the wave before came to last are in the
        processor's cache still.
        """
        if not self._chunks:
            return
        wave = Wave(tuple(self._chunks), self._heads, is_new=self._is_new)
        self._is_back = not self._is_back
        legs = deque(_Leg(wave, form, crowd, is_back=self._is_back) for form, crowd in self._crowds.items())
        self._voyages.append(_Voyage(wave, legs, self._now, self._shelf))
        self._chunks.clear()
        self._is_new = False

    def _carry(self) -> None:
        self._turn = None
        until = time.monotonic() + SLICE_S
        while self._voyages:
            if not self._voyages[0].go_on(until):
                self._turn = self._loop.call_soon(self._carry)
                return
            self._voyages.popleft()
            if self.viewers < self._pace.hold_viewers:
                self._shelf.clear()
            if self._is_due and not self._voyages:
                self._is_due = False
                self._cut()
                self._gathered = 0

    def _overrun(self) -> None:
        self.overruns += 1
        self._chunks.clear()
        self._gathered = 0
        for crowd in self._crowds.values():
            for viewer in crowd.everybody():
                viewer.skip(self._now)

    def _forget(self) -> None:
        for handle in (self._due, self._turn):
            if handle is not None:
                handle.cancel()
        self._due = self._turn = None
        self._is_due = False
        self._chunks.clear()
        self._gathered = 0
        for voyage in self._voyages:
            voyage.close()
        self._voyages.clear()
        self._shelf.clear()


class _Leg:
    """The part of a voyage that goes to one wire form: to the numbers of those who were clear when it was cut, which
    is counted for them already, and to all others."""

    def __init__(self, wave: Wave, form: WireForm, crowd: Crowd, *, is_back: bool) -> None:
        self.crowd = crowd
        self.data = wave.joined(form)
        self.at = 0
        if wave.is_new:
            self.clear: dict[object, Viewer] = {}
            self.numbers: tuple[object, ...] = ()
            self.others = crowd.everybody()
        else:
            self.clear = crowd.lend()
            self.numbers = crowd.numbers[::-1] if is_back else crowd.numbers
            self.others = list(crowd.others)
            crowd.tally.bytes += len(self.data)

    @property
    def is_worth_a_press(self) -> bool:
        size = len(self.data)
        return size >= SHARED_BYTES and size * len(self.numbers) >= SHARED_COPIES_BYTES


class _Voyage:
    """One wave on its way to those it is for."""

    def __init__(self, wave: Wave, legs: deque[_Leg], now: float, shelf: Shelf) -> None:
        self._wave = wave
        self._legs = legs
        self._now = now
        self._shelf = shelf
        self._press: Press | None = None

    def go_on(self, until: float) -> bool:
        """Write to the next ones, until this time of the monotonic clock; whether all have been written to."""
        while self._legs:
            leg = self._legs[0]
            for viewer in leg.others[:PART]:
                viewer.take(self._wave, self._now)
            if leg.others:
                del leg.others[:PART]
            elif leg.at < len(leg.numbers):
                if not leg.at and leg.is_worth_a_press:
                    self._load(leg.data, len(leg.numbers))
                self._send(leg)
            if not leg.others and leg.at >= len(leg.numbers):
                self.close()
                self._legs.popleft()
            elif time.monotonic() >= until:
                return False
        return True

    def close(self) -> None:
        press, self._press = self._press, None
        if press is not None:
            self._shelf.put_back(press)

    def _load(self, data: bytes, count: int) -> None:
        press = self._shelf.take()
        if press is None:
            return
        try:
            if press.load(data, min(PART, count)):
                self._press = press
            else:
                self._shelf.put_back(press)
        except OSError:
            press.close()

    def _send(self, leg: _Leg) -> None:
        """To the next numbers from where the leg has come to: what is left over from whole batches first."""
        left = len(leg.numbers) - leg.at
        most = PART if self._press is None else left % self._press.batch or self._press.batch
        part = leg.numbers[leg.at : leg.at + most]
        leg.at += len(part)
        if leg.crowd.clear is not leg.clear:
            part = self._still_clear(leg, part)
        if self._press is not None and self._print(leg, part, self._press):
            return
        for number in part:
            viewer = leg.clear[number]
            try:
                sent = viewer.wire.send(leg.data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                viewer.miss(len(leg.data))
                viewer.wire.lose()
                continue
            if sent != len(leg.data):
                viewer.keep(leg.data, sent, self._now)

    def _print(self, leg: _Leg, part: tuple[object, ...], press: Press) -> bool:
        """Send to these from the press; False when it has none for them, and is away. A thousand viewers go through
        this loop 25 times a second: it looks at none whom nothing befalls, and Any spares the compiled form its boxes.
        """
        try:
            source: Any = press.copies(len(part), is_last=leg.at >= len(leg.numbers))
        except OSError:
            self._press = None
            press.close()
            return False
        splice: Any = os.splice
        size: Any = len(leg.data)
        zero: Any = 0
        for number in part:
            sent: Any
            try:
                sent = splice(source, number, size)
            except (BlockingIOError, InterruptedError):
                sent = zero
            except OSError:
                press.skip(source, size)
                leg.clear[number].miss(size)
                leg.clear[number].wire.lose()
                continue
            if sent != size:
                press.skip(source, size - sent)
                leg.clear[number].keep(leg.data, sent, self._now)
        return True

    def _still_clear(self, leg: _Leg, part: tuple[object, ...]) -> tuple[object, ...]:
        """Those of them who still are; the others take the wave as they can."""
        clear: list[object] = []
        for number in part:
            viewer = leg.clear[number]
            if leg.crowd.clear.get(number) is viewer:
                clear.append(number)
            else:
                viewer.miss(len(leg.data))
                viewer.take(self._wave, self._now)
        return tuple(clear)
