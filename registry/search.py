"""Search as the house knows it: its index goes by what was stored, its hits say where in the tree they stand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from registry.catalog import LONGEST_CODE
from registry.channel import Channel
from registry.finder import Finder, written
from registry.forest import Forest
from registry.merging import aside
from registry.pinyin import open_dictionary
from registry.store.promise import LINES_PAGE, SearchLine, Store
from registry.tree import LONGEST_PAGE, bounded
from registry.tree_view import TreeView

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hit:
    """A channel that a search found, and the names of the nodes above it, from the root down."""

    channel: Channel
    path: tuple[str, ...]


class Search:
    """The index and its questions. `fill` it once, before anything changes; whoever searches waits for that."""

    def __init__(self, store: Store, forest: Forest, view: TreeView) -> None:
        self._store = store
        self._forest = forest
        self._view = view
        self._finder = Finder()
        self._one_indexer = asyncio.Lock()  # taken in the order in which changes were stored
        self._closing = False
        self._filled = asyncio.Event()

    @property
    def size_bytes(self) -> int:
        """Of the index."""
        return self._finder.size_bytes

    async def find(self, text: str, limit: int, *, online_only: bool, playable_only: bool) -> list[Hit]:
        """The best matches first: by the beginning of the code, part of a name, pinyin initials or full pinyin."""
        limit = bounded(limit)
        wanted = limit if not online_only else LONGEST_PAGE
        keys = await self._store.beginning(text.strip(), wanted) if _may_begin_a_code(text.strip()) else []
        await self._filled.wait()
        keys += await asyncio.to_thread(self._finder.search, text, wanted, playable_only=playable_only)
        order = {key: at for at, key in reversed([*enumerate(keys)])}
        rows = await self._store.channels(list(order))
        rows.sort(key=lambda row: order[row.owner, row.code])
        leaves = await self._view.leaves([row for row in rows if row.playable or not playable_only])
        once = {leaf.code if leaf.ways else leaf.id: leaf for leaf in reversed(leaves)}
        chosen = [leaf for leaf in leaves if once[leaf.code if leaf.ways else leaf.id] is leaf]
        channels = [leaf.channel for leaf in chosen if leaf.channel is not None and (leaf.online or not online_only)]
        return [
            Hit(channel, tuple(node.name for node in self._forest.path(channel.places[0])))
            for channel in channels[:limit]
        ]

    # Keeping the index.

    async def fill(self) -> None:
        """Read all that is stored; what cannot be read is logged, and not found."""
        try:
            await asyncio.to_thread(open_dictionary)
            await self._fill_pages()
        except Exception:
            log.exception("the search index is incomplete; search finds what was read until now")
        finally:
            self._filled.set()

    def leave_off(self) -> None:
        """Fill no further: the house closes."""
        self._closing = True

    async def learn(
        self, owner: str, lines: Mapping[str, bytes], gone: Sequence[str] = (), fresh: Sequence[bytes] = ()
    ) -> None:
        """What was stored of a neighbour's channels: `lines` by code that are new or other, codes that are gone, and
        `fresh` lines of channels that never were there."""
        async with self._one_indexer:
            if lines or gone:
                await asyncio.to_thread(self._finder.change, owner, lines, gone)
            if fresh:
                await aside(len(fresh), lambda: self._finder.add(owner, fresh))

    async def forget(self, owner: str) -> None:
        """The neighbour was removed."""
        async with self._one_indexer:
            self._finder.drop(owner)

    async def _fill_pages(self) -> None:
        after = ("", "")
        while lines := await self._store.lines(after, LINES_PAGE):
            if self._closing:
                return
            await asyncio.to_thread(self._add, lines)
            after = (lines[-1].owner, lines[-1].code)

    def _add(self, lines: Sequence[SearchLine]) -> None:
        for owner, some in groupby(lines, key=lambda line: line.owner):
            self._finder.add(owner, map(written, some))


def _may_begin_a_code(text: str) -> bool:
    return 2 <= len(text) <= LONGEST_CODE and text.isascii() and any(c.isdigit() for c in text)
