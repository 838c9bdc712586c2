"""Sources of our own by code, held in memory, written through; how they stand in the tree is `own_sources`' to say."""

from __future__ import annotations

from registry.changes import Changes
from registry.source import OwnSource, source_of, source_row
from registry.store.promise import Shelf, Store


class SourceBook:
    """All that operators wrote down of them."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self._store = store
        self._changes = changes
        self._sources: dict[str, OwnSource] = {}

    async def open(self) -> None:
        """Take in what was kept."""
        self._sources = {str(row["code"]): source_of(row) for row in await self._store.load(Shelf.SOURCES)}

    def all(self) -> tuple[OwnSource, ...]:
        return tuple(self._sources.values())

    def of(self, code: str) -> OwnSource | None:
        return self._sources.get(code)

    async def keep(self, source: OwnSource) -> None:
        """A new one, or in place of the one with its code."""
        await self._changes.whole(self._keep(source))

    async def drop(self, code: str) -> None:
        """Harmless when it is not there."""
        await self._changes.whole(self._drop(code))

    async def _keep(self, source: OwnSource) -> None:
        async with self._store.writing() as writing:
            await writing.put(Shelf.SOURCES, [source_row(source)])
        self._sources[source.code] = source

    async def _drop(self, code: str) -> None:
        async with self._store.writing() as writing:
            await writing.remove(Shelf.SOURCES, [(code,)])
        self._sources.pop(code, None)
