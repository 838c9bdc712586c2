"""A catalog on its way into the directory: what came waits here, and goes on in batches when it is much.

A camera's dozen items are laid in at once at the end. Of a province's hundred thousand no more than a batch or two are
held: they are stored while the rest is still coming, and what the whole did not name is removed when it is whole.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from gb28181.manscdp.catalog import Catalog, Item
from gb28181.manscdp.record_info import RecordInfo
from gb28181.slim_set import SlimSet
from registry.branch import parent_codes

BATCH = 2_000
"""Items that make a batch; smaller catalogs are laid in whole."""


class Intake:
    """Takes parts of one catalog, over several tries. `lay(items)` stores a batch, of which nothing is concluded."""

    def __init__(self, lay: Callable[[dict[str, Item]], Awaitable[None]], *, batch: int = BATCH) -> None:
        self._lay = lay
        self._batch = batch
        self._ready: deque[dict[str, Item]] = deque()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._is_over = False
        self._is_storing = False
        self.items: dict[str, Item] = {}
        """What has not been stored yet, by code."""
        self.seen = SlimSet()
        """The codes of all that came."""
        self.named: set[str] = set()
        """The codes that they name as parents."""
        self.is_laid = False
        """Whether some of it has been stored already."""

    def take(self, part: Catalog | RecordInfo) -> asyncio.Event | None:
        """A part came. An event comes back when batches wait for the store, to be awaited before the next part."""
        if not isinstance(part, Catalog):
            return None
        for item in part.items:
            if item.code:
                self.items[item.code] = item
                self.seen.add(item.code)
                self.named.update(parent_codes(item))
        if len(self.items) >= self._batch:
            self.is_laid = True
            self._ready.append(self.items)
            self.items = {}
            self._wake.set()
        if not self._ready or not self._is_storing:
            return None
        self._room.clear()
        return self._room

    async def store_meanwhile(self) -> None:
        """Store batches as they get ready, until `end`; for a task beside the gathering.

        What is left then is stored, too, when some of this catalog was stored before.
        """
        self._is_storing = True
        try:
            await self._store_until_the_end()
        finally:
            self._is_storing = False
            self._room.set()  # nobody waits for a store that failed

    async def _store_until_the_end(self) -> None:
        while self._ready or not self._is_over:
            if self._ready:
                await self._lay(self._ready[0])
                self._ready.popleft()
            elif not self._room.is_set():
                self._room.set()
            else:
                await self._wake.wait()
                self._wake.clear()
        if self.is_laid and self.items:
            rest, self.items = self.items, {}
            await self._lay(rest)

    def begin(self) -> None:
        """A try begins: before `store_meanwhile`."""
        self._is_over, self._is_storing = False, True

    def end(self) -> None:
        """Nothing more comes in this try."""
        self._is_over = True
        self._wake.set()
