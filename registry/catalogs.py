"""Catalogs and news of them, taken in: the directories of every neighbour, and where its channels come to hang."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from gb28181.slim_set import SlimSet
from registry.catalog import Diff, Directories, as_item, search_keys, search_line
from registry.changes import Changes
from registry.device_book import DeviceBook
from registry.events import Bus, CatalogChanged, ChannelStatusChanged, DeviceChanged
from registry.forest import Forest
from registry.merging import News, lay_in, write_names
from registry.names_kept import NamesKept
from registry.search import Search
from registry.store.promise import LINES_PAGE, ChannelRow, Row, Shelf, Store, Writing
from registry.tree import NodeKind

MOST_TOLD = 1_000
"""Codes named in one event; the counts are whole."""


class Catalogs:
    """What neighbours say they have. Channels are in the store; directories, and names that wait, are held here."""

    def __init__(
        self,
        store: Store,
        changes: Changes,
        forest: Forest,
        devices: DeviceBook,
        search: Search,
        bus: Bus,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._changes = changes
        self._forest = forest
        self._devices = devices
        self._search = search
        self._bus = bus
        self._clock = clock
        self._directories: dict[str, Directories] = {}
        self._names_kept = NamesKept()
        self._seen_whole: set[str] = set()  # whose whole catalog came since we opened
        self._unsettled: set[str] = set()  # some of whose channels may stand elsewhere than they belong

    async def open(self) -> None:
        """Take in what was kept."""
        for row in await self._store.load(Shelf.DIRECTORIES):
            mine = self._directories.setdefault(str(row["owner"]), {})
            mine[str(row["code"])] = (str(row["kind"]), as_item(str(row["said"])))
        self._names_kept.load(_kept_name_of(row) for row in await self._store.load(Shelf.NAMES_KEPT))

    @property
    def directories(self) -> Mapping[str, Directories]:
        """By neighbour; each neighbour's are replaced as a whole, never changed."""
        return self._directories

    def is_unsettled(self, owner: str) -> bool:
        """Whether some channels may stand elsewhere than they belong, as more of a catalog was to come."""
        return owner in self._unsettled

    async def lay_in(
        self,
        owner: str,
        news: News,
        *,
        complete: bool = False,
        told: Mapping[str, object] | None = None,
        anew: bool = False,
        more: bool = False,
    ) -> Diff:
        """Take in a catalog or news of one: nothing is deleted for being absent unless it is `complete`.

        `told` are fields of the owner's `Device` that go with it. `anew` and `more` are explained in
        `registry.merging.lay_in`. LookupError when the owner is unknown.
        """
        async with self._changes.one() as (writing, draft):
            if owner not in self._devices.devices:
                raise LookupError(f"no device {owner} whose catalog this could be")
            before = self._directories.get(owner, {})
            if not before and not self._forest.held_by(owner).channels:
                self._seen_whole.add(owner)  # whatever we come to hold of it is placed by the rules of today
            anew = anew or (complete and self._may_stand_wrong(owner))
            names = self._names_kept.of(owner)
            outcome = await lay_in(
                writing, self._forest, draft, owner, before, news, complete=complete, anew=anew, more=more, names=names
            )
            draft.cameras = outcome.cameras
            parting = self._names_kept.part(owner, outcome.named, outcome.diff.added, self._clock())
            await write_names(writing, parting)
        self._names_kept.adopt(parting)
        self._directories[owner] = outcome.directories
        if complete:
            self._seen_whole.add(owner)
        if outcome.waits:
            self._unsettled.add(owner)
        elif anew or complete:
            self._unsettled.discard(owner)
        await self._search.learn(owner, outcome.lines, outcome.unlisted, outcome.fresh)
        if told and owner in self._devices.devices:
            self._devices.change(owner, told)
        self._devices.count(owner, self._forest.held_by(owner))
        if not outcome.diff.is_empty or told:
            self._tell(owner, outcome.diff, complete=complete or bool(told and told.get("catalog_complete")))
            self._bus.tell(DeviceChanged(owner))
        for code, online in list(outcome.flipped.items())[:MOST_TOLD]:
            self._bus.tell(ChannelStatusChanged(owner, code, online))
        return outcome.diff

    async def conclude(
        self, owner: str, seen: Collection[str] | SlimSet, named: Collection[str], told: Mapping[str, object]
    ) -> Diff:
        """A whole catalog was laid in piece by piece: remove what is not among those `seen`, and make directories of
        those `named` as parents only. LookupError when the owner is unknown."""
        directories = self._directories.get(owner, {})
        gone = {code for code in directories if code not in seen}
        bare = {
            code: item
            for code, (kind, item) in directories.items()
            if kind == NodeKind.DEVICE and code in seen and code not in named
        }
        after: str | None = ""
        while after is not None:
            rows = await self._store.channels_of(owner, after, LINES_PAGE)
            gone.update(row.code for row in rows if row.code not in seen)
            after = rows[-1].code if len(rows) == LINES_PAGE else None
        news = News(items=bare, gone=gone, named=set(named), bare=set(bare))
        diff = await self.lay_in(owner, news, told=told, anew=self._may_stand_wrong(owner))
        self._seen_whole.add(owner)
        return diff

    async def rename_channel(self, owner: str, code: str, name_here: str | None) -> ChannelRow:
        """Our own name for a channel (None: the owner's again); LookupError when it is not there."""
        async with self._changes.one() as (writing, _):
            rows = await writing.these(owner, [code])
            if not rows:
                raise LookupError(f"{owner} has no channel {code}")
            row = rows[0]._replace(name_here=name_here, keys=search_keys(rows[0].name, name_here))
            await writing.put_channels([row])
        await self._search.learn(owner, {code: search_line(row)})
        self._tell(owner, Diff(changed=(code,)), complete=True)
        return row

    async def strike(self, writing: Writing, owner: str) -> None:
        """The neighbour is being removed: so are our names that wait for its channels. To be followed by `forget`."""
        await writing.remove(Shelf.NAMES_KEPT, self._names_kept.forget(owner).dropped)

    def forget(self, owner: str) -> None:
        """It was struck out."""
        self._names_kept.adopt(self._names_kept.forget(owner))
        self._directories.pop(owner, None)
        self._seen_whole.discard(owner)
        self._unsettled.discard(owner)

    def _may_stand_wrong(self, owner: str) -> bool:
        """Whether channels may hang by other rules than today's, or where they hung while more was to come."""
        return owner not in self._seen_whole or owner in self._unsettled

    def _tell(self, owner: str, diff: Diff, *, complete: bool) -> None:
        self._bus.tell(
            CatalogChanged(
                owner,
                diff.added[:MOST_TOLD],
                diff.changed[:MOST_TOLD],
                diff.removed[:MOST_TOLD],
                len(diff.added),
                len(diff.changed),
                len(diff.removed),
                complete,
            )
        )


def _kept_name_of(row: Row) -> tuple[str, str, str, float]:
    known: dict[str, Any] = row  # columns are typed by the table
    return known["owner"], known["code"], known["name"], known["gone_at"]
