"""What a store promises of places: they are very many, so they are asked for by thing and span."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from registry.fix import KeptFix


class FixShelf(Protocol):
    """Places by owner, code and moment."""

    async def keep(self, fixes: Sequence[KeptFix]) -> None:
        """Insert or replace, all or nothing."""

    async def track(self, owner: str, code: str, start_ms: int, end_ms: int, limit: int) -> list[KeptFix]:
        """Of one thing, oldest first, the newest `limit` of them."""

    async def latest(self, limit: int) -> list[KeptFix]:
        """The last place of every thing, newest first."""

    async def count(self) -> int: ...

    async def prune(self, before_ms: int, most: int) -> int:
        """Forget what is older and, of the oldest, what is more than `most`; how many that was."""

    async def forget(self, owner: str) -> None:
        """All of one neighbour."""
