"""Answers to one question, part by part, until they are whole or silence says that they will not be."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gb28181.hops import read_warnings
from gb28181.manscdp.catalog import Catalog, Item
from gb28181.manscdp.message import Manscdp, expected
from gb28181.peer import Hop
from sipserver.sip.message import Response


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came as answer to one question: its parts in their order, and whether they are all there."""

    parts: tuple[Manscdp, ...]
    sum_num: int
    is_whole: bool
    seconds: float

    @property
    def items(self) -> tuple[Item, ...]:
        """Of a catalog, every item in its order."""
        return tuple(item for part in self.parts if isinstance(part, Catalog) for item in part.items)


class Refused(Exception):
    """The platform below did not do what it was asked. `hops` is the ladder it told, nearest first."""

    def __init__(self, what: str, response: Response) -> None:
        super().__init__(f"{what} was answered {response.status} {response.reason}")
        self.status = response.status
        self.response = response
        self.hops: tuple[Hop, ...] = read_warnings(response.headers.all("Warning"), what)


class Waiting:
    """An answer that is being gathered. What is said twice counts once."""

    def __init__(self) -> None:
        self.parts: list[Manscdp] = []
        self._wanted: int | None = None
        self._got = 0
        self._codes: set[str] = set()
        self._more = asyncio.Event()

    def take(self, part: Manscdp) -> None:
        self.parts.append(part)
        counted = expected(part)
        if counted is not None:
            self._wanted = counted[0] if self._wanted is None else self._wanted
            self._got += counted[1]
        if isinstance(part, Catalog):
            self._codes.update(item.code for item in part.items)
            self._got = len(self._codes)
        self._more.set()

    async def gather(self, silence_s: float) -> bool:
        """True when it is whole, false after so long a silence."""
        while not self._is_whole():
            self._more.clear()
            try:
                async with asyncio.timeout(silence_s):
                    await self._more.wait()
            except TimeoutError:
                return False
        return True

    def _is_whole(self) -> bool:
        return bool(self.parts) and (self._wanted is None or self._got >= self._wanted)
