"""Room on the disk: what is too old or too much goes, the oldest first, and never a file that is being written."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from broker.recording_settings import RecordingSettings
from registry.archive import Archive
from registry.store.promise import SegmentRow

log = logging.getLogger(__name__)

DAY_MS = 86_400_000
AT_ONCE = 200
MOST_A_TURN = 4_000
"""Files deleted in one turn; the rest is for the next."""
GAPS_KEPT_MS = 400 * DAY_MS


class Disk(NamedTuple):
    """Of the disk on which the recordings are, in bytes."""

    total: int
    free: int


def disk_of(folder: Path) -> Disk:
    """Raises OSError. Before the first recording there is no folder, but the disk on which it will be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return Disk(usage.total, usage.free)


@dataclass(frozen=True, slots=True)
class Swept:
    """What was deleted since the start, and why."""

    too_old: int = 0
    too_much: int = 0
    for_room: int = 0
    bytes: int = 0
    failures: int = 0


class Sweeper:
    """Only files that stand in the book go, and only whole ones stand there: what is being written is safe."""

    def __init__(
        self,
        archive: Archive,
        folder: Path,
        settings: RecordingSettings,
        is_running: Callable[[str], bool],
        disk: Callable[[Path], Disk] = disk_of,
    ) -> None:
        self._archive = archive
        self._folder = folder
        self._settings = settings
        self._is_running = is_running
        self._disk = disk
        self._left = 0
        self.swept = Swept()
        self.is_crowded = False
        """There is too little room, and nothing that may go."""

    def disk(self) -> Disk:
        """As it is now. Raises OSError."""
        return self._disk(self._folder)

    async def turn(self, now: float) -> None:
        """Delete what must go; a few thousand files at the most."""
        self._left = MOST_A_TURN
        for owner, channel in tuple(self._archive.sums()):
            keep_days, quota = self.limits(owner, channel)
            if keep_days:
                cutoff = int(now * 1000) - keep_days * DAY_MS
                gone = await self._delete(owner, channel, lambda row, _: row.end_ms < cutoff)  # noqa: B023  # used here
                self.swept = replace(self.swept, too_old=self.swept.too_old + gone)
            excess = self._bytes(owner, channel) - quota
            if quota and excess > 0:
                gone = await self._delete(owner, channel, lambda _, done: done < excess)  # noqa: B023  # used here
                self.swept = replace(self.swept, too_much=self.swept.too_much + gone)
        await self._make_room()
        await self._forget_gaps(now)

    def limits(self, owner: str, channel: str) -> tuple[int, int]:
        """How many days, how many bytes are kept of a channel: what its most generous plan says; 0 is without end."""
        plans = [plan for key, plan in self._archive.plans().items() if key[:2] == (owner, channel)]
        days = [self._settings.keep_days if plan.keep_days is None else plan.keep_days for plan in plans]
        quotas = [self._settings.quota_bytes if plan.quota_bytes is None else plan.quota_bytes for plan in plans]
        return _widest(days, self._settings.keep_days), _widest(quotas, self._settings.quota_bytes)

    async def _make_room(self) -> None:
        wanted = self._settings.make_room_bytes
        self.is_crowded = False
        if not wanted:
            return
        try:
            free = (await asyncio.to_thread(self.disk)).free
        except OSError:
            return  # nothing has been recorded yet
        if free >= wanted:
            return
        before = self.swept.bytes
        gone = await self._delete("", "", lambda _, done: free + done < wanted)
        self.swept = replace(self.swept, for_room=self.swept.for_room + gone)
        self.is_crowded = free + self.swept.bytes - before < wanted
        log.warning("only %d bytes were free on the disk of recordings: %d of the oldest files are deleted", free, gone)

    def _bytes(self, owner: str, channel: str) -> int:
        found = self._archive.sums().get((owner, channel))
        return found.bytes if found is not None else 0

    async def _delete(self, owner: str, channel: str, must_go: Callable[[SegmentRow, int], bool]) -> int:
        """The oldest, for as long as they must go; `must_go` is told how many bytes went already."""
        count = done = 0
        while self._left > 0:
            oldest = await self._archive.oldest(owner, channel, min(AT_ONCE, self._left))
            going: list[SegmentRow] = []
            coming = done
            for row in oldest:
                if not must_go(row, coming):
                    break
                going.append(row)
                coming += row.bytes
            gone = await asyncio.to_thread(self._unlink, going)
            await self._archive.drop(gone)
            done += sum(row.bytes for row in gone)
            count += len(gone)
            self._left -= len(gone)
            for recording in dict.fromkeys(row.recording for row in gone):
                await self._tidy(recording)
            if len(gone) < len(going):
                self.swept = replace(self.swept, failures=self.swept.failures + 1)
            if len(gone) < AT_ONCE:
                break
        self.swept = replace(self.swept, bytes=self.swept.bytes + done)
        return count

    def _unlink(self, rows: Sequence[SegmentRow]) -> list[SegmentRow]:
        """Those that are gone; the first that cannot be deleted is the last that was tried."""
        gone = []
        for row in rows:
            if not _unlink(self._folder / row.recording / row.name):
                break
            gone.append(row)
        return gone

    async def _tidy(self, recording: str) -> None:
        """A recording without files is none, once it has ended."""
        if not self._is_running(recording) and not await self._archive.files_of(recording):
            await asyncio.to_thread(shutil.rmtree, self._folder / recording, True)

    async def _forget_gaps(self, now: float) -> None:
        """A gap is forgotten with what was recorded around it."""
        gone = []
        for key in self._archive.plans():
            keep_days, _ = self.limits(key.owner, key.channel)
            cutoff = int(now * 1000) - (keep_days * DAY_MS or GAPS_KEPT_MS)
            gone += [gap for gap in self._archive.gaps(key) if gap.end_ms < cutoff]
        await self._archive.keep_gaps([], gone)


def _widest(limits: Sequence[int], default: int) -> int:
    if not limits:
        return default
    return 0 if 0 in limits else max(limits)


def _unlink(path: Path) -> bool:
    """Whether it is gone."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        log.warning("%s cannot be deleted: %s", path, error)
        return False
    return True
