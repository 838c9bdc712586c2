"""A thread for the disk: work goes in without waiting, and what came of it is told on the loop."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


class Pen:
    """`give` never blocks. What may wait is bounded by those who give: each knows what is still unwritten of its own.

    The thread begins at the first piece of work, and is a daemon: a disk that hangs for ever holds up nobody's end.
    """

    def __init__(self, name: str = "recordings") -> None:
        self._name = name
        # A piece of work and who hears of its end; only they know its type.
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], Callable[[Any, OSError | None], None]] | None]
        self._work = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def give(self, work: Callable[[], T], then: Callable[[T | None, OSError | None], None]) -> None:
        """Do `work` when its turn comes; `then` hears on the loop what it gave, or why it failed."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._write_for_ever, name=self._name, daemon=True)
            self._thread.start()
        self._work.put((work, then))

    async def stop(self, within_s: float) -> bool:
        """End when all is written, or in `within_s`; whether all was."""
        if self._thread is None:
            return True
        self._work.put(None)
        await asyncio.to_thread(self._thread.join, within_s)
        return not self._thread.is_alive()

    def _write_for_ever(self) -> None:
        while (given := self._work.get()) is not None:
            work, then = given
            result, failure = None, None
            try:
                result = work()
            except OSError as error:
                failure = error
            except Exception as error:
                log.exception("a recording failed in a way that nobody foresaw; it goes on with a new segment")
                failure = OSError(str(error))
            assert self._loop is not None  # `give` set it before the thread began
            try:
                self._loop.call_soon_threadsafe(then, result, failure)
            except RuntimeError:
                return  # the loop is closed: nobody is left to hear
