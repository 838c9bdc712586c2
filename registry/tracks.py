"""The book of places: hears where moving things are, keeps what is worth keeping, and finds their ways again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from registry.directory import Directory
from registry.events import DeviceRemoved, Event, PositionReported
from registry.fix import KeptFix, Thinning
from registry.store.fix_promise import FixShelf

log = logging.getLogger(__name__)

MOST_THINGS = 50_000
"""Things whose last place is held in memory; the one that was silent longest gives way."""
MOST_WAITING = 20_000
MOST_FOUND = 50_000
"""Places that one look at a track reads."""
AHEAD_S = 600.0
"""A place from further in the future than this is taken for now: the thing's clock is wrong."""
DAY_MS = 86_400_000

Thing = tuple[str, str]
"""Owner and code."""


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """How places are kept. ValueError names the field that cannot be."""

    keep_days: float = 30.0
    """Places are forgotten after so many days."""
    most: int = 5_000_000
    """And the oldest when there are more."""
    far_m: float = 15.0
    """A place is kept when a thing moved so far from the last one that was,"""
    turn_deg: float = 25.0
    """or turned by so much on its way,"""
    rest_s: float = 60.0
    """or when so many seconds went by; all others only show where it is now."""
    write_every_s: float = 2.0
    """Places are gathered for so long before they are written."""
    sweep_s: float = 3600.0
    """How often it is looked for what is to be forgotten."""

    def __post_init__(self) -> None:
        if self.keep_days <= 0 or self.most < 1 or self.write_every_s <= 0 or self.sweep_s <= 0:
            raise ValueError("keep_days, most, write_every_s and sweep_s must be above 0")
        if self.far_m < 0 or self.turn_deg < 0 or self.rest_s < 0:
            raise ValueError("far_m, turn_deg and rest_s must not be below 0")


@dataclass(frozen=True, slots=True)
class TrackStatistics:
    heard: int
    kept: int
    """Of those heard, what was worth a row."""
    dropped: int
    """What came while too many waited to be written."""
    strange: int
    """What lies nowhere on Earth."""
    things: int


class Tracks:
    """`open` it once the directory is, `close` it before. Where things are now is true at once; their ways are written
    a moment later."""

    def __init__(
        self, directory: Directory, settings: TrackSettings | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.settings = settings or TrackSettings()
        self._directory = directory
        self._clock = clock
        self._thinning = Thinning(self.settings.far_m, self.settings.turn_deg, self.settings.rest_s)
        self._now: OrderedDict[Thing, KeptFix] = OrderedDict()
        self._last_kept: dict[Thing, KeptFix] = {}
        self._last_late: dict[Thing, KeptFix] = {}
        self._waiting: list[KeptFix] = []
        self._gone: list[str] = []
        self._unhear: Callable[[], None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._numbers: dict[Thing, int] = {}
        self._heard = self._kept = self._dropped = self._strange = self._number = 0

    @property
    def _shelf(self) -> FixShelf:
        return self._directory.fixes

    async def open(self) -> None:
        for fix in reversed(await self._shelf.latest(MOST_THINGS)):
            self._now[fix.owner, fix.code] = self._last_kept[fix.owner, fix.code] = fix
        self._unhear = self._directory.bus.listen(self._hear)
        self._writer = asyncio.create_task(self._write_for_ever(), name="tracks")

    async def close(self) -> None:
        """What was heard is written before this comes back."""
        if self._unhear is not None:
            self._unhear()
            self._unhear = None
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._writer = None
        await self._write()

    def statistics(self) -> TrackStatistics:
        return TrackStatistics(self._heard, self._kept, self._dropped, self._strange, len(self._now))

    def now(self, since: int = 0) -> tuple[list[KeptFix], int]:
        """The last place of everything that said one after the moment numbered `since`, and the number of this one."""
        found = []
        for thing, fix in reversed(self._now.items()):
            if self._numbers.get(thing, 1) <= since:
                break
            found.append(fix)
        return found, max(1, self._number)

    def now_of(self, owner: str, code: str) -> KeptFix | None:
        return self._now.get((owner, code))

    async def track(self, owner: str, code: str, start: float, end: float) -> list[KeptFix]:
        """The way of one thing between two UNIX times, oldest first, its last known place included."""
        await self._write()
        start_ms, end_ms = round(start * 1000), round(end * 1000)
        found = await self._shelf.track(owner, code, start_ms, end_ms, MOST_FOUND)
        last = self._now.get((owner, code))
        if last is not None and start_ms <= last.at_ms < end_ms and (not found or found[-1].at_ms < last.at_ms):
            found.append(last)
        return found

    def _hear(self, event: Event) -> None:
        match event:
            case PositionReported():
                self._note(event)
            case DeviceRemoved(code=owner):
                for thing in [thing for thing in self._now if thing[0] == owner]:
                    self._now.pop(thing, None)
                    self._last_kept.pop(thing, None)
                    self._last_late.pop(thing, None)
                    self._numbers.pop(thing, None)
                self._waiting = [fix for fix in self._waiting if fix.owner != owner]
                self._gone.append(owner)

    def _note(self, said: PositionReported) -> None:
        self._heard += 1
        if not (-180 <= said.longitude <= 180 and -90 <= said.latitude <= 90) or (
            said.longitude == 0 == said.latitude  # what receivers say that see no satellite
        ):
            self._strange += 1
            return
        at = min(said.at, self._clock()) if said.at < self._clock() + AHEAD_S else self._clock()
        fix = KeptFix(
            said.owner,
            said.channel,
            round(at * 1000),
            said.longitude,
            said.latitude,
            said.speed,
            said.direction,
            said.altitude,
        )
        thing = (fix.owner, fix.code)
        before = self._now.get(thing)
        if before is None or fix.at_ms >= before.at_ms:
            self._now[thing] = fix
            self._now.move_to_end(thing)
            self._number = max(1, self._number) + 1
            self._numbers[thing] = self._number
            if len(self._now) > MOST_THINGS:
                oldest, _ = self._now.popitem(last=False)
                self._last_kept.pop(oldest, None)
                self._last_late.pop(oldest, None)
                self._numbers.pop(oldest, None)
        # What was gathered while a line was down comes late and in order: a way of its own.
        line = self._last_kept
        if thing in line and fix.at_ms < line[thing].at_ms:
            line = self._last_late
            if thing in line and fix.at_ms < line[thing].at_ms:
                del line[thing]
        if not self._thinning.keeps(line.get(thing), fix):
            return
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return
        self._kept += 1
        line[thing] = fix
        self._waiting.append(fix)

    async def _write_for_ever(self) -> None:
        swept_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.settings.write_every_s)
            try:
                await self._write()
                if loop.time() - swept_at >= self.settings.sweep_s or not swept_at:
                    swept_at = loop.time()
                    edge_ms = round(self._clock() * 1000 - self.settings.keep_days * DAY_MS)
                    await self._shelf.prune(edge_ms, self.settings.most)
            except Exception:  # the edge of this task: a store that fails now may not in two seconds
                log.exception("places could not be written; %d wait for the next try", len(self._waiting))

    async def _write(self) -> None:
        gone, self._gone = self._gone, []
        for owner in gone:
            await self._shelf.forget(owner)
        waiting, self._waiting = self._waiting, []
        try:
            await self._shelf.keep(waiting)
        except BaseException:
            self._waiting[:0] = waiting
            raise
