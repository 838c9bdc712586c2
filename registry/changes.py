"""How the library changes: one change at a time, done to its end, and stored whole before it is true and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from registry.events import Bus, CountsChanged
from registry.forest import Draft, Forest
from registry.forest_kept import write_draft
from registry.merging import aside
from registry.store.promise import Store, Writing
from registry.ways import Ways

T = TypeVar("T")


class Changes:
    """The only hand that changes the forest, and with it the ways."""

    def __init__(self, store: Store, forest: Forest, ways: Ways, bus: Bus) -> None:
        self._store = store
        self._forest = forest
        self._ways = ways
        self._bus = bus
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()  # whatever they give goes to whoever awaits them

    @property
    def is_held(self) -> bool:
        """Whether a change is under way, or all are held up."""
        return self._one_at_a_time.locked()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[tuple[Writing, Draft]]:
        """One transaction and one draft of the tree, stored together, then true, then told."""
        async with self._one_at_a_time:
            draft = Draft(self._forest)
            async with self._store.writing() as writing:
                yield writing, draft
                await write_draft(writing, draft)
            moved = dict.fromkeys(draft.moved)
            leaving = self._ways.leave(self._forest, draft)
            self._forest.adopt(draft)
            work = len(draft.cameras) + leaving.is_stirred * len(self._ways)
            moved |= dict.fromkeys(await aside(work, lambda: self._ways.settle(self._forest, draft.cameras, leaving)))
        told = tuple((id, *self._ways.counts(node)) for id in moved if (node := self._forest.nodes.get(id)) is not None)
        if told:
            self._bus.tell(CountsChanged(told))

    async def hold(self) -> None:
        """When this returns nothing changes until `release`."""
        await self._one_at_a_time.acquire()

    def release(self) -> None:
        self._one_at_a_time.release()

    async def whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it to its end even when the caller loses patience, for disk and memory must say the same."""
        return await asyncio.shield(self.begin(work))

    def begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do it beside the caller; `ended` waits for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def ended(self) -> None:
        """Wait for all that was begun, however it ends."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
