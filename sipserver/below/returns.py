"""Whoever asks for a neighbour that has not come back since our restart may wait a moment for it.

A province calls as soon as the city between is there again; the city's counties come back by TCP a few seconds later.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Returns:
    """Who is waited for, by code; what waits is bounded by those who ask."""

    def __init__(self) -> None:
        self._awaited: dict[str, tuple[asyncio.Event, int]] = {}

    def __len__(self) -> int:
        return len(self._awaited)

    async def wait(self, code: str, patience_s: float) -> None:
        """Come back when it is known whether the neighbour is there, or when patience ends."""
        news, waiting = self._awaited.get(code, (asyncio.Event(), 0))
        self._awaited[code] = news, waiting + 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await news.wait()
        finally:
            self._leave(code, news)

    def settle(self, code: str) -> None:
        """It came back, or is known to be gone."""
        entry = self._awaited.pop(code, None)
        if entry is not None:
            entry[0].set()

    def _leave(self, code: str, news: asyncio.Event) -> None:
        entry = self._awaited.get(code)
        if entry is None or entry[0] is not news:
            return
        if entry[1] > 1:
            self._awaited[code] = news, entry[1] - 1
        else:
            del self._awaited[code]
