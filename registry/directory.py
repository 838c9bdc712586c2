"""The way into the library: devices, channels and the tree. Stores first, then tells the bus."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any, TypeVar

import msgspec

from gb28181.manscdp.catalog import Item
from gb28181.slim_set import SlimSet
from registry.accounts import Accounts
from registry.archive import Archive
from registry.branch import Branch, channel_id, device_id
from registry.catalog import LONGEST_CODE, Diff, Directories, as_item, search_keys, search_line
from registry.channel import Channel
from registry.device import Device, Presence
from registry.device_book import DeviceBook, DeviceQuery, refusal_row, row_of
from registry.divisions import Divisions
from registry.events import (
    Bus,
    CatalogChanged,
    ChannelStatusChanged,
    CountsChanged,
    DeviceCameOnline,
    DeviceChanged,
    DeviceRemoved,
    DeviceWentOffline,
    RegistrationRefused,
    SharingChanged,
    UpperChanged,
    UpperStateChanged,
)
from registry.finder import Finder, written
from registry.forest import Draft, Forest, Holding, Node
from registry.lineage import platforms_to
from registry.merging import News, aside, lay_in, sort_catalog, sort_notice, write_draft, write_names
from registry.names_kept import NamesKept
from registry.pinyin import open_dictionary
from registry.platform import Upper, UpperState, upper_row
from registry.refusal import RefusalSeen
from registry.seals import SealBook
from registry.sharing import ShareAs, ShareRule, Sharing
from registry.source import OwnSource, source_of, source_row
from registry.store.alarm_promise import AlarmShelf
from registry.store.fix_promise import FixShelf
from registry.store.memory import MemoryStore
from registry.store.promise import LINES_PAGE, ChannelRow, Row, SearchLine, SentRow, Shelf, Store, Writing
from registry.store.sql import SqlStore
from registry.tree import NodeKind, Page, TreeNode
from registry.upper_book import UpperBook
from registry.ways import HOUSE, Camera, Leaving, Ways, camera_of, may_be_shared

__all__ = ["DeviceQuery", "Directory", "Hit"]

log = logging.getLogger(__name__)

T = TypeVar("T")

FLUSH_S = 0.25
"""How often presence is written and counted."""
HEARD_FLUSH_S = 1.0
"""How often the times of last heartbeats are written."""
LONGEST_PAGE = 1_000
MOST_TOLD = 1_000
"""Codes named in one event; the counts are whole."""

_read_token = msgspec.json.Decoder(tuple[str, str, str, str]).decode


@dataclass(frozen=True, slots=True)
class Hit:
    """A channel that a search found, and the names of the nodes above it, from the root down."""

    channel: Channel
    path: tuple[str, ...]


class Directory:
    """The library. `open` it, `close` it; in between ask freely.

    What is noted of devices (`note_...`) is true in memory at once and written in batches; all else is written before
    the call returns. A change is stored whole or not at all, and only then told.
    """

    accounts: Accounts
    archive: Archive
    seals: SealBook

    def __init__(self, bus: Bus, *, clock: Callable[[], float] = time.time, divisions: Divisions | None = None) -> None:
        self.bus = bus
        self.divisions = divisions if divisions is not None else Divisions.load()
        self._clock = clock
        self._book = DeviceBook()
        self._above = UpperBook()
        self._forest = Forest(self.divisions)
        self._ways = Ways()
        self._finder = Finder()
        self._directories: dict[str, Directories] = {}
        self._flips: set[str] = set()
        self._names_kept = NamesKept()
        self._sources: dict[str, OwnSource] = {}
        self._seen_whole: set[str] = set()  # whose whole catalog came since we opened
        self._unsettled: set[str] = set()  # some of whose channels may stand elsewhere than they belong
        self._one_at_a_time = asyncio.Lock()
        self._one_indexer = asyncio.Lock()  # taken in the order in which changes were stored
        self._closing = asyncio.Event()
        self._indexed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()  # whatever they give goes to whoever awaits them
        self._store: Store = MemoryStore()
        self.accounts = Accounts(self._store, clock=clock)
        self.archive = Archive(self._store)
        self.seals = SealBook(self._store, clock=clock)

    def __repr__(self) -> str:
        whole = sum((self._forest.held_by(owner).cameras for owner in self._forest.holdings), 0)
        return f"Directory({len(self._book.devices)} devices, {whole} cameras, {len(self._forest.nodes)} nodes)"

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
        self._store = MemoryStore() if url == "memory:" else SqlStore(url)
        await self._store.open()
        self.accounts = Accounts(self._store, clock=self._clock)
        await self.accounts.open()
        self.archive = Archive(self._store)
        await self.archive.open()
        self.seals = SealBook(self._store, clock=self._clock)
        await self.seals.open()
        self._book.load(await self._store.load(Shelf.DEVICES), await self._store.load(Shelf.REFUSALS))
        self._above.load(
            await self._store.load(Shelf.UPPERS),
            await self._store.load(Shelf.SHARE_RULES),
            await self._store.load(Shelf.SHARE_NAMES),
        )
        for row in await self._store.load(Shelf.DIRECTORIES):
            mine = self._directories.setdefault(str(row["owner"]), {})
            mine[str(row["code"])] = (str(row["kind"]), as_item(str(row["said"])))
        self._forest.load(
            [_node_of(row) for row in await self._store.load(Shelf.NODES)],
            [Branch(owner, directories) for owner, directories in self._directories.items()],
            [_holding_of(row) for row in await self._store.load(Shelf.HOLDINGS)],
        )
        self._sources = {str(row["code"]): source_of(row) for row in await self._store.load(Shelf.SOURCES)}
        self._names_kept.load(_kept_name_of(row) for row in await self._store.load(Shelf.NAMES_KEPT))
        await self._find_ways()
        self._flips.update(self._book.devices)
        # Nothing changes until all is indexed, or a channel might be indexed twice; questions are answered meanwhile.
        await self._one_at_a_time.acquire()
        self._keep(self._index_all())
        self._keep(self._flush_now_and_then())

    async def _find_ways(self) -> None:
        """Which cameras several platforms have, as it is stored."""
        cameras: dict[Camera, int] = {}
        after, more = "", True
        while more:
            codes = await self._store.shared(after, LINES_PAGE)
            rows = sorted(await self._store.alike(codes), key=lambda row: row.code) if codes else []
            for _, alike in groupby(rows, key=lambda row: row.code):
                camera = camera_of(alike)
                if camera:
                    cameras[camera] = cameras.get(camera, 0) + 1
            more = len(codes) == LINES_PAGE
            after = codes[-1] if codes else ""
        self._ways.settle(self._forest, cameras, Leaving(is_stirred=True))

    async def close(self) -> None:
        """Write what waits, and let the store go."""
        self._closing.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self.flush()
            await self.accounts.close()
        finally:
            await self._store.close()

    async def flush(self) -> None:
        """Write now what was noted of devices, and count cameras anew where one came or went."""
        await self._whole(self._flush(heard=True))

    async def _index_all(self) -> None:
        try:
            await asyncio.to_thread(open_dictionary)
            await self._index_pages()
        except Exception:
            log.exception("the search index is incomplete; search finds what was read until now")
        finally:
            self._indexed.set()
            self._one_at_a_time.release()

    async def _index_pages(self) -> None:
        after = ("", "")
        while lines := await self._store.lines(after, LINES_PAGE):
            if self._closing.is_set():
                return
            await asyncio.to_thread(self._index_some, lines)
            after = (lines[-1].owner, lines[-1].code)

    def _index_some(self, lines: Sequence[SearchLine]) -> None:
        for owner, some in groupby(lines, key=lambda line: line.owner):
            self._finder.add(owner, map(written, some))

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
        return self._book.page(query, after, _bounded(limit))

    async def add_device(self, device: Device) -> Device:
        """ValueError when the code is known or cannot be one."""
        return await self._whole(self._add_device(device))

    async def _add_device(self, device: Device) -> Device:
        _check_code(device.code)
        if device.code in self._book.devices:
            raise ValueError(f"device {device.code} is known already")
        if device.added_at is None:
            device = msgspec.structs.replace(device, added_at=self._clock())
        async with self._change() as (writing, draft):
            if device.code in self._book.devices:
                raise ValueError(f"device {device.code} is known already")
            draft.plant(device.code, device.shown_name, lit=_is_lit(device))
            await writing.put(Shelf.DEVICES, [row_of(device)])
        self._book.devices[device.code] = device
        self.bus.tell(DeviceChanged(device.code))
        return device

    async def change_device(self, code: str, **changes: Any) -> Device:
        """LookupError for an unknown code, ValueError for an unknown field; `changes` are fields of `Device`."""
        return await self._whole(self._change_device(code, changes))

    async def _change_device(self, code: str, changes: Mapping[str, object]) -> Device:
        device = self._book.change(code, changes)
        async with self._change() as (writing, draft):
            device = self._book.devices.get(code, device)
            if code in self._book.devices:
                draft.rename(device_id(code), device.shown_name)
                draft.light(code, _is_lit(device))
                await writing.put(Shelf.DEVICES, [row_of(device)])
        self._recount(code)
        self.bus.tell(DeviceChanged(code))
        return self._book.devices.get(code, device)

    async def remove_device(self, code: str) -> None:
        """With its channels and its part of the tree; LookupError for an unknown code."""
        await self._whole(self._remove_device(code))

    async def _remove_device(self, code: str) -> None:
        if code not in self._book.devices:
            raise LookupError(f"no device {code}")
        async with self._change() as (writing, draft):
            draft.uproot(code)
            draft.cameras = self._ways.without(code)
            parting = self._names_kept.forget(code)
            await writing.remove(Shelf.NAMES_KEPT, parting.dropped)
            await writing.drop_owner(code)
            await writing.remove(Shelf.DEVICES, [(code,)])
            await self._unseal(writing, code, is_known=code in self._above.uppers)
        self._book.devices.pop(code, None)
        self._book.dirty.discard(code)
        self._book.heard.pop(code, None)
        self._directories.pop(code, None)
        self._names_kept.adopt(parting)
        self._seen_whole.discard(code)
        self._unsettled.discard(code)
        async with self._one_indexer:
            self._finder.drop(code)
        self.bus.tell(DeviceRemoved(code))

    async def _unseal(self, writing: Writing, code: str, *, is_known: bool) -> None:
        """What was agreed with a neighbour goes with it, unless it is one on the other side as well."""
        if not is_known:
            await writing.remove(Shelf.SEALS, [(code,)])
            self.seals.forget(code)

    # What signalling notes of devices: at once in memory, later on disk.

    def note_presence(self, code: str, presence: Presence, reason: str, at: float, *, first: bool = False) -> None:
        """Tells `DeviceCameOnline` or `DeviceWentOffline` when that is new, or when it is `first` (it should be asked
        anew what it has). Unknown codes are passed over."""
        before = self._book.devices.get(code)
        if before is None:
            return
        changes: dict[str, object] = {"presence": presence, "presence_reason": reason}
        if presence is not before.presence:
            changes["presence_since"] = at
        device = self._book.change(code, changes)
        self._flips.add(code)
        self._recount(code)
        came = presence is Presence.ONLINE and (first or not before.is_online)
        left = presence is Presence.OFFLINE and before.presence is not Presence.OFFLINE
        if came:
            self.bus.tell(DeviceCameOnline(code, reason, at, first or device.catalog_at is None))
        elif left:
            self.bus.tell(DeviceWentOffline(code, reason, at))
        elif device != before:
            self.bus.tell(DeviceChanged(code))

    def note_registration(self, code: str, **changes: Any) -> None:
        """Fields of `Device` that a registration taught us; unknown codes are passed over."""
        before = self._book.devices.get(code)
        if before is not None and self._book.change(code, changes) != before:
            self._flips.add(code)
            self.bus.tell(DeviceChanged(code))

    def note_heard_many(self, heard: Mapping[str, float]) -> None:
        self._book.note_heard(heard)

    def note_refusal(self, refusal: RefusalSeen) -> None:
        """Of a known device or of a stranger; strangers are bounded in number."""
        self.bus.tell(RegistrationRefused(self._book.note_refusal(refusal)))

    def refusals(self, limit: int = 100) -> list[RefusalSeen]:
        """The newest first, one for each code."""
        newest = reversed(self._book.refusals.values())
        return [seen for seen, _ in zip(newest, range(limit), strict=False)]

    def forget_refusal(self, code: str) -> None:
        self._book.forget_refusal(code)

    # Channels.

    async def channel(self, owner: str, code: str) -> Channel | None:
        rows = await self._store.channels([(owner, code)])
        return self._channel(rows[0]) if rows else None

    async def find_channel(self, code: str) -> list[Channel]:
        """Channels with this code, whoever owns them."""
        return [self._channel(row) for row in await self._store.namesakes(code, LONGEST_PAGE)]

    async def channels_of(self, owner: str, after: str | None = None, limit: int = 100) -> Page[Channel]:
        """`after` is the code of the last channel shown."""
        limit = _bounded(limit)
        rows = await self._store.channels_of(owner, after or "", limit + 1)
        shown = rows[:limit]
        total = self._forest.held_by(owner).channels
        return Page(tuple(self._channel(r) for r in shown), shown[-1].code if len(rows) > limit else None, total)

    async def search(
        self, text: str, limit: int = 20, *, online_only: bool = False, playable_only: bool = False
    ) -> list[Hit]:
        """The best matches first: by the beginning of the code, part of a name, pinyin initials or full pinyin."""
        limit = _bounded(limit)
        wanted = limit if not online_only else LONGEST_PAGE
        keys = await self._store.beginning(text.strip(), wanted) if _may_begin_a_code(text.strip()) else []
        await self._indexed.wait()
        keys += await asyncio.to_thread(self._finder.search, text, wanted, playable_only=playable_only)
        order = {key: at for at, key in reversed([*enumerate(keys)])}
        rows = await self._store.channels(list(order))
        rows.sort(key=lambda row: order[row.owner, row.code])
        leaves = await self._leaves([row for row in rows if row.playable or not playable_only])
        once = {leaf.code if leaf.ways else leaf.id: leaf for leaf in reversed(leaves)}
        chosen = [leaf for leaf in leaves if once[leaf.code if leaf.ways else leaf.id] is leaf]
        channels = [leaf.channel for leaf in chosen if leaf.channel is not None and (leaf.online or not online_only)]
        return [
            Hit(channel, tuple(node.name for node in self._forest.path(channel.places[0])))
            for channel in channels[:limit]
        ]

    def platforms_to(self, channel: Channel) -> tuple[str, ...]:
        """The platforms between us and a channel, its owner first, by the owner's catalog; () for a device of ours."""
        device = self._book.devices.get(channel.owner)
        if device is None or not device.is_platform:
            return ()
        return platforms_to(channel.owner, channel.said, self._directories.get(channel.owner, {}))

    async def note_channel_status(self, owner: str, online: Mapping[str, bool]) -> Diff:
        """The owner's word on the state of some channels; `Diff.unknown` are those we do not hold."""
        return await self._whole(self._lay_in(owner, News(online=dict(online)), complete=False))

    async def rename_channel(self, owner: str, code: str, name_here: str | None) -> Channel:
        """Our own name for a channel (None: the owner's again); LookupError when it is not there."""
        return await self._whole(self._rename_channel(owner, code, name_here or None))

    async def _rename_channel(self, owner: str, code: str, name_here: str | None) -> Channel:
        async with self._change() as (writing, _):
            rows = await writing.these(owner, [code])
            if not rows:
                raise LookupError(f"{owner} has no channel {code}")
            row = rows[0]._replace(name_here=name_here, keys=search_keys(rows[0].name, name_here))
            await writing.put_channels([row])
        await self._index(owner, {code: search_line(row)}, ())
        self._tell_catalog(owner, Diff(changed=(code,)), complete=True)
        return self._channel(row)

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
        return await self._whole(self._lay_in(owner, news, complete=complete, told=told, more=more))

    async def settle(self, owner: str) -> None:
        """No more comes of a catalog of which pieces came: hang their channels where they belong."""
        if owner in self._unsettled:
            await self._whole(self._lay_in(owner, News(), complete=False, anew=True))

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
        return await self._whole(self._conclude(owner, seen, named, told))

    async def _conclude(
        self, owner: str, seen: Collection[str] | SlimSet, named: Collection[str], told: Mapping[str, object]
    ) -> Diff:
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
        anew = owner not in self._seen_whole or owner in self._unsettled
        diff = await self._lay_in(owner, news, complete=False, told=told, anew=anew)
        self._seen_whole.add(owner)
        return diff

    async def apply_notice(self, owner: str, items: Sequence[Item], *, at: float | None = None) -> Diff:
        """Take in news of a catalog (GB/T 28181-2022 9.11.4); `Diff.unknown` asks for a catalog query."""
        return await self._whole(self._lay_in(owner, sort_notice(items), complete=False))

    async def _lay_in(
        self,
        owner: str,
        news: News,
        *,
        complete: bool,
        told: Mapping[str, object] | None = None,
        anew: bool = False,
        more: bool = False,
    ) -> Diff:
        async with self._change() as (writing, draft):
            if owner not in self._book.devices:
                raise LookupError(f"no device {owner} whose catalog this could be")
            before = self._directories.get(owner, {})
            if not before and not self._forest.held_by(owner).channels:
                self._seen_whole.add(owner)  # whatever we come to hold of it is placed by the rules of today
            anew = anew or (complete and (owner not in self._seen_whole or owner in self._unsettled))
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
        await self._index(owner, outcome.lines, outcome.unlisted, outcome.fresh)
        if told and owner in self._book.devices:
            self._book.change(owner, told)
        self._recount(owner)
        if not outcome.diff.is_empty or told:
            self._tell_catalog(owner, outcome.diff, complete=complete or bool(told and told.get("catalog_complete")))
            self.bus.tell(DeviceChanged(owner))
        for code, online in list(outcome.flipped.items())[:MOST_TOLD]:
            self.bus.tell(ChannelStatusChanged(owner, code, online))
        return outcome.diff

    async def _index(
        self, owner: str, lines: Mapping[str, bytes], unlisted: Sequence[str], fresh: Sequence[bytes] = ()
    ) -> None:
        async with self._one_indexer:
            if lines or unlisted:
                await asyncio.to_thread(self._finder.change, owner, lines, unlisted)
            if fresh:
                await aside(len(fresh), lambda: self._finder.add(owner, fresh))

    def _tell_catalog(self, owner: str, diff: Diff, *, complete: bool) -> None:
        self.bus.tell(
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

    # The tree.

    async def children(self, node: str | None = None, after: str | None = None, limit: int = 100) -> Page[TreeNode]:
        """What stands directly in a node (None: the roots): inner nodes first, then channels, each by code.

        `after` is the last page's `next`; ValueError when it is not. An unknown node has no children.
        """
        limit = _bounded(limit)
        kind, *position = _read_position(after)
        whole = self._forest.nodes.get(node) if node is not None else None
        total = whole.kids + whole.standing + self._ways.excess(whole.id).standing if whole is not None else None
        found: list[TreeNode] = []
        if kind != "channel":
            rank = (position[0], position[1], position[2]) if kind else None
            nodes = self._forest.children(node, rank, limit + 1)
            found = [self._tree_node(inner) for inner in nodes]
            if len(found) > limit:
                return Page(tuple(found[:limit]), _position("node", *nodes[limit - 1].rank), total)
        if whole is None or not whole.standing:
            return Page(tuple(found), None, total)
        start = (position[0], position[1]) if kind == "channel" else ("", "")
        room = limit - len(found)
        rows = await self._store.standing(whole.id, start, room + 1)
        shown = await self._leaves(rows[:room], whole.id)
        if len(rows) <= room:
            return Page((*found, *shown), None, total)
        last = (rows[room - 1].code, rows[room - 1].owner) if room else start
        return Page((*found, *shown), _position("channel", *last, ""), total)

    async def _leaves(self, rows: Sequence[ChannelRow], place: str | None = None) -> list[TreeNode]:
        """Each camera once, under the first of those who have it `place`d there: with all its ways, and online when
        one of them is."""
        codes = [row.code for row in rows if may_be_shared(row.owner, row) and self._ways.has(row.owner)]
        alike: dict[str, list[ChannelRow]] = {}
        for row in sorted(await self._store.alike(codes)) if codes else ():
            if may_be_shared(row.owner, row):
                alike.setdefault(row.code, []).append(row)
        leaves = []
        for row in rows:
            fellows = alike.get(row.code, []) if may_be_shared(row.owner, row) else []
            here = next((other.owner for other in fellows if place in other.places), row.owner)
            if place is None or here == row.owner:
                leaves.append(self._leaf(row, place or row.place, fellows))
        return leaves

    async def node(self, node: str) -> TreeNode | None:
        return (await self.nodes((node,))).get(node)

    async def nodes(self, nodes: Iterable[str]) -> dict[str, TreeNode]:
        """Those of many nodes that are there, by id."""
        found: dict[str, TreeNode] = {}
        leaves: list[tuple[str, str]] = []
        for node in nodes:
            inner = self._forest.nodes.get(node)
            owner, _, code = node.removeprefix("channel:").partition("/")
            if inner is not None:
                found[node] = self._tree_node(inner)
            elif code and node.startswith("channel:"):
                leaves.append((owner, code))
        for leaf in await self._leaves(await self._store.channels(leaves)) if leaves else ():
            found[leaf.id] = leaf
        return found

    async def path_to(self, node: str) -> list[TreeNode]:
        """The node and those above it, from the root down; a channel's path goes by its home. Empty for an unknown."""
        leaf = None if node in self._forest.nodes else await self.node(node)
        path = [self._tree_node(inner) for inner in self._forest.path(leaf.parent or "" if leaf is not None else node)]
        return [*path, leaf] if leaf is not None else path

    # Platforms above, and what each may see.

    def uppers(self) -> tuple[Upper, ...]:
        return tuple(self._above.uppers.values())

    def upper(self, code: str) -> Upper | None:
        return self._above.uppers.get(code)

    async def add_upper(self, upper: Upper) -> Upper:
        """ValueError when its code is known already."""
        if upper.added_at is None:
            upper = replace(upper, added_at=self._clock())
        return await self._whole(self._put_upper(upper, new=True))

    async def change_upper(self, code: str, **changes: Any) -> Upper:
        """LookupError for an unknown code, ValueError for a field it has not or that cannot be meant."""
        return await self._whole(self._put_upper(self._above.changed(code, changes), new=False))

    async def _put_upper(self, upper: Upper, *, new: bool) -> Upper:
        async with self._change() as (writing, _):
            before = self._above.uppers.get(upper.code)
            if new and before is not None:
                raise ValueError(f"platform {upper.code} is known already")
            if not new and before is None:
                raise LookupError(f"no platform above is {upper.code}")
            await writing.put(Shelf.UPPERS, [upper_row(upper)])
        self._above.put(upper)
        if upper != before:
            self.bus.tell(UpperChanged(upper.code))
        if before is not None and _shows(upper) != _shows(before):
            self.bus.tell(SharingChanged(upper.code))
        return upper

    async def remove_upper(self, code: str) -> None:
        """With its rules and all we know of what it was told; LookupError for an unknown code."""
        await self._whole(self._remove_upper(code))

    async def _remove_upper(self, code: str) -> None:
        async with self._change() as (writing, _):
            if code not in self._above.uppers:
                raise LookupError(f"no platform above is {code}")
            await self._put_sharing(writing, code, Sharing())
            await writing.forget_sent(code)
            await writing.remove(Shelf.UPPERS, [(code,)])
            await self._unseal(writing, code, is_known=code in self._book.devices)
        self._above.drop(code)
        self.bus.tell(UpperChanged(code))

    async def share(self, upper: str, rules: Sequence[ShareRule], names: Sequence[ShareAs] = ()) -> Sharing:
        """In place of all rules and names before. LookupError for an unknown platform, ValueError when they
        contradict each other."""
        return await self._whole(self._share(upper, tuple(rules), tuple(names)))

    async def _share(self, code: str, rules: tuple[ShareRule, ...], names: tuple[ShareAs, ...]) -> Sharing:
        async with self._change() as (writing, _):
            upper = self._above.uppers.get(code)
            if upper is None:
                raise LookupError(f"no platform above is {code}")
            before = self._above.sharing(code)
            after = Sharing(rules, names, share_all=upper.share_all, secrecy=upper.secrecy)
            await self._put_sharing(writing, code, after)
        self._above.put(self._above.uppers.get(code, upper), rules, names)
        if after != before:
            self.bus.tell(SharingChanged(code))
        return after

    async def _put_sharing(self, writing: Writing, code: str, after: Sharing) -> None:
        before = self._above.sharing(code)
        nodes = {rule.node for rule in after.rules}
        things = {(name.owner, name.code) for name in after.names}
        await writing.remove(Shelf.SHARE_RULES, [(code, rule.node) for rule in before.rules if rule.node not in nodes])
        gone = [(code, name.owner, name.code) for name in before.names if (name.owner, name.code) not in things]
        await writing.remove(Shelf.SHARE_NAMES, gone)
        await writing.put(
            Shelf.SHARE_RULES, [{"upper": code, "node": rule.node, "include": rule.include} for rule in after.rules]
        )
        await writing.put(Shelf.SHARE_NAMES, [{"upper": code, **asdict(name)} for name in after.names])

    async def sharing(self, upper: str) -> Sharing:
        """Nothing is shared with a stranger."""
        return self._above.sharing(upper)

    def note_upper_state(self, state: UpperState) -> None:
        """In memory only. Strangers are passed over; tells `UpperStateChanged` when it is new."""
        if state.code in self._above.uppers and self._above.states.get(state.code) != state:
            self._above.states[state.code] = state
            self.bus.tell(UpperStateChanged(state.code))

    def upper_state(self, code: str) -> UpperState | None:
        """None until something was noted of it."""
        return self._above.states.get(code)

    # Sources of our own; how they stand in the tree is `own_sources`' to say.

    def sources(self) -> Mapping[str, OwnSource]:
        return self._sources

    async def keep_source(self, source: OwnSource) -> None:
        """A new one, or in place of the one with its code."""
        await self._whole(self._keep_source(source))

    async def _keep_source(self, source: OwnSource) -> None:
        async with self._store.writing() as writing:
            await writing.put(Shelf.SOURCES, [source_row(source)])
        self._sources[source.code] = source

    async def drop_source(self, code: str) -> None:
        """Harmless when it is not there."""
        await self._whole(self._drop_source(code))

    async def _drop_source(self, code: str) -> None:
        async with self._store.writing() as writing:
            await writing.remove(Shelf.SOURCES, [(code,)])
        self._sources.pop(code, None)

    # What the renderer of catalogs for platforms above reads and keeps.

    def directories(self) -> Mapping[str, Directories]:
        """The directories of every neighbour, by its code; each neighbour's are replaced as a whole, never changed."""
        return self._directories

    def is_lit(self, owner: str) -> bool:
        """Whether what this neighbour has may count as online."""
        device = self._book.devices.get(owner)
        return device is not None and _is_lit(device)

    def says_on(self, owner: str, code: str) -> bool:
        """What a neighbour last said of the state of one of its directories."""
        entry = self._directories.get(owner, {}).get(code)
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

    async def sent(self, upper: str, after: tuple[str, str], limit: int) -> list[SentRow]:
        """What a platform above was told, in order of (code, code there), after that pair."""
        return await self._store.sent(upper, after, limit)

    async def sent_of(self, upper: str, codes: Sequence[str]) -> list[SentRow]:
        return await self._store.sent_of(upper, codes)

    async def sent_count(self, upper: str) -> int:
        return await self._store.sent_count(upper)

    async def keep_sent(
        self, upper: str, told: Sequence[SentRow], online: Mapping[str, bool], gone: Sequence[str]
    ) -> None:
        """A platform above was told these things, these states, and that these are gone (by their codes there)."""
        await self._whole(self._keep_sent(upper, told, online, gone))

    async def _keep_sent(
        self, upper: str, told: Sequence[SentRow], online: Mapping[str, bool], gone: Sequence[str]
    ) -> None:
        async with self._store.writing() as writing:
            if upper in self._above.uppers:
                await writing.put_sent(told)
                await writing.set_sent_online(upper, online)
                await writing.drop_sent(upper, gone)

    async def forget_sent(self, upper: str) -> None:
        """A platform above knows nothing of us."""
        await self._whole(self._forget_sent(upper))

    async def _forget_sent(self, upper: str) -> None:
        async with self._store.writing() as writing:
            await writing.forget_sent(upper)

    # Servants.

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[tuple[Writing, Draft]]:
        """One transaction and one draft of the tree, stored together, then true, then told."""
        async with self._one_at_a_time:
            draft = Draft(self._forest)
            async with self._store.writing() as writing:
                yield writing, draft
                await write_draft(writing, draft)
            moved = dict.fromkeys(draft.moved)
            leaving = self._ways.leave(self._forest, draft)
            self._forest.adopt(draft)
            work = len(draft.cameras) + leaving.is_stirred * len(self._ways)
            moved |= dict.fromkeys(await aside(work, lambda: self._ways.settle(self._forest, draft.cameras, leaving)))
        told = tuple((id, *self._counts(node)) for id in moved if (node := self._forest.nodes.get(id)) is not None)
        if told:
            self.bus.tell(CountsChanged(told))

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it to its end even when the caller loses patience, for disk and memory must say the same."""
        return await asyncio.shield(self._keep(work))

    def _keep(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _flush_now_and_then(self) -> None:
        heard_at = 0.0
        loop = asyncio.get_running_loop()
        while not self._closing.is_set():
            try:
                async with asyncio.timeout(FLUSH_S):
                    await self._closing.wait()
            except TimeoutError:
                heard = loop.time() - heard_at >= HEARD_FLUSH_S
                if heard:
                    heard_at = loop.time()
                try:
                    await self._flush(heard=heard)
                except Exception:
                    log.exception("what was noted of devices could not be written; it is kept and tried again")

    async def _flush(self, *, heard: bool) -> None:
        book = self._book
        if not (self._flips or book.dirty or book.dirty_refusals or (heard and book.heard)):
            return
        flips, self._flips = self._flips, set()
        dirty, book.dirty = book.dirty, set()
        refusals, book.dirty_refusals = book.dirty_refusals, set()
        times: dict[str, float] = {}
        if heard:
            times, book.heard = book.heard, {}
        try:
            async with self._change() as (writing, draft):
                flipped = [book.devices[code] for code in flips if code in book.devices]

                def count() -> None:
                    for device in flipped:
                        draft.rename(device_id(device.code), device.shown_name)
                        draft.light(device.code, _is_lit(device))

                await aside(sum(len(self._forest.holdings.get(code, ())) for code in flips), count)
                await writing.put(Shelf.DEVICES, [row_of(book.devices[code]) for code in dirty if code in book.devices])
                await writing.heard({code: at for code, at in times.items() if code not in dirty})
                kept = [refusal_row(book.refusals[code]) for code in refusals if code in book.refusals]
                await writing.put(Shelf.REFUSALS, kept)
                await writing.remove(Shelf.REFUSALS, [(code,) for code in refusals if code not in book.refusals])
        except BaseException:
            self._flips |= flips
            book.dirty |= dirty
            book.dirty_refusals |= refusals
            book.heard = times | book.heard
            raise

    def _recount(self, code: str) -> None:
        device = self._book.devices.get(code)
        if device is not None:
            whole = self._forest.held_by(code)
            online = whole.online if _is_lit(device) else 0
            self._book.change(code, {"channels_total": whole.cameras, "channels_online": online})

    def _channel(self, row: ChannelRow) -> Channel:
        device = self._book.devices.get(row.owner)
        online = row.online and device is not None and _is_lit(device)
        return Channel(row.owner, as_item(row.said), row.name_here, online, row.playable, row.keys, row.places)

    def _tree_node(self, node: Node) -> TreeNode:
        counts = self._counts(node)
        return TreeNode(node.id, node.kind, node.code, node.name, node.parent, *counts, node.has_children, node.owner)

    def _counts(self, node: Node) -> tuple[int, int]:
        """Online and total."""
        more = self._ways.excess(node.id)
        return node.online + more.online, node.total + more.total

    def _leaf(self, row: ChannelRow, parent: str, fellows: Sequence[ChannelRow] = ()) -> TreeNode:
        channel = self._channel(row)
        online = channel.online or any(self._channel(other).online for other in fellows)
        total = int(channel.playable)
        return TreeNode(
            channel_id(row.owner, row.code),
            NodeKind.CHANNEL,
            row.code,
            channel.name,
            parent,
            int(online) * total,
            total,
            False,
            row.owner,
            channel if online == channel.online else replace(channel, online=online),
            tuple(other.owner for other in fellows) if len(fellows) > 1 else (),
        )


def _shows(upper: Upper) -> tuple[object, ...]:
    """The fields on which hangs what it sees."""
    return (upper.share_all, upper.secrecy, upper.arrangement, upper.our_code)


def _is_lit(device: Device) -> bool:
    """Whether its cameras may count as online. Who is unconfirmed was there before we went away, and is not failed."""
    return device.enabled and device.presence in (Presence.ONLINE, Presence.UNCONFIRMED)


def _check_code(code: str) -> None:
    if not 0 < len(code) <= LONGEST_CODE or not code.isprintable() or any(c in "/ :" for c in code):
        raise ValueError(
            f"a device's code is 20 digits, or up to {LONGEST_CODE} other signs without blanks, not {code!r}"
        )


def _may_begin_a_code(text: str) -> bool:
    return 2 <= len(text) <= LONGEST_CODE and text.isascii() and any(c.isdigit() for c in text)


def _bounded(limit: int) -> int:
    return max(1, min(limit, LONGEST_PAGE))


def _position(kind: str, *parts: str) -> str:
    return msgspec.json.encode((kind, *parts)).decode()


def _read_position(token: str | None) -> tuple[str, str, str, str]:
    if token is None:
        return ("", "", "", "")
    try:
        return _read_token(token)
    except msgspec.DecodeError as error:
        raise ValueError("a page continues by the `next` of the page before it") from error


def _node_of(row: Row) -> Node:
    known: dict[str, Any] = dict(row)  # columns are typed by the table
    known["kind"] = NodeKind(known["kind"])
    return Node(**known)


def _kept_name_of(row: Row) -> tuple[str, str, str, float]:
    known: dict[str, Any] = row  # columns are typed by the table
    return known["owner"], known["code"], known["name"], known["gone_at"]


def _holding_of(row: Row) -> tuple[str, tuple[str, ...], Holding]:
    known: dict[str, Any] = row  # columns are typed by the table
    counts = Holding(known["channels"], known["cameras"], known["online"])
    return known["owner"], tuple(known["places"].split("\n")), counts
