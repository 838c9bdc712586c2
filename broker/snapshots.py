"""Photographs by us: the kept key frame of a running stream, or of a short call when none runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from broker.album import Album, AlbumLimits, Shot
from broker.watch import Lease, Peek, Watch, WatchFailed
from media.plane import KeyFrame, NoCapacity, Photograph

log = logging.getLogger(__name__)

T = TypeVar("T")

KEY_FRAME_S = 5.0
"""How long the next key frame is waited for on a stream that flows."""
FORGET_EVERY_S = 3600.0
GLANCES_KEPT = 16
SAME_S = 0.1
"""Key frames are not closer than this: it is the one that was developed before."""


@dataclass(frozen=True, slots=True)
class SnapshotSettings:
    """Photographs of cameras. Times are seconds."""

    width: int = 1920
    """Those that are kept are no wider than this; 0 is as wide as the picture."""
    quality: int = 85
    """Of their JPEG, 1 to 100."""
    at_once: int = 8
    """Cameras that are looked at for a photograph at a time; who comes then waits his turn."""
    fresh_s: float = 1.0
    """A photograph taken so lately is given to the next who asks for the same."""
    per_channel: int = 500
    """So many of a channel are kept, the newest."""
    days: int = 30
    """And no longer than this."""
    keep_free_bytes: int = 1024 * 1024 * 1024
    """Nothing is kept when less is free on that disk."""
    upload_url: str = ""
    """Where devices send pictures they take themselves, such as "http://10.0.0.1:8088"; "" is [web] port at the address
    by which the device knows us."""

    def __post_init__(self) -> None:
        if not (0 <= self.width <= 8192 and 1 <= self.quality <= 100):
            raise ValueError("width is 0 to 8192 and quality 1 to 100")
        if self.at_once < 1 or self.per_channel < 1 or self.days < 1:
            raise ValueError("at_once, per_channel and days are 1 or more")


@dataclass(frozen=True, slots=True)
class Glance:
    """A photograph, when what it shows was seen, and when we looked (UNIX seconds)."""

    photograph: Photograph
    at: float
    owner: str
    taken_at: float


class Peeking(Protocol):
    """The broker, as far as photographs need it."""

    async def watch(self, watch: Watch) -> Lease: ...

    async def release(self, lease_id: str) -> None: ...

    async def key_frame(self, lease_id: str, within_s: float) -> KeyFrame: ...


class Darkroom(Protocol):
    """Where pictures are decoded: `media.kitchen`, out of everybody's way. Raises NoCapacity, ValueError."""

    async def develop(self, picture: KeyFrame, width: int, quality: int) -> Photograph: ...

    async def judge(self, data: bytes) -> Photograph: ...


class Snapshots:
    """`folder` holds the album. Whoever wants a photograph on an event calls `take`."""

    def __init__(
        self,
        broker: Peeking,
        darkroom: Darkroom,
        folder: Path,
        settings: SnapshotSettings | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings or SnapshotSettings()
        self._broker = broker
        self._darkroom = darkroom
        limits = AlbumLimits(self.settings.per_channel, self.settings.days, self.settings.keep_free_bytes)
        self._album = Album(folder, limits)
        self._turns = asyncio.Semaphore(self.settings.at_once)
        self._writing = asyncio.Lock()
        self._wall = wall
        self._glances: OrderedDict[tuple[str, str, int, int, int], asyncio.Task[Glance]] = OrderedDict()
        self._forgetting: asyncio.Task[None] | None = None

    # --- taking ----------------------------------------------------------------------------------------------

    async def take(
        self, owner: str, channel: str, stream: int = 0, *, reason: str = "manual", by: str = "", identity: str = ""
    ) -> Shot:
        """A photograph for the album. Raises WatchFailed when there is no picture, OSError when it cannot be kept."""
        settings = self.settings
        seen = await self.look(
            owner, channel, stream, width=settings.width, quality=settings.quality, by=by or reason, identity=identity
        )
        return await self.keep(
            seen.photograph, Shot("", seen.owner, channel, stream, seen.at, reason, by, *_size(seen.photograph))
        )

    async def look(
        self, owner: str, channel: str, stream: int, *, width: int, quality: int, by: str, identity: str = ""
    ) -> Glance:
        """A photograph of now, kept nowhere; two who ask for the same share it. Raises WatchFailed."""
        key = (owner, channel, stream, width, quality)
        task = self._glances.get(key)
        if task is None or not self._is_fresh(task):
            watch = Watch(
                owner, channel, Peek(), stream_number=stream, audio=False, viewer=f"snapshot:{by}", identity=identity
            )
            before = task.result() if task is not None and not task.cancelled() and not task.exception() else None
            task = asyncio.create_task(self._glance(watch, width, quality, before), name=f"look at {channel}")
            task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
            self._glances[key] = task
            self._glances.move_to_end(key)
            for old in [name for name, each in self._glances.items() if each.done()][: -GLANCES_KEPT or None]:
                del self._glances[old]
        return await asyncio.shield(task)

    async def keep(self, photograph: Photograph, shot: Shot) -> Shot:
        """Put a photograph into the album. Raises OSError."""
        if self._forgetting is None:
            self._forgetting = asyncio.create_task(self._forget_for_ever(), name="old photographs")
        return await self._alone(lambda: self._album.keep(photograph, shot))

    async def judge(self, data: bytes) -> Photograph:
        """A stranger's JPEG. Raises ValueError for what is none, NoCapacity."""
        return await self._darkroom.judge(data)

    async def close(self) -> None:
        """Take no more; harmless when closed."""
        tasks = [*self._glances.values(), *([self._forgetting] if self._forgetting is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- the album -------------------------------------------------------------------------------------------

    async def shots(self, channel: str = "", before: str = "", limit: int = 100) -> list[Shot]:
        """Newest first; of one channel, or the newest of all."""
        return await self._alone(lambda: self._album.shots(channel, before, limit))

    async def shot(self, id: str) -> Shot | None:
        return await self._alone(lambda: self._album.shot(id))

    async def file(self, id: str, *, small: bool = False) -> Path | None:
        """Where a picture lies; None when there is none of this id."""
        return await asyncio.to_thread(self._album.file, id, small=small)

    async def remove(self, id: str) -> bool:
        """False when there is none of this id."""
        return await self._alone(lambda: self._album.remove(id))

    # --- servants --------------------------------------------------------------------------------------------

    def _is_fresh(self, task: asyncio.Task[Glance]) -> bool:
        if not task.done():
            return True
        if task.cancelled() or task.exception() is not None:
            return False
        return 0 <= self._wall() - task.result().taken_at < self.settings.fresh_s

    async def _glance(self, watch: Watch, width: int, quality: int, before: Glance | None) -> Glance:
        async with self._turns:
            async with self._leased(watch) as lease:
                picture = await self._picture(lease)
            if before is not None and abs(picture.at - before.at) < SAME_S:
                return replace(before, taken_at=self._wall())
            try:
                photograph = await self._darkroom.develop(picture, width, quality)
            except NoCapacity as error:
                raise WatchFailed(str(error), code="no-capacity", status=503) from None
            except ValueError as error:
                raise WatchFailed(str(error), code="undecodable", status=502, call_id=lease.call_id) from None
            return Glance(photograph, picture.at, lease.watch.owner, self._wall())

    @contextlib.asynccontextmanager
    async def _leased(self, watch: Watch) -> AsyncIterator[Lease]:
        lease = await self._broker.watch(watch)
        try:
            yield lease
        finally:
            await self._broker.release(lease.id)

    async def _picture(self, lease: Lease) -> KeyFrame:
        try:
            return await self._broker.key_frame(lease.id, KEY_FRAME_S)
        except NoCapacity as error:
            raise WatchFailed(str(error), code="no-key-frame", status=504, call_id=lease.call_id) from None
        except KeyError:
            raise WatchFailed(
                "the stream ended at this moment", code="ended", status=480, call_id=lease.call_id
            ) from None

    async def _alone(self, work: Callable[[], T]) -> T:
        """In a thread, one at a time: an index is read and written as a whole."""
        async with self._writing:
            return await asyncio.to_thread(work)

    async def _forget_for_ever(self) -> None:
        while True:
            try:
                await self._alone(lambda: self._album.forget_old(self._wall()))
            except Exception:
                log.exception("old photographs could not be cleared away; tried again in %g s", FORGET_EVERY_S)
            await asyncio.sleep(FORGET_EVERY_S)


def _size(photograph: Photograph) -> tuple[int, int, int]:
    return photograph.width, photograph.height, len(photograph.jpeg)
