"""Lays what a platform above sees beside what it was told, and puts the difference in order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Sequence

from gb28181.code import is_division
from gb28181.manscdp.catalog import Item
from registry.channel import type_code
from registry.directory import Directory
from registry.export_channels import LAST, PAGE, Channels, Levels, Seen, all_seen
from registry.export_news import Dirt, News
from registry.export_plan import RANKS, Plan
from registry.merging import aside
from registry.store.promise import SentRow
from registry.tree import NodeKind


class Comparison:
    """For one platform above, by one plan."""

    def __init__(self, directory: Directory, upper: str, plan: Plan, channels: Channels) -> None:
        self._directory = directory
        self._upper = upper
        self._plan = plan
        self._channels = channels

    async def compare(self, dirt: Dirt, limit: int, *, counts_all: bool = False) -> News:
        """Compare what is dirty; everything only as far as there is room for it, unless it must all be counted."""
        plan = self._plan
        news = News(limit, counts_all)
        # Divisions of which nobody told are known only from all that stand in them.
        everything = dirt.everything or (plan.is_civil and any(is_division(code) for code in dirt.codes))
        everything = news.everything = everything or self._is_most(dirt.owners)
        since = dirt.since if dirt.everything else ""
        heads = {entry.code for entry in plan.entries.values()}
        codes = dirt.codes | heads if dirt.entries or (everything and not since) else dirt.codes
        regions = await self._channels.regions() if everything and plan.is_civil else {}
        codes = codes - regions.keys()
        await self._compare_some(news, list(regions), regions)
        # Where there is no room for all, those must be among the first that hold the others.
        in_order = await aside(len(codes), lambda: sorted(codes, key=lambda code: (plan.position(code), code)))
        for start in range(0, len(in_order), PAGE):
            some = in_order[start : start + PAGE]
            await self._compare_some(news, some, await self._channels.alike(some))
        if everything:
            if not news.is_full:
                news.since = since
                await self._compare_after(news, {*heads, *codes, *regions})
            return news
        for owner in sorted(dirt.owners):
            async for seen in self._channels.of(owner):
                fresh = {code: theirs for code, theirs in seen.items() if code not in codes}
                await self._compare_some(news, list(fresh), fresh)
        if plan.is_civil and (any(news.told_count.values()) or news.gone_count):
            return await self.compare(Dirt(everything=True), limit)  # divisions may have come or gone
        return news

    def _is_most(self, owners: set[str]) -> bool:
        """Whether so much belongs to these neighbours that one pass over everything is quicker."""
        if not owners:
            return False
        channels = [(device.channels_total, device.code in owners) for device in self._directory.all_devices()]
        theirs = sum(total for total, is_theirs in channels if is_theirs)
        return theirs > PAGE and 4 * theirs > sum(total for total, _ in channels)

    async def _compare_some(self, news: News, codes: Sequence[str], seen: Seen) -> None:
        rows = await self._directory.sent.of(self._upper, codes)
        for row in await aside(len(codes), lambda: _lay_beside(self._plan, news, codes, seen, rows)):
            await self._lose(news, row)

    async def _lose(self, news: News, row: SentRow) -> None:
        """It is not seen by the code it had; unless another thing is now called so there, it is gone."""
        code = self._plan.code_here(row.code_there)
        if code == row.code or row.code_there not in (await self._channels.all_of(code)):
            news.lose(row)

    async def _compare_after(self, news: News, done: set[str]) -> None:
        """Everything after `news.since` but what is `done`, in one pass over the channels and what was told, both in
        order of our code. It ends where there is no more room."""
        told = _Told(self._directory, self._upper, news.since)
        async for seen in self._channels.stream(news.since):
            if not seen:
                continue
            last = max(seen)
            rows: list[SentRow] = []
            async for page in told.upto(last):
                rows += [row for row in page if row.code in seen]
                await self._join(news, {}, [row for row in page if row.code not in seen], done)
            await self._join(news, seen, rows, done)
            if news.is_full:
                return
            news.since = last
        async for page in told.rest():
            await self._join(news, {}, page, done)

    async def _join(self, news: News, seen: Seen, rows: Sequence[SentRow], done: set[str]) -> None:
        theirs = [row for row in rows if row.code not in done]
        seen = {code: shown for code, shown in seen.items() if code not in done}
        codes = [*dict.fromkeys((*seen, *(row.code for row in theirs)))]
        for row in await aside(len(codes), lambda: _lay_beside(self._plan, news, codes, seen, theirs)):
            await self._lose(news, row)

    async def in_order(self, news: News) -> list[Item]:
        """What to tell now, each with its event; what there was no room for is left out where it must come later."""
        plan = self._plan
        heads, leaves = await aside(len(news.told), lambda: _part(plan, news.told))
        levels = await Levels(self._channels, plan).sort(leaves)
        # A child must not come before its parent, and the parents may be among those for whom there was no room.
        told = [item for level in sorted(levels) if not (level and news.told_is_cut) for item in levels[level]]
        items = [*heads, *told, *news.states]
        if not news.told_is_cut:
            items += news.gone
            if not news.gone_is_cut:
                items += sorted(news.gone_heads, key=lambda item: rank(plan, item.code), reverse=True)
        return items


class _Told:
    """What a platform above was told, read in order of our code."""

    def __init__(self, directory: Directory, upper: str, since: str) -> None:
        self._directory = directory
        self._upper = upper
        self._after = (since, LAST)
        self._rows: list[SentRow] = []
        self._at_end = False

    async def upto(self, code: str) -> AsyncIterator[list[SentRow]]:
        """Pages of rows with codes up to and with this one."""
        while await self._is_more() and self._rows[0].code <= code:
            end = bisect_right(self._rows, code, key=lambda row: row.code)
            page, self._rows = self._rows[:end], self._rows[end:]
            yield page

    async def rest(self) -> AsyncIterator[list[SentRow]]:
        while await self._is_more():
            page, self._rows = self._rows, []
            yield page

    async def _is_more(self) -> bool:
        if not self._rows and not self._at_end:
            self._rows = await self._directory.sent.page(self._upper, self._after, PAGE)
            self._at_end = len(self._rows) < PAGE
            if self._rows:
                self._after = (self._rows[-1].code, self._rows[-1].code_there)
        return bool(self._rows)


def _lay_beside(plan: Plan, news: News, codes: Iterable[str], seen: Seen, rows: Iterable[SentRow]) -> list[SentRow]:
    """Compare what is seen of some codes with what was told of them; what is seen no more comes back."""
    told: dict[str, list[SentRow]] = {}
    for row in rows:
        told.setdefault(row.code, []).append(row)
    left: list[SentRow] = []
    for code in codes:
        left += news.compare(code, all_seen(plan, code, seen.get(code, {})), told.get(code, ()))
    return left


def _part(plan: Plan, items: Iterable[Item]) -> tuple[list[Item], list[Item]]:
    """The directories in the order in which they are told, and the channels."""
    ranked = [(rank(plan, item.code), item) for item in items]
    heads = sorted((pair for pair in ranked if pair[0][0] < len(RANKS)), key=lambda pair: pair[0])
    return [item for _, item in heads], [item for place, item in ranked if place[0] == len(RANKS)]


def rank(plan: Plan, there: str) -> tuple[int, int, str]:
    """The order in which things are told; channels come last, all alike."""
    entry = plan.entries.get(there)
    if (entry is None and is_division(there)) or (entry is not None and entry.kind == NodeKind.DIVISION):
        return (RANKS[NodeKind.DIVISION], len(there), there)
    if entry is not None:
        return (RANKS[entry.kind], plan.positions[there], "")
    kind = _RANK_OF_TYPE.get(type_code(there) or 0)
    return (RANKS[kind] if kind is not None else len(RANKS), len(plan.positions), "")


_RANK_OF_TYPE = {200: NodeKind.SYSTEM, 215: NodeKind.GROUP, 216: NodeKind.ORGANISATION}
"""For what is gone: of it only the code is left."""
