"""A catalog as it was at one moment, laid aside so that it can be sent slowly: on disk when it is long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from tempfile import SpooledTemporaryFile
from types import TracebackType

import msgspec

from gb28181.manscdp.catalog import Item

IN_MEMORY = 1 << 20
"""Bytes that are kept in memory before a file is made."""
READ = 500
"""Items read from the file at a time."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Item).decode


class Spool:
    """Items in the order in which they were laid in. Its file has no name and goes with it."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self.count = 0

    def add(self, items: Sequence[Item]) -> None:
        """Blocks; call it on a thread when they are many."""
        self._file.write(b"".join(_encode(item) + b"\n" for item in items))
        self.count += len(items)

    async def read(self) -> AsyncIterator[list[Item]]:
        await asyncio.to_thread(self._file.seek, 0)
        while items := await asyncio.to_thread(self._some):
            yield items

    def _some(self) -> list[Item]:
        lines = (self._file.readline() for _ in range(READ))
        return [_decode(line) for line in lines if line]

    def close(self) -> None:
        self._file.close()


class Rendering:
    """One catalog, whole: `total` items, in pages of any size, as often as wanted until it is closed."""

    def __init__(self) -> None:
        self.head: list[Item] = []
        """Directories; thousands."""
        self.leaves: list[Spool] = []
        """Channels, those first that hang on no other channel."""

    def __enter__(self) -> Rendering:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for spool in self.leaves:
            spool.close()

    def __repr__(self) -> str:
        return f"Rendering({len(self.head)} directories, {self.total - len(self.head)} channels)"

    @property
    def total(self) -> int:
        return len(self.head) + sum(spool.count for spool in self.leaves)

    def lay_aside(self, level: int, items: Sequence[Item]) -> None:
        while len(self.leaves) <= level:
            self.leaves.append(Spool())
        self.leaves[level].add(items)

    async def pages(self, size: int) -> AsyncIterator[tuple[Item, ...]]:
        """`size` items a page; the last may be shorter. Nothing when there is nothing."""
        size = max(1, size)
        waiting: list[Item] = list(self.head)
        for spool in self.leaves:
            async for items in spool.read():
                waiting += items
                while len(waiting) > size:
                    yield tuple(waiting[:size])
                    del waiting[:size]
        while waiting:
            yield tuple(waiting[:size])
            del waiting[:size]
