"""What a simulated device tells those who subscribed: where it is, every few seconds, and how its domes look, when that
changes (GB/T 28181-2022 9.11)."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gb28181.edition import Edition
from gb28181.manscdp.position import (
    Fix,
    Look,
    MobilePosition,
    MobilePositionQuery,
    PtzPositionNotice,
)
from simulator.followers import Follower, Followers
from simulator.head import Head

LOOK_EVERY_S = 0.2
"""How often it is looked whether a dome has turned."""
SHORTEST_INTERVAL_S = 0.2


@dataclass(frozen=True, slots=True)
class Round:
    """A round that something drives: degrees WGS-84, metres, seconds for once around; 0 stands still."""

    longitude: float = 113.3245
    latitude: float = 23.1065
    radius_m: float = 200.0
    period_s: float = 120.0

    def at(self, code: str, now: float) -> Fix:
        """Where `code` is at UNIX time `now`; several things of one device do not stand on each other."""
        if not self.period_s:
            return Fix(code, now, self.longitude, self.latitude, 0.0)
        angle = 2 * math.pi * (now / self.period_s + int(code[-4:] or 0) / 7)
        north, east = self.radius_m * math.cos(angle), self.radius_m * math.sin(angle)
        metre = 1 / 111_320
        speed = 2 * math.pi * self.radius_m / self.period_s * 3.6
        return Fix(
            code,
            now,
            round(self.longitude + east * metre / math.cos(math.radians(self.latitude)), 6),
            round(self.latitude + north * metre, 6),
            round(speed, 1),
            round(math.degrees(angle + math.pi / 2) % 360, 1) % 360,
            12.0,
        )


class Reporting:
    """One task for each subscription to places or looks; it ends with the subscription."""

    def __init__(
        self,
        own: str,
        edition: Edition,
        drives: Round,
        heads: Mapping[str, Head],
        followers: Followers,
        *,
        next_sn: Callable[[], int],
    ) -> None:
        self._own = own
        self._edition = edition
        self._drives = drives
        self._heads = heads
        self._followers = followers
        self._next_sn = next_sn
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, follower: Follower) -> None:
        """Somebody subscribed to something."""
        work = {"position": self._tell_places, "ptz": self._tell_looks}.get(follower.subject)
        if work is not None:
            task = asyncio.create_task(work(follower), name=f"{self._own} tells {follower.subject}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tell_places(self, follower: Follower) -> None:
        while follower in self._followers.of("position"):
            await self._followers.tell(follower, self._places(follower.target))
            query = follower.query
            interval_s = query.interval_s if isinstance(query, MobilePositionQuery) else 5
            await asyncio.sleep(max(SHORTEST_INTERVAL_S, interval_s))

    def _places(self, target: str) -> MobilePosition:
        now = time.time()
        codes = tuple(self._heads) if target == self._own and self._edition.is_2022 else (target,)
        fixes = tuple(self._drives.at(code, now) for code in codes)
        return MobilePosition(self._next_sn(), target, now, fixes)

    async def _tell_looks(self, follower: Follower) -> None:
        told: dict[str, Look] = {}
        while follower in self._followers.of("ptz"):
            for code, head in self._heads.items():
                if follower.target in (code, self._own):
                    aim = head.at(time.monotonic()).degrees
                    look = Look(aim.pan, aim.tilt, aim.zoom)
                    if told.get(code) != look:
                        told[code] = look
                        await self._followers.tell(follower, PtzPositionNotice(self._next_sn(), code, look))
            await asyncio.sleep(LOOK_EVERY_S)
