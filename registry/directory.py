"""The way into the library: devices, channels and the tree. Stores first, then tells the bus."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from gb28181.manscdp.catalog import Item
from gb28181.slim_set import SlimSet
from registry.accounts import Accounts
from registry.archive import Archive
from registry.catalog import Diff, Directories
from registry.catalogs import Catalogs
from registry.changes import Changes
from registry.channel import Channel
from registry.device import Device, Presence
from registry.device_book import DeviceBook, DeviceQuery
from registry.devices import Devices
from registry.divisions import Divisions
from registry.events import Bus, DeviceRemoved
from registry.forest import Forest
from registry.forest_kept import find_ways, read_forest
from registry.lineage import platforms_to
from registry.merging import News, sort_catalog, sort_notice
from registry.platform import Upper, UpperState
from registry.refusal import RefusalSeen
from registry.seals import SealBook
from registry.search import Hit, Search
from registry.sent_book import SentBook
from registry.sharing import ShareAs, ShareRule, Sharing
from registry.source_book import SourceBook
from registry.store.alarm_promise import AlarmShelf
from registry.store.fix_promise import FixShelf
from registry.store.memory import MemoryStore
from registry.store.promise import ChannelRow, Store, Writing
from registry.store.sql import SqlStore
from registry.tree import LONGEST_PAGE, Page, TreeNode, bounded
from registry.tree_view import TreeView
from registry.uppers import Uppers
from registry.ways import HOUSE, Ways

__all__ = ["DeviceQuery", "Directory", "Hit"]


class Directory:
    """The library. `open` it, `close` it; in between ask freely.

    What is noted of devices (`note_...`) is true in memory at once and written in batches; all else is written before
    the call returns, and to its end even when the caller is cancelled. A change is stored whole or not at all, and
    only then told.
    """

    accounts: Accounts
    archive: Archive
    seals: SealBook
    sources: SourceBook
    sent: SentBook

    def __init__(self, bus: Bus, *, clock: Callable[[], float] = time.time, divisions: Divisions | None = None) -> None:
        self.bus = bus
        self.divisions = divisions if divisions is not None else Divisions.load()
        self._clock = clock
        self._closing = asyncio.Event()
        self._furnish(MemoryStore())

    def _furnish(self, store: Store) -> None:
        """All that stands on a store, empty."""
        bus, clock = self.bus, self._clock
        self._store = store
        self._book = book = DeviceBook()
        self._forest = forest = Forest(self.divisions)
        self._ways = ways = Ways()
        self._changes = changes = Changes(store, forest, ways, bus)
        self._view = TreeView(store, forest, ways, book)
        self._search = Search(store, forest, self._view)
        self._devices = Devices(book, store, changes, forest, bus, clock)
        self._catalogs = Catalogs(store, changes, forest, book, self._search, bus, clock)
        self._uppers = Uppers(store, changes, bus, clock)
        self.sent = SentBook(store, changes, self._uppers)
        self.sources = SourceBook(store, changes)
        self.accounts = Accounts(store, clock=clock)
        self.archive = Archive(store)
        self.seals = SealBook(store, clock=clock)

    def __repr__(self) -> str:
        whole = sum((self._forest.held_by(owner).cameras for owner in self._forest.holdings), 0)
        return f"Directory({len(self._book.devices)} devices, {whole} cameras, {len(self._forest.nodes)} nodes)"

    def statistics(self) -> Mapping[str, int]:
        """How much is held in memory."""
        return {
            "devices": len(self._book.devices),
            "nodes": len(self._forest.nodes),
            "index_bytes": self._search.size_bytes,
        }

    @property
    def alarms(self) -> AlarmShelf:
        """Where alarms lie; `registry.alarms.Alarms` is the way to them."""
        return self._store.alarms

    @property
    def fixes(self) -> FixShelf:
        """Where places lie; `registry.tracks.Tracks` is the way to them."""
        return self._store.fixes

    # Opening and closing.

    async def open(self, url: str) -> None:
        """`url` is sqlite:///file, postgresql://... or memory: (forgotten at the end); ValueError for another.

        ConnectionError, in one readable sentence without a password, when the database cannot be opened.
        """
        self._furnish(MemoryStore() if url == "memory:" else SqlStore(url))
        await self._store.open()
        for part in (
            self.accounts,
            self.archive,
            self.seals,
            self._devices,
            self._uppers,
            self._catalogs,
            self.sources,
        ):
            await part.open()
        await read_forest(self._store, self._forest, self._catalogs.directories)
        await find_ways(self._store, self._forest, self._ways)
        # Nothing changes until all is indexed, or a channel might be indexed twice; questions are answered meanwhile.
        await self._changes.hold()
        self._changes.begin(self._fill_index())
        self._changes.begin(self._devices.flush_now_and_then(self._closing))

    async def _fill_index(self) -> None:
        try:
            await self._search.fill()
        finally:
            self._changes.release()

    async def close(self) -> None:
        """Write what waits, and let the store go."""
        self._closing.set()
        self._search.leave_off()
        await self._changes.ended()
        try:
            await self.flush()
            await self.accounts.close()
        finally:
            await self._store.close()

    async def flush(self) -> None:
        """Write now what was noted of devices, and count cameras anew where one came or went."""
        await self._changes.whole(self._devices.flush(heard=True))

    # Devices.

    def device(self, code: str) -> Device | None:
        return self._book.devices.get(code)

    def all_devices(self) -> tuple[Device, ...]:
        return tuple(self._book.devices.values())

    def cameras(self) -> tuple[int, int]:
        """How many of all neighbours' cameras are online, and how many there are; one with several ways counts once."""
        more = self._ways.excess(HOUSE)
        known = self._book.devices.values()
        online = sum(device.channels_online for device in known) + more.online
        return max(0, online), max(0, sum(device.channels_total for device in known) + more.total)

    def devices(self, query: DeviceQuery, after: str | None = None, limit: int = 100) -> Page[Device]:
        """ValueError for an unknown sort."""
        return self._book.page(query, after, bounded(limit))

    async def add_device(self, device: Device) -> Device:
        """ValueError when the code is known or cannot be one."""
        return await self._changes.whole(self._devices.add(device))

    async def change_device(self, code: str, **changes: Any) -> Device:
        """LookupError for an unknown code, ValueError for an unknown field; `changes` are fields of `Device`."""
        return await self._changes.whole(self._devices.change(code, changes))

    async def remove_device(self, code: str) -> None:
        """With its channels and its part of the tree; LookupError for an unknown code."""
        await self._changes.whole(self._remove_device(code))

    async def _remove_device(self, code: str) -> None:
        async with self._changes.one() as (writing, draft):
            await self._devices.strike(writing, code)
            draft.uproot(code)
            draft.cameras = self._ways.without(code)
            await self._catalogs.strike(writing, code)
            await self._unseal(writing, code)
        self._devices.forget(code)
        self._catalogs.forget(code)
        await self._search.forget(code)
        self.bus.tell(DeviceRemoved(code))

    async def _unseal(self, writing: Writing, code: str) -> None:
        """What was agreed with a neighbour goes with it, unless it is one on the other side as well."""
        if code not in self._book.devices or self._uppers.of(code) is None:
            await self.seals.strike(writing, code)

    # What signalling notes of devices: at once in memory, later on disk.

    def note_presence(self, code: str, presence: Presence, reason: str, at: float, *, first: bool = False) -> None:
        """Tells `DeviceCameOnline` or `DeviceWentOffline` when that is new, or when it is `first` (it should be asked
        anew what it has). Unknown codes are passed over."""
        self._devices.note_presence(code, presence, reason, at, first=first)

    def note_registration(self, code: str, **changes: Any) -> None:
        """Fields of `Device` that a registration taught us; unknown codes are passed over."""
        self._devices.note_registration(code, changes)

    def note_heard_many(self, heard: Mapping[str, float]) -> None:
        self._book.note_heard(heard)

    def note_refusal(self, refusal: RefusalSeen) -> None:
        """Of a known device or of a stranger; strangers are bounded in number."""
        self._devices.note_refusal(refusal)

    def refusals(self, limit: int = 100) -> list[RefusalSeen]:
        """The newest first, one for each code."""
        return self._book.refused(limit)

    def forget_refusal(self, code: str) -> None:
        self._book.forget_refusal(code)

    # Channels.

    async def channel(self, owner: str, code: str) -> Channel | None:
        rows = await self._store.channels([(owner, code)])
        return self._view.channel(rows[0]) if rows else None

    async def find_channel(self, code: str) -> list[Channel]:
        """Channels with this code, whoever owns them."""
        return [self._view.channel(row) for row in await self._store.namesakes(code, LONGEST_PAGE)]

    async def channels_of(self, owner: str, after: str | None = None, limit: int = 100) -> Page[Channel]:
        """`after` is the code of the last channel shown."""
        limit = bounded(limit)
        rows = await self._store.channels_of(owner, after or "", limit + 1)
        shown = rows[:limit]
        total = self._forest.held_by(owner).channels
        return Page(tuple(map(self._view.channel, shown)), shown[-1].code if len(rows) > limit else None, total)

    async def search(
        self, text: str, limit: int = 20, *, online_only: bool = False, playable_only: bool = False
    ) -> list[Hit]:
        """The best matches first: by the beginning of the code, part of a name, pinyin initials or full pinyin."""
        return await self._search.find(text, limit, online_only=online_only, playable_only=playable_only)

    def platforms_to(self, channel: Channel) -> tuple[str, ...]:
        """The platforms between us and a channel, its owner first, by the owner's catalog; () for a device of ours."""
        device = self._book.devices.get(channel.owner)
        if device is None or not device.is_platform:
            return ()
        return platforms_to(channel.owner, channel.said, self.directories().get(channel.owner, {}))

    async def note_channel_status(self, owner: str, online: Mapping[str, bool]) -> Diff:
        """The owner's word on the state of some channels; `Diff.unknown` are those we do not hold."""
        return await self._changes.whole(self._catalogs.lay_in(owner, News(online=dict(online))))

    async def rename_channel(self, owner: str, code: str, name_here: str | None) -> Channel:
        """Our own name for a channel (None: the owner's again); LookupError when it is not there."""
        renaming = self._catalogs.rename_channel(owner, code, name_here or None)
        return self._view.channel(await self._changes.whole(renaming))

    # Catalogs.

    async def merge(
        self,
        owner: str,
        items: Sequence[Item],
        *,
        complete: bool,
        at: float,
        expected: int | None = None,
        note: str = "",
        more: bool = False,
    ) -> Diff:
        """Take in a catalog. Nothing is deleted unless it is `complete`. LookupError when the owner is unknown.

        When `more` of it is to come, a channel may hang elsewhere than under a directory that comes after it, until
        `conclude` or `settle`. `expected` is what the owner said it has (SumNum), `note` what an operator should read
        about this catalog.
        """
        told: dict[str, object] = {"catalog_at": at, "catalog_complete": complete, "catalog_note": note}
        if expected is not None or complete:
            told["channels_said"] = expected if expected is not None else len(items)
        news = await asyncio.to_thread(sort_catalog, items)
        laying = self._catalogs.lay_in(owner, news, complete=complete, told=told, more=more)
        return await self._changes.whole(laying)

    async def settle(self, owner: str) -> None:
        """No more comes of a catalog of which pieces came: hang their channels where they belong."""
        if self._catalogs.is_unsettled(owner):
            await self._changes.whole(self._catalogs.lay_in(owner, News(), anew=True))

    async def conclude(
        self,
        owner: str,
        seen: Collection[str] | SlimSet,
        named: Collection[str],
        *,
        at: float,
        expected: int | None = None,
        note: str = "",
    ) -> Diff:
        """A whole catalog was taken in piece by piece (`merge`, not complete): remove what is not among those `seen`.

        `named` are the codes that its items name as parents, which makes recorders nodes of the tree whichever piece
        they came in. LookupError when the owner is unknown.
        """
        told: dict[str, object] = {
            "catalog_at": at,
            "catalog_complete": True,
            "catalog_note": note,
            "channels_said": expected if expected is not None else len(seen),
        }
        return await self._changes.whole(self._catalogs.conclude(owner, seen, named, told))

    async def apply_notice(self, owner: str, items: Sequence[Item], *, at: float | None = None) -> Diff:
        """Take in news of a catalog (GB/T 28181-2022 9.11.4); `Diff.unknown` asks for a catalog query."""
        return await self._changes.whole(self._catalogs.lay_in(owner, sort_notice(items)))

    # The tree.

    async def children(self, node: str | None = None, after: str | None = None, limit: int = 100) -> Page[TreeNode]:
        """What stands directly in a node (None: the roots): inner nodes first, then channels, each by code.

        `after` is the last page's `next`; ValueError when it is not. An unknown node has no children.
        """
        return await self._view.children(node, after, limit)

    async def node(self, node: str) -> TreeNode | None:
        return (await self.nodes((node,))).get(node)

    async def nodes(self, nodes: Iterable[str]) -> dict[str, TreeNode]:
        """Those of many nodes that are there, by id."""
        return await self._view.nodes(nodes)

    async def path_to(self, node: str) -> list[TreeNode]:
        """The node and those above it, from the root down; a channel's path goes by its home. Empty for an unknown."""
        return await self._view.path_to(node)

    # Platforms above, and what each may see.

    def uppers(self) -> tuple[Upper, ...]:
        return self._uppers.all()

    def upper(self, code: str) -> Upper | None:
        return self._uppers.of(code)

    async def add_upper(self, upper: Upper) -> Upper:
        """ValueError when its code is known already."""
        return await self._changes.whole(self._uppers.add(upper))

    async def change_upper(self, code: str, **changes: Any) -> Upper:
        """LookupError for an unknown code, ValueError for a field it has not or that cannot be meant."""
        return await self._changes.whole(self._uppers.change(code, changes))

    async def remove_upper(self, code: str) -> None:
        """With its rules and all we know of what it was told; LookupError for an unknown code."""
        await self._changes.whole(self._remove_upper(code))

    async def _remove_upper(self, code: str) -> None:
        async with self._changes.one() as (writing, _):
            await self._uppers.strike(writing, code)
            await self._unseal(writing, code)
        self._uppers.forget(code)

    async def share(self, upper: str, rules: Sequence[ShareRule], names: Sequence[ShareAs] = ()) -> Sharing:
        """In place of all rules and names before. LookupError for an unknown platform, ValueError when they
        contradict each other."""
        return await self._changes.whole(self._uppers.share(upper, tuple(rules), tuple(names)))

    async def sharing(self, upper: str) -> Sharing:
        """Nothing is shared with a stranger."""
        return self._uppers.sharing(upper)

    def note_upper_state(self, state: UpperState) -> None:
        """In memory only. Strangers are passed over; tells `UpperStateChanged` when it is new."""
        self._uppers.note_state(state)

    def upper_state(self, code: str) -> UpperState | None:
        """None until something was noted of it."""
        return self._uppers.state(code)

    # What the renderer of catalogs for platforms above reads; what it told them it keeps in `sent`.

    def directories(self) -> Mapping[str, Directories]:
        """The directories of every neighbour, by its code; each neighbour's are replaced as a whole, never changed."""
        return self._catalogs.directories

    def is_lit(self, owner: str) -> bool:
        """Whether what this neighbour has may count as online."""
        return self._book.is_lit(owner)

    def says_on(self, owner: str, code: str) -> bool:
        """What a neighbour last said of the state of one of its directories."""
        entry = self.directories().get(owner, {}).get(code)
        return entry is None or entry[1].status_on

    def chain(self, node: str) -> tuple[str, ...]:
        """Ids of an inner node and of those above it, going up; empty when it is not there."""
        return tuple(node.id for node in reversed(self._forest.path(node)))

    async def rows_in_order(self, after: tuple[str, str], limit: int) -> list[ChannelRow]:
        """All channels of all neighbours as they are kept, in order of (code, owner), after that pair."""
        return await self._store.export_rows(after, limit)

    async def rows_of(self, owner: str, after: str, limit: int) -> list[ChannelRow]:
        """Channels of one neighbour as they are kept, in order of code, after that one."""
        return await self._store.channels_of(owner, after, limit)

    async def rows_alike(self, codes: Sequence[str]) -> list[ChannelRow]:
        """Channels of any neighbour with these codes, as they are kept."""
        return await self._store.alike(codes)
