"""A thread with an event loop of its own, so that work on rows never stands in the way of signalling."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 10.0
"""How long one who is cancelled waits for its work to end by itself; then the work is cancelled, too."""


class LoopThread:
    """Runs coroutines for callers on other loops. `start` and `stop` once each."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._is_stopped = False

    def start(self) -> None:
        self._thread.start()

    async def run(self, work: Coroutine[object, object, T]) -> T:
        """The result of `work`, done on our loop; the caller's loop goes on meanwhile. RuntimeError when stopped.

        A caller that is cancelled is let go when its work has ended: a statement that is cut in the middle takes its
        connection along, and what the connection then says hides that anybody was cancelled.
        """
        if self._is_stopped:
            work.close()
            raise RuntimeError("the thread has been stopped")
        done = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            await _ended(done)
            raise

    async def stop(self) -> None:
        """Let the loop end; who still waits for work on it is told that it was cancelled."""
        self._is_stopped = True
        asyncio.run_coroutine_threadsafe(self._wind_up(), self._loop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()

    async def _wind_up(self) -> None:
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for each in running:
            each.cancel()
        if running:
            await asyncio.wait(running, timeout=PATIENCE_S)
        self._loop.stop()


async def _ended(done: asyncio.Future[T]) -> None:
    """Wait for this however often we are cancelled meanwhile, but not for ever; how it ended does not matter."""
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while not done.done():
        left_s = until - asyncio.get_running_loop().time()
        if left_s <= 0:
            done.cancel()
            return
        try:
            await asyncio.wait([done], timeout=left_s)
        except asyncio.CancelledError:
            continue
    if not done.cancelled():
        done.exception()  # nobody else will ask for it
