"""Whose pictures flow: the leases of every session and key, given back when it ends."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from broker.watch import Lease, Watch
from web.auth import Proof, Who
from web.errors import Problem
from web.wishes import Watching

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    """What one session or key holds. `ended` outlives it while a wish of it is still being granted."""

    who: Who
    leases: dict[str, Lease] = field(default_factory=dict)
    pending: int = 0
    touched_at: float = 0.0
    ended: bool = False


class Leases:
    """Remembers leases by holder (`Who.id`), no more than `most` each.

    The broker takes a lease back by itself when its viewer leaves; we then hold a name for nothing, and the oldest
    such name makes room when a holder is full.
    """

    def __init__(self, broker: Watching, most: int) -> None:
        self._broker = broker
        self._most = most
        self._held: dict[str, _Held] = {}

    def holders(self) -> tuple[Who, ...]:
        return tuple(held.who for held in self._held.values())

    def touch(self, holder: str, now: float) -> None:
        """A session or key that may hold something asked for something."""
        held = self._held.get(holder)
        if held is not None:
            held.touched_at = now

    def idle_s(self, holder: str, now: float) -> float:
        """How long a holder has asked for nothing; 0 when it holds nothing."""
        held = self._held.get(holder)
        return now - held.touched_at if held is not None else 0.0

    def __len__(self) -> int:
        """All leases of all holders."""
        return sum(len(held.leases) for held in self._held.values())

    def count(self, holder: str) -> int:
        held = self._held.get(holder)
        return len(held.leases) if held is not None else 0

    async def watch(self, who: Who, watch: Watch) -> Lease:
        """Get a lease for somebody and remember it. Raises WatchFailed; a Problem when he may not hold another or
        his session ended while we waited, and then the lease is given back."""
        async with self._wish(who) as held:
            lease = await self._broker.watch(watch)
            if held.ended:
                await self._broker.release(lease.id)
                raise Problem(401, "session-ended", "The session ended before the picture came.")
            held.leases[lease.id] = lease
            return lease

    def held(self, who: Who, lease_id: str) -> Lease | None:
        """Somebody's own lease, None when it is not his."""
        held = self._held.get(who.id)
        return held.leases.get(lease_id) if held is not None else None

    async def release(self, who: Who, lease_id: str) -> bool:
        """Give back somebody's own lease; whether it was his."""
        held = self._held.get(who.id)
        if held is None or held.leases.pop(lease_id, None) is None:
            return False
        self._forget_empty(held)
        await self._broker.release(lease_id)
        return True

    async def end(self, holder: str) -> None:
        """A session or key has ended: everything it held goes back."""
        held = self._held.pop(holder, None)
        if held is None:
            return
        held.ended = True
        for lease_id in tuple(held.leases):
            await self._release_quietly(lease_id)

    async def end_user(self, name: str, *, keep: str | None = None) -> None:
        """All sessions of a user have ended, but `keep`."""
        for who in self.holders():
            if who.proof is Proof.SESSION and who.name == name and who.id != keep:
                await self.end(who.id)

    def move(self, old: Who, new: Who) -> None:
        """A session goes on under another token: what it held, it holds."""
        held = self._held.pop(old.id, None)
        if held is not None:
            held.who = new
            self._held[new.id] = held

    @asynccontextmanager
    async def _wish(self, who: Who) -> AsyncIterator[_Held]:
        held = self._held.setdefault(who.id, _Held(who, touched_at=time.monotonic()))
        if held.pending >= self._most:
            raise Problem(429, "too-many-leases", f"No more than {self._most} pictures at once.", {"most": self._most})
        held.pending += 1
        try:
            await self._make_room(held)
            yield held
        finally:
            held.pending -= 1
            self._forget_empty(held)

    async def _make_room(self, held: _Held) -> None:
        while len(held.leases) + held.pending > self._most and held.leases:
            oldest = next(iter(held.leases))
            del held.leases[oldest]
            await self._release_quietly(oldest)

    def _forget_empty(self, held: _Held) -> None:
        if not held.leases and not held.pending and self._held.get(held.who.id) is held:
            del self._held[held.who.id]

    async def _release_quietly(self, lease_id: str) -> None:
        try:
            await self._broker.release(lease_id)
        except Exception:
            log.exception("lease %s could not be given back; its viewer's place times out", lease_id)
