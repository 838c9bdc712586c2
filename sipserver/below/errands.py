"""Work that must wait for a store or a neighbour, done outside the handlers by a few tasks from a bounded queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

Errand = Callable[[], Awaitable[object]]


class Errands:
    """Runs errands in the order given, `workers` at a time. A full queue refuses, and the refusals are counted."""

    def __init__(self, *, limit: int = 1000, workers: int = 4) -> None:
        self._queue: asyncio.Queue[tuple[str, Errand]] = asyncio.Queue(limit)
        self._workers = workers
        self._tasks: list[asyncio.Task[None]] = []
        self.refused = 0
        self.failed = 0

    def __len__(self) -> int:
        return self._queue.qsize()

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run(), name=f"errands-{number}") for number in range(self._workers)]

    async def close(self) -> None:
        """Stop; what is still queued is dropped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def add(self, what: str, errand: Errand) -> bool:
        """Queue an errand; `what` names it in the log. False when there is no room."""
        try:
            self._queue.put_nowait((what, errand))
        except asyncio.QueueFull:
            self.refused += 1
            return False
        return True

    async def _run(self) -> None:
        while True:
            what, errand = await self._queue.get()
            try:
                await errand()
            except Exception as failure:
                self.failed += 1
                log.warning("%s failed (%s: %s); the next errand follows", what, type(failure).__name__, failure)
