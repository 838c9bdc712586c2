"""What each platform above was told: the renderer of catalogs compares by it and keeps it here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.changes import Changes
from registry.store.promise import SentRow, Store
from registry.uppers import Uppers


class SentBook:
    """Rows by platform and code there, in the store only."""

    def __init__(self, store: Store, changes: Changes, uppers: Uppers) -> None:
        self._store = store
        self._changes = changes
        self._uppers = uppers

    async def page(self, upper: str, after: tuple[str, str], limit: int) -> list[SentRow]:
        """In order of (code, code there), after that pair."""
        return await self._store.sent(upper, after, limit)

    async def of(self, upper: str, codes: Sequence[str]) -> list[SentRow]:
        return await self._store.sent_of(upper, codes)

    async def count(self, upper: str) -> int:
        return await self._store.sent_count(upper)

    async def keep(self, upper: str, told: Sequence[SentRow], online: Mapping[str, bool], gone: Sequence[str]) -> None:
        """It was told these things, these states, and that these are gone (by their codes there). A stranger was told
        nothing."""
        await self._changes.whole(self._keep(upper, told, online, gone))

    async def forget(self, upper: str) -> None:
        """It knows nothing of us."""
        await self._changes.whole(self._forget(upper))

    async def _keep(self, upper: str, told: Sequence[SentRow], online: Mapping[str, bool], gone: Sequence[str]) -> None:
        async with self._store.writing() as writing:
            if self._uppers.of(upper) is not None:
                await writing.put_sent(told)
                await writing.set_sent_online(upper, online)
                await writing.drop_sent(upper, gone)

    async def _forget(self, upper: str) -> None:
        async with self._store.writing() as writing:
            await writing.forget_sent(upper)
