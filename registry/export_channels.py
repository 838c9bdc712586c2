"""Channels as one platform above sees them, streamed from the store and rendered on other threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import groupby

from gb28181.manscdp.catalog import Item
from registry.directory import Directory
from registry.export_plan import Plan, Shown
from registry.merging import aside
from registry.store.promise import ChannelRow

PAGE = 2_000
"""Channels rendered at a time."""
LAST = "\U0010ffff"
"""Comes after every code."""
DEEPEST_LEVEL = 4
"""Channels may hang on channels so deep; deeper ones are told last, in no order."""
MOST_LEVELS = 20_000
"""Codes whose level is remembered."""

Seen = dict[str, dict[str, Shown]]
"""By our code, then by the code there."""


class Channels:
    """The channels of the house, by one plan."""

    def __init__(self, directory: Directory, plan: Plan) -> None:
        self._directory = directory
        self._plan = plan

    async def stream(self, since: str = "") -> AsyncIterator[Seen]:
        """All channels that are seen, in order of our code, after one."""
        after = (since, LAST)
        kept: list[ChannelRow] = []
        more = True
        while more:
            rows = await self._directory.rows_in_order(after, PAGE)
            more = len(rows) == PAGE
            after = (rows[-1].code, rows[-1].owner) if rows else after
            rows = kept + rows
            kept = []
            if more:
                # Those who share the last code may not all have come yet.
                last = rows[-1].code
                kept = [row for row in rows if row.code == last]
                rows = rows[: len(rows) - len(kept)]
            yield await aside(len(rows), lambda rows=rows: _seen(self._plan, rows))  # type: ignore[misc]

    async def of(self, owner: str) -> AsyncIterator[Seen]:
        """The same for the codes that one neighbour has; they are seen as all have them."""
        after, more = "", True
        while more:
            rows = await self._directory.rows_of(owner, after, PAGE)
            more = len(rows) == PAGE
            if rows:
                after = rows[-1].code
                yield await self.alike([row.code for row in rows])

    async def near(self, there: str) -> AsyncIterator[Seen]:
        """A channel, and all its owners' channels when it says that others hang on it."""
        seen = await self.find(there)
        if seen is None:
            return
        code, shown = seen
        if shown.item.parental:
            for owner in shown.owners[:1]:
                async for batch in self.of(owner):
                    yield batch
        else:
            yield {code: {there: shown}}

    async def alike(self, codes: Sequence[str]) -> Seen:
        """Channels with these codes of ours, as they are seen there."""
        rows = await self._directory.rows_alike(codes)
        return await aside(len(rows), lambda: _seen(self._plan, sorted(rows, key=lambda row: (row.code, row.owner))))

    async def find(self, there: str) -> tuple[str, Shown] | None:
        code = self._plan.code_here(there)
        shown = (await self.alike([code])).get(code, {}).get(there)
        return (code, shown) if shown is not None else None

    async def all_of(self, code: str) -> dict[str, Shown]:
        """Channels and directories with this code of ours, by the codes there."""
        return all_seen(self._plan, code, (await self.alike([code])).get(code, {}))

    async def regions(self) -> Seen:
        """In the civil arrangement: the divisions of which nobody told. It takes a pass over everything."""
        civil: set[str] = set()
        async for seen in self.stream():
            civil.update(shown.item.civil_code for theirs in seen.values() for shown in theirs.values())
        found = regions(self._plan, civil, (entry.item for entry in self._plan.entries.values()))
        return {item.code: {item.code: Shown(item, True)} for item in found}


class Levels:
    """Sorts channels by how many channels they hang on, one on the other: few do, and none twice."""

    def __init__(self, channels: Channels, plan: Plan) -> None:
        self._channels = channels
        self._plan = plan
        self._known: dict[str, int] = {}

    async def sort(self, items: Sequence[Item]) -> dict[int, list[Item]]:
        """By level; items that hang on no channel are on level 0."""
        above = await aside(len(items), lambda: {item.code: self._channels_above(item) for item in items})
        await self._learn({part for parts in above.values() for part in parts})
        return await aside(len(items), lambda: self._by_level(items, above))

    def _by_level(self, items: Sequence[Item], above: Mapping[str, Sequence[str]]) -> dict[int, list[Item]]:
        levels: dict[int, list[Item]] = {}
        for item in items:
            levels.setdefault(self._level(above[item.code]), []).append(item)
        return levels

    def _channels_above(self, item: Item) -> list[str]:
        entries = self._plan.entries
        return [part for part in item.parent_ids if part not in entries]

    def _level(self, above: Sequence[str]) -> int:
        return min(DEEPEST_LEVEL, max((self._known[part] + 1 for part in above), default=0))

    async def _learn(self, wanted: set[str], depth: int = DEEPEST_LEVEL) -> None:
        """The levels of these, -1 for those that are not seen."""
        if len(self._known) > MOST_LEVELS:
            self._known.clear()
        new = sorted(code for code in wanted if code not in self._known)
        if not new:
            return
        here = {there: self._plan.code_here(there) for there in new}
        seen = await self._channels.alike(sorted({*here.values()}))
        above: dict[str, list[str]] = {}
        for there, code in here.items():
            shown = seen.get(code, {}).get(there)
            self._known[there] = -1 if shown is None else 0
            if shown is not None:
                above[there] = self._channels_above(shown.item)
        if depth > 1:
            await self._learn({part for parts in above.values() for part in parts}, depth - 1)
        for there, parts in above.items():
            self._known[there] = self._level([part for part in parts if part in self._known])


def regions(plan: Plan, civil: set[str], entries: Iterable[Item]) -> list[Item]:
    """Divisions of which nobody told, for channels with these CivilCodes and for `entries`."""
    return plan.regions_of({*civil, *(item.civil_code for item in entries if item.civil_code)})


def _seen(plan: Plan, rows: Sequence[ChannelRow]) -> Seen:
    """`rows` in order of code."""
    found = ((code, plan.leaves(list(some))) for code, some in groupby(rows, key=lambda row: row.code))
    return {code: theirs for code, theirs in found if theirs}


def all_seen(plan: Plan, code: str, theirs: dict[str, Shown]) -> dict[str, Shown]:
    """`theirs`, the channels of one code, and the directories of the same."""
    entries = plan.entries_of(code)
    return theirs | {entry.there: plan.entry_shown(entry) for entry in entries} if entries else theirs
