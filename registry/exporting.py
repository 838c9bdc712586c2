"""The one renderer of what platforms above see: whole catalogs, parts of them, and the news since the last word.

Answers and notices come from the same place, so that a catalog followed by notices is the catalog asked for anew.
Directories are held in a plan; channels stream from the store, a page at a time, on other threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msgspec.structs import replace

from gb28181.code import is_division
from gb28181.edition import parse_edition
from gb28181.manscdp.catalog import Item
from registry.branch import REGION, parent_codes
from registry.catalog import Directories, as_item
from registry.device import Device
from registry.directory import Directory
from registry.events import (
    CatalogChanged,
    DeviceCameOnline,
    DeviceChanged,
    DeviceRemoved,
    DeviceWentOffline,
    Event,
    SharingChanged,
    UpperChanged,
)
from registry.export_channels import PAGE, Channels, Levels, Seen, regions
from registry.export_compare import Comparison, rank
from registry.export_news import LISTED, Dirt, ExportDiff, Told
from registry.export_plan import OWN, House, OwnSystem, Plan, Shown
from registry.export_scope import WHOLE, Scope, scope_of
from registry.export_spool import Rendering
from registry.merging import aside
from registry.platform import Upper
from registry.sharing import ShareRule
from registry.tree import NodeKind

__all__ = ["ExportDiff", "Exporter", "OwnSystem", "Rendering", "Shared"]

MOST_CHANGES = 10_000
"""Items of one message at most (GB/T 28181-2022 annex M)."""
WRITE_AFTER = 500
"""Items told that are written together."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What a code there stands for here. `owner` is "" for what is ours; `owners` are all who have it, those online
    first. `kind` is own, division, system, group, organisation, device or channel."""

    owner: str
    code: str
    kind: str
    owners: tuple[str, ...] = ()


@dataclass(slots=True)
class _View:
    """What is held for one platform above."""

    plan: Plan | None = None
    dirt: Dirt = field(default_factory=lambda: Dirt(everything=True))
    pending: set[str] = field(default_factory=set)
    codes: dict[str, str] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    renderings: int = 0
    meanwhile: Dirt = field(default_factory=Dirt)
    """What changed while catalogs were on their way: they may have told of it as it was before."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    ruled: frozenset[tuple[str, str]] = frozenset()
    """(owner, code) of the channels that a rule of their own includes."""
    version: int = 0
    planned: int = -1


class Exporter:
    """Renders for each platform above. Make it when the directory is open, `close` it before the directory is closed.

    `on_dirty` is called with the code of each platform above for which something may have changed, whenever it has.
    """

    def __init__(self, directory: Directory, own: OwnSystem) -> None:
        self.own = own
        self.on_dirty: Callable[[str], None] | None = None
        self._directory = directory
        self._views: dict[str, _View] = {}
        self._known: dict[str, Directories] = dict(directory.directories())
        self._signs = {device.code: self._sign(device) for device in directory.all_devices()}
        self._is_closed = False
        self._deafen = directory.bus.listen(self._hear)

    def __repr__(self) -> str:
        return f"Exporter({self.own.code}, {len(self._views)} platforms above)"

    async def close(self) -> None:
        """Write what was told and waits to be kept."""
        if not self._is_closed:
            self._deafen()
            self._is_closed = True
        for code, view in self._views.items():
            await self._write(code, view)

    # Catalogs.

    async def count(self, upper: Upper, scope: str | None = None) -> int:
        """Items of the catalog, or of the part of it under `scope`, a code there. LookupError when it is not shared."""
        async with self.rendering(upper, scope) as rendering:
            return rendering.total

    async def pages(self, upper: Upper, scope: str | None = None, size: int = 100) -> AsyncIterator[tuple[Item, ...]]:
        """The same in pages, parents before children. LookupError when the scope is not shared."""
        async with self.rendering(upper, scope) as rendering:
            async for page in rendering.pages(size):
                yield page

    @asynccontextmanager
    async def rendering(self, upper: Upper, scope: str | None = None) -> AsyncIterator[Rendering]:
        """A whole catalog as of one moment, for whoever sends it slowly. LookupError when the scope is not shared."""
        view = self._view(upper)
        view.renderings += 1
        try:
            plan = await self._plan(upper, view)
            with Rendering() as rendering:
                await self._render(plan, rendering, await self._scope(upper, plan, scope))
                yield rendering
        finally:
            view.renderings -= 1
            if not view.renderings:
                view.dirt.add(view.meanwhile)
                view.meanwhile = Dirt()

    async def offline(self, upper: Upper, scope: str | None = None, size: int = 100) -> AsyncIterator[tuple[Item, ...]]:
        """What is off in the scope, as news of it: the first report of a subscription (signalling 6.4)."""
        waiting: list[Item] = []
        async with self.rendering(upper, scope) as rendering:
            async for page in rendering.pages(PAGE):
                waiting += [Item(item.code, status_on=False, event="OFF") for item in page if not item.status_on]
                while len(waiting) >= size:
                    yield tuple(waiting[:size])
                    del waiting[:size]
        if waiting:
            yield tuple(waiting)

    async def _scope(self, upper: Upper, plan: Plan, there: str | None) -> Scope:
        scope = scope_of(plan, there, is_2022=parse_edition(upper.edition).is_2022)
        if scope is not None:
            return scope
        seen = await Channels(self._directory, plan).find(there or "")
        if seen is None:
            raise LookupError(f"{there} is not shared with {upper.code}")
        return Scope(channel=there)

    async def _render(self, plan: Plan, rendering: Rendering, scope: Scope) -> None:
        civil: set[str] = set()
        channels = Channels(self._directory, plan)
        levels = Levels(channels, plan)
        if scope.channel is not None:
            batches = channels.near(scope.channel)
        else:
            batches = channels.stream()
        async for batch in batches:
            items = await aside(len(batch), lambda batch=batch: self._in_scope(batch, scope))  # type: ignore[misc]
            if plan.is_civil:
                civil.update(item.civil_code for item in items)
            for level, some in (await levels.sort(items)).items():
                await asyncio.to_thread(rendering.lay_aside, level, some)
        rendering.head = await aside(len(plan.entries), lambda: _directories(plan, scope, civil))

    def _in_scope(self, batch: Seen, scope: Scope) -> list[Item]:
        seen = (shown.whole() for theirs in batch.values() for shown in theirs.values())
        return list(seen) if scope is WHOLE else [item for item in seen if scope.takes_channel(item)]

    # News.

    def has_changes(self, upper: Upper) -> bool:
        """Whether there may be news; never false when there are."""
        view = self._view(upper)
        return bool(view.dirt or view.pending)

    async def changes(self, upper: Upper, limit: int = MOST_CHANGES) -> list[Item]:
        """What it must be told, each item with its event: ADD and UPDATE parents first, then states, then DEL.

        Nothing counts as told before `mark_sent`. More than `limit` come with the next call.
        """
        view = self._view(upper)
        async with view.lock:
            await self._write(upper.code, view)
            taken, view.dirt = view.dirt, Dirt()
            taken.codes |= view.pending
            try:
                plan = await self._plan(upper, view)
                comparison = self._comparison(upper, plan)
                news = await comparison.compare(taken, limit)
                items = await comparison.in_order(news)
                while not items and news.is_cut:
                    limit *= 4
                    news = await comparison.compare(taken, limit)
                    items = await comparison.in_order(news)
            except BaseException:
                view.dirt.add(taken)
                raise
            view.codes = news.codes
            view.pending = {news.codes[item.code] for item in items}
            if news.is_cut and news.everything and news.since:
                left = {*news.codes.values()} - view.pending
                view.dirt.add(Dirt(left, everything=True, since=news.since))
            elif news.is_cut:
                view.dirt.add(taken)
            return items

    async def mark_sent(self, upper: Upper, items: Sequence[Item]) -> None:
        """It has confirmed these: news, or pages of a catalog (which have no event)."""
        view = self._view(upper)
        for at, item in enumerate(items, 1):
            code = self._code_here(view.plan, item.code, view.codes)
            view.told.take(upper.code, code, item)
            view.pending.discard(code)
            if at % WRITE_AFTER == 0:
                await asyncio.sleep(0)  # signalling goes on
        if len(view.told) >= WRITE_AFTER:
            async with view.lock:
                await self._write(upper.code, view)

    async def forget_sent(self, upper: Upper) -> None:
        """It knows nothing of us: all is news again. For before a whole catalog is sent."""
        view = self._view(upper)
        async with view.lock:
            view.told = Told()
            view.pending.clear()
            view.dirt = Dirt(everything=True)
            await self._directory.sent.forget(upper.code)

    async def diff(self, upper: Upper) -> ExportDiff:
        """What it does not know yet, for eyes; nothing counts as told by this."""
        view = self._view(upper)
        async with view.lock:
            await self._write(upper.code, view)
            plan = await self._plan(upper, view)
            news = await self._comparison(upper, plan).compare(Dirt(everything=True), LISTED, counts_all=True)
        named = [(item.code, item.name, item.event) for item in news.told]
        changed = [(code, name) for code, name, event in named if event == "UPDATE"]
        changed += [(item.code, await self._name(plan, item.code)) for item in news.states[: LISTED - len(changed)]]
        return ExportDiff(
            tuple((code, name) for code, name, event in named if event == "ADD"),
            tuple(changed),
            tuple(news.names_gone),
            news.told_count["ADD"],
            news.told_count["UPDATE"] + news.state_count,
            news.gone_count,
            news.seen,
            await self._directory.sent.count(upper.code),
        )

    async def _name(self, plan: Plan, there: str) -> str:
        entry = plan.entries.get(there)
        if entry is not None:
            return entry.item.name
        seen = await Channels(self._directory, plan).find(there)
        return seen[1].item.name if seen is not None else ""

    def _comparison(self, upper: Upper, plan: Plan) -> Comparison:
        return Comparison(self._directory, upper.code, plan, Channels(self._directory, plan))

    async def _write(self, upper: str, view: _View) -> None:
        told, view.told = view.told, Told()
        if not len(told):
            return
        try:
            await self._directory.sent.keep(upper, list(told.rows.values()), told.states, list(told.gone))
        except BaseException:
            view.dirt.add(Dirt(everything=True))  # it will be told once more
            raise

    # Codes, both ways.

    async def resolve(self, upper: Upper, code_there: str) -> Shared | None:
        """What a code of theirs stands for; None when it is nothing that is shared."""
        plan = await self._plan(upper, self._view(upper))
        entry = plan.entries.get(code_there)
        if entry is not None:
            if entry.kind == OWN:
                return Shared("", entry.code, OWN)
            owners = tuple(dict.fromkeys(owner for owner, _ in entry.sources))
            return Shared(owners[0], entry.code, entry.kind, self._online_first(owners))
        if plan.is_civil and is_division(code_there):
            return Shared("", code_there, str(NodeKind.DIVISION))
        seen = await Channels(self._directory, plan).find(code_there)
        if seen is None:
            return None
        owners = self._online_first(seen[1].owners)
        return Shared(owners[0], seen[0], str(NodeKind.CHANNEL), owners)

    async def code_there(self, upper: Upper, owner: str, code: str) -> str:
        """How it calls a thing of ours; "" when it cannot name it. Whether it is shared at all is not asked."""
        return (await self._plan(upper, self._view(upper))).code_there(owner, code)

    async def shared_as(self, upper: Upper, owner: str, code: str) -> str | None:
        """How it calls a thing of ours; None when that is not shared."""
        plan = await self._plan(upper, self._view(upper))
        there = plan.code_there(owner, code)
        seen = await Channels(self._directory, plan).all_of(code) if there else {}
        return there if there in seen and (owner in seen[there].owners or not seen[there].owners) else None

    def _online_first(self, owners: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted(owners, key=lambda owner: not self._directory.is_lit(owner)))

    def _code_here(self, plan: Plan | None, there: str, told: dict[str, str]) -> str:
        if there in told:
            return told[there]
        if plan is None:
            return there
        return plan.code_here(there)

    # Plans.

    def _view(self, upper: Upper) -> _View:
        return self._views.setdefault(upper.code, _View())

    async def _plan(self, upper: Upper, view: _View) -> Plan:
        """The plan of now. It is made anew when the directories, the sharing or the platform changed."""
        if view.plan is not None and view.planned == view.version:
            return view.plan
        version, directory = view.version, self._directory
        sharing = await directory.sharing(upper.code)
        ruled = {(owner, code) for owner, code in _channels_of_rules(sharing.rules)}
        rows = await directory.rows_alike(sorted({code for _, code in ruled}))
        house = House(
            self.own,
            directory.upper(upper.code) or upper,
            sharing,
            {device.code: device for device in directory.all_devices()},
            dict(directory.directories()),
            directory.divisions,
            directory.chain,
            directory.is_lit,
            directory.says_on,
            tuple(
                (row.owner, row.places, parent_codes(as_item(row.said)))
                for row in rows
                if (row.owner, row.code) in ruled
            ),
        )
        plan = await aside(sum(map(len, house.directories.values())), lambda: Plan(house))
        # What was told of the house meanwhile has raised `version`, and the next who asks gets another plan.
        view.plan, view.planned, view.ruled = plan, version, frozenset(ruled)
        return plan

    # What happens in the house.

    def _hear(self, event: Event) -> None:
        match event:
            case CatalogChanged():
                self._hear_catalog(event)
            case DeviceCameOnline(code=code) | DeviceWentOffline(code=code) | DeviceChanged(code=code):
                self._hear_device(code)
            case DeviceRemoved(code=code):
                self._signs.pop(code, None)
                self._known.pop(code, None)
                self._soil(Dirt(everything=True), replan=True)
            case SharingChanged(upper=code):
                self._soil(Dirt(everything=True), replan=True, only=code)
            case UpperChanged(code=code) if self._directory.upper(code) is None:
                self._views.pop(code, None)
            case _:
                pass

    def _hear_catalog(self, event: CatalogChanged) -> None:
        """One channel's state touches one code; a directory that moved, all that its neighbour has."""
        owner = event.owner
        before, now = self._known.get(owner, {}), self._directory.directories().get(owner, {})
        self._known[owner] = now
        named = (*event.added, *event.changed, *event.removed)
        whole = len(named) == event.added_count + event.changed_count + event.removed_count
        dirt = Dirt(codes=set(named))
        if not whole:
            dirt.owners.add(owner)
            dirt.everything = len(event.removed) < event.removed_count
        moved = _moved(before, now, named if whole else before.keys() | now.keys()) if before is not now else []
        if moved:
            dirt.owners.add(owner)
            dirt.entries = True
            dirt.codes.update(before, now)
            dirt.everything |= REGION in moved
        elif not whole and before is not now:
            dirt.codes.update(now)
        self._soil(dirt, replan=bool(moved))
        for code, view in self._views.items():
            if view.ruled and (not whole or any((owner, name) in view.ruled for name in named)):
                # The way to it is shown, whatever the rules say of that: it may lead elsewhere now.
                self._soil(Dirt({*now}, {owner}, entries=True), replan=True, only=code)

    def _hear_device(self, code: str) -> None:
        device = self._directory.device(code)
        if device is None:
            return
        before, now = self._signs.get(code), self._sign(device)
        if before == now:
            return
        self._signs[code] = now
        dirt = Dirt(codes={code})
        if before is None:
            self._soil(dirt, replan=True)
            return
        if before[0] != now[0]:
            dirt.owners.add(code)
            dirt.codes.update(self._known.get(code, {}))
        if before[1:] != now[1:]:
            dirt.owners.add(code)
            dirt.entries = before[1] != now[1]
        self._soil(dirt, replan=before[1:] != now[1:])

    def _sign(self, device: Device) -> tuple[object, ...]:
        """What of a neighbour is seen above: whether it is within reach, what it is, and how it is called."""
        return (
            self._directory.is_lit(device.code),
            device.kind,
            device.name_here,
            device.name,
            device.manufacturer,
            device.model,
        )

    def _soil(self, dirt: Dirt, *, replan: bool = False, only: str | None = None) -> None:
        for upper in self._directory.uppers():
            if only is not None and upper.code != only:
                continue
            view = self._views.get(upper.code)
            if view is not None:
                view.version += replan
                view.dirt.add(dirt)
                if view.renderings:
                    view.meanwhile.add(dirt)
            if dirt and self.on_dirty is not None:
                self.on_dirty(upper.code)


def _directories(plan: Plan, scope: Scope, civil: set[str]) -> list[Item]:
    """Those in the scope, and the divisions of which nobody told but in which channels stand (`civil`)."""
    chosen = [plan.entry_shown(entry) for entry in plan.entries.values() if scope.takes_entry(entry)]
    unsaid = regions(plan, civil, (shown.item for shown in chosen)) if plan.is_civil else []
    added = [Shown(item, True) for item in unsaid if scope.takes_region(item)]
    chosen += added
    if added:
        chosen.sort(key=lambda shown: rank(plan, shown.item.code))
    return [shown.whole() for shown in chosen]


def _moved(before: Directories, now: Directories, codes: Iterable[str]) -> list[str]:
    """Kinds of the directories that are new, gone, or say more than another state of theirs."""
    moved: list[str] = []
    for code in codes:
        old, new = before.get(code), now.get(code)
        if old is new or old == new:
            continue
        if old is None or new is None or old[0] != new[0] or replace(old[1], status_on=new[1].status_on) != new[1]:
            moved += [entry[0] for entry in (old, new) if entry is not None]
    return moved


def _channels_of_rules(rules: Iterable[ShareRule]) -> Iterable[tuple[str, str]]:
    for rule in rules:
        owner, _, code = rule.node.removeprefix("channel:").partition("/")
        if rule.include and code and rule.node.startswith("channel:"):
            yield owner, code
