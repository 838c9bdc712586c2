"""Our own recordings taken home as one film: which files, and who joins them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from broker.kept import KeptShelf
from media.plane import Clip, RecordingForm, Source

AT_ONCE = 4
"""Exports that read the disk at the same time; who comes then waits his turn."""


class Joining(Protocol):
    """`media.outlets.joining`, granted by the roof."""

    def check(self, folder: str, clips: Sequence[Clip]) -> None:
        """Raises `other` for files that cannot be one film, and `unusable` for one that cannot be read."""

    def join(
        self, folder: str, clips: Sequence[Clip], from_ms: int, to_ms: int, form: RecordingForm
    ) -> Iterator[bytes]:
        """The film in pieces; blocks."""


class CannotExport(Exception):
    """Why there is no such film: `code` is not-recorded, other-picture or disk-failed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Exports:
    """`other` and `unusable` are what the joining raises."""

    def __init__(self, shelf: KeptShelf, joining: Joining, other: type[Exception], unusable: type[Exception]) -> None:
        self._shelf = shelf
        self._joining = joining
        self._other = other
        self._unusable = unusable
        self._room = asyncio.Semaphore(AT_ONCE)

    async def film(
        self, owner: str, channel: str, stream: int, start: int, stop: int, form: RecordingForm
    ) -> AsyncGenerator[bytes]:
        """Of a span in UNIX seconds. Raises CannotExport before the first piece."""
        source = await self._shelf.source(owner, channel, stream, start, stop)
        if source is None:
            raise CannotExport("not-recorded", f"nothing is kept of {channel} of that time")
        try:
            await asyncio.to_thread(self._joining.check, source.folder, source.clips)
        except self._other as error:
            raise CannotExport("other-picture", f"the picture changes at {error}") from None
        except self._unusable as error:
            raise CannotExport("disk-failed", str(error)) from None
        return self._pieces(source, form)

    async def _pieces(self, source: Source, form: RecordingForm) -> AsyncGenerator[bytes]:
        async with self._room:
            pieces = self._joining.join(source.folder, source.clips, source.from_ms, source.to_ms, form)
            loop = asyncio.get_running_loop()
            # One thread for all of it: a generator may be gone on with by nobody else.
            with ThreadPoolExecutor(1, thread_name_prefix="export") as thread, suppress(self._unusable):
                step: Callable[[], bytes | None] = lambda: next(pieces, None)  # noqa: E731
                while (piece := await loop.run_in_executor(thread, step)) is not None:
                    yield piece
