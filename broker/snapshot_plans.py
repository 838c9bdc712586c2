"""Photographs by the clock: of this channel every so many minutes. Kept in one small file beside the album."""

from __future__ import annotations

import asyncio
import logging
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from broker.album import Shot
from broker.watch import WatchFailed

log = logging.getLogger(__name__)

MOST_PLANS = 2000
TICK_S = 1.0
MINUTE_S = 60.0
SHORTEST_MIN, LONGEST_MIN = 1, 24 * 60

Minutes = Annotated[int, Meta(ge=SHORTEST_MIN, le=LONGEST_MIN)]


class Plan(msgspec.Struct, frozen=True):
    """A photograph of this channel every `every_min` minutes."""

    owner: str
    channel: str
    every_min: Minutes
    stream: int = 0


class PlanView(msgspec.Struct, frozen=True):
    """A plan and how it fares. Times are UNIX seconds, 0 for never; `failure` is why the last one came to nothing."""

    plan: Plan
    next_at: float
    last_at: float = 0.0
    failure: str = ""


class Taking(Protocol):
    """`broker.snapshots.Snapshots`, as far as plans need it."""

    async def take(self, owner: str, channel: str, stream: int = 0, *, reason: str = "manual", by: str = "") -> Shot:
        """Raises WatchFailed, OSError."""


class SnapshotPlans:
    """`start` reads the file and begins; a plan whose photograph is still on its way is not asked for again."""

    def __init__(self, snapshots: Taking, file: Path, wall: Callable[[], float] = time.time) -> None:
        self._snapshots = snapshots
        self._file = file
        self._wall = wall
        self._views: dict[tuple[str, str], PlanView] = {}
        self._taking: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    async def start(self) -> None:
        """A file that cannot be read is told of and begun anew at the next change."""
        try:
            kept = msgspec.json.decode(await asyncio.to_thread(self._file.read_bytes), type=list[Plan])
        except FileNotFoundError:
            kept = []
        except (OSError, msgspec.MsgspecError) as error:
            log.error("the plans for photographs in %s cannot be read: %s", self._file, error)
            kept = []
        self._views = {_key(plan): PlanView(plan, self._next(plan)) for plan in kept[:MOST_PLANS]}
        self._ticking = asyncio.create_task(self._tick_for_ever(), name="photographs by plan")

    async def close(self) -> None:
        """Harmless when closed."""
        tasks = [*self._taking.values(), *([self._ticking] if self._ticking is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def views(self) -> list[PlanView]:
        return list(self._views.values())

    async def put(self, plan: Plan) -> PlanView:
        """Have a plan from now on, in the place of the channel's last one. Raises ValueError, OSError."""
        key = _key(plan)
        if key not in self._views and len(self._views) >= MOST_PLANS:
            raise ValueError(f"no more than {MOST_PLANS} channels are photographed by plan")
        before = self._views.get(key)
        view = PlanView(plan, self._next(plan), before.last_at if before is not None else 0.0)
        await self._change({**self._views, key: view})
        return view

    async def remove(self, owner: str, channel: str) -> bool:
        """False when there is none. Raises OSError."""
        if (owner, channel) not in self._views:
            return False
        await self._change({key: view for key, view in self._views.items() if key != (owner, channel)})
        return True

    # --- servants --------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Begin with what is due; once a second."""
        now = self._wall()
        for key, view in self._views.items():
            if now >= view.next_at:
                self._views[key] = msgspec.structs.replace(view, next_at=self._next(view.plan))
                if key not in self._taking:
                    self._taking[key] = asyncio.create_task(self._take(key, view.plan), name=f"photograph {key[1]}")

    def _next(self, plan: Plan) -> float:
        """Each at its own second of the minutes, so that not all cameras are called at once."""
        period = plan.every_min * MINUTE_S
        offset = zlib.crc32(f"{plan.owner}/{plan.channel}".encode()) % int(period)
        now = self._wall()
        return now - (now - offset) % period + period

    async def _take(self, key: tuple[str, str], plan: Plan) -> None:
        failure = ""
        try:
            await self._snapshots.take(plan.owner, plan.channel, plan.stream, reason="plan")
        except (WatchFailed, OSError) as error:
            failure = str(error)
        except Exception as error:
            log.exception("a photograph by plan of %s failed in a way nobody foresaw", plan.channel)
            failure = str(error)
        finally:
            self._taking.pop(key, None)
        view = self._views.get(key)
        if view is not None:
            last_at = view.last_at if failure else self._wall()
            self._views[key] = msgspec.structs.replace(view, last_at=last_at, failure=failure)

    async def _change(self, views: dict[tuple[str, str], PlanView]) -> None:
        async with self._writing:
            await asyncio.to_thread(self._write, [view.plan for view in views.values()])
            self._views = views

    def _write(self, plans: list[Plan]) -> None:
        self._file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        fresh = self._file.with_name(f"{self._file.name}.new")
        fresh.write_bytes(msgspec.json.encode(plans))
        fresh.replace(self._file)

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self.tick()


def _key(plan: Plan) -> tuple[str, str]:
    return plan.owner, plan.channel
