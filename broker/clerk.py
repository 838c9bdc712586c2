"""Files that the media plane wrote come into the book: the index of each folder is read where it has grown."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from broker.recordings import ABOUT, INDEX, About, read_about, read_segments, row_of
from media.plane import Segment
from registry.archive import Archive

log = logging.getLogger(__name__)


class Clerk:
    """The folder's index is the truth, the book is for searching. What was deleted is not written down again."""

    def __init__(self, archive: Archive, folder: Path) -> None:
        self._archive = archive
        self._folder = folder
        self._known: dict[str, set[str]] = {}
        self._sizes: dict[str, int] = {}
        self._one_at_a_time = asyncio.Lock()

    async def look(self, recordings: Iterable[str]) -> int:
        """Those whose index has grown since we last looked; how many files were new."""
        return sum([await self._sync(recording) for recording in recordings])

    async def close(self, recording: str) -> int:
        """The same for one that has ended; then it is forgotten here."""
        found = await self._sync(recording)
        self._known.pop(recording, None)
        self._sizes.pop(recording, None)
        return found

    async def written_since(self, moment: float) -> list[str]:
        """Recordings whose index has grown since then (UNIX seconds), whoever wrote there."""
        return await asyncio.to_thread(_grown, self._folder, moment)

    async def look_at_all(self) -> int:
        """Every folder there is: for a book that is younger than the recordings."""
        names = await asyncio.to_thread(_folders, self._folder)
        found = 0
        for name in names:
            found += await self.close(name)
        return found

    async def _sync(self, recording: str) -> int:
        async with self._one_at_a_time:
            folder = self._folder / recording
            size = await asyncio.to_thread(_size, folder / INDEX)
            if size == self._sizes.get(recording, 0):
                return 0
            known = self._known.get(recording)
            if known is None:
                known = {row.name for row in await self._archive.files_of(recording)}
                self._known[recording] = known
            try:
                about, fresh = await asyncio.to_thread(_read, folder, frozenset(known))
            except (OSError, ValueError) as error:
                log.warning("recording %s cannot be written down: %s", recording, error)
                return 0
            await self._archive.add([row_of(about, segment) for segment in fresh])
            known.update(segment.name for segment in fresh)
            self._sizes[recording] = size
            return len(fresh)


def _read(folder: Path, known: frozenset[str]) -> tuple[About, list[Segment]]:
    fresh = [each for each in read_segments(folder) if each.name not in known]
    return read_about(folder), [each for each in fresh if (folder / each.name).is_file()]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _grown(root: Path, moment: float) -> list[str]:
    return [name for name in _folders(root) if _written_at(root / name / INDEX) >= moment]


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _folders(root: Path) -> list[str]:
    try:
        return sorted(
            each.name for each in os.scandir(root) if each.is_dir() and os.path.isfile(f"{each.path}/{ABOUT}")
        )
    except OSError:
        return []
