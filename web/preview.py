"""What a platform above will see, as a tree: the very items it is sent, hung up as a platform of ours hangs them.

A preview is rendered whole, for a tree can only be drawn from all of it, and kept small and for a short while, so that
a console that opens branch after branch gets one picture and asks for one rendering.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gb28181.manscdp.catalog import Item
from registry.branch import REGION, Branch, directory_kind, parent_codes
from registry.channel import is_main_device, is_playable
from registry.divisions import short_code
from registry.events import Bus, Event, SharingChanged, UpperChanged
from registry.exporting import Exporter
from registry.platform import Upper
from registry.tree import NodeKind
from web.errors import Problem

OWN = "own"
PAGE = 500
KEPT_S = 30.0
MOST_KEPT = 2
MOST_DRAWN = 300_000
"""Things of one preview; each takes about 600 bytes while it is kept."""

_RANK = {kind: rank for rank, kind in enumerate((OWN, *NodeKind))}


@dataclass(slots=True)
class Entry:
    """One thing that will be seen. `total` and `online` count the distinct cameras anywhere below it."""

    code: str
    name: str
    kind: str
    is_on: bool
    secrecy: bool
    parents: tuple[str, ...] = ()
    children: list[tuple[int, str]] = field(default_factory=list)
    """(rank of the kind, code), in order: what stands directly in it."""
    online: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class _Leaf:
    """Of an item that is no directory, what its place is worked out from."""

    code: str
    parents: tuple[str, ...]
    civil_code: str
    business_group: str


class Preview:
    """The tree of one rendering. `own` is our code there: the root."""

    def __init__(self, own: str, name: str, rendered_at: float) -> None:
        self.own = own
        self.rendered_at = rendered_at
        self.total = 0
        self.entries: dict[str, Entry] = {own: Entry(own, name, OWN, True, False)}
        self._directories: dict[str, Item] = {}
        self._named: set[str] = set()
        self._leaves: list[_Leaf] = []

    def take(self, items: Iterable[Item]) -> None:
        """Some more of what will be sent."""
        for item in items:
            self.total += 1
            parents = parent_codes(item)
            self._named.update(parents)
            if item.code in self.entries:
                if item.code == self.own:
                    self.entries[self.own].name = item.name or self.entries[self.own].name
                continue
            self.entries[item.code] = Entry(
                item.code, item.name or item.code, NodeKind.CHANNEL, item.status_on, item.secrecy
            )
            if is_main_device(item.code) or directory_kind(self.own, item, self._named.__contains__) is not None:
                self._directories[item.code] = item
            else:
                self._leaves.append(_Leaf(item.code, parents, item.civil_code, item.business_group))

    def hang(self) -> None:
        """Give everything its place, when all was taken. Long for many: do it on another thread."""
        kinds = {
            code: (kind, item)
            for code, item in self._directories.items()
            if (kind := directory_kind(self.own, item, self._named.__contains__)) is not None
        }
        branch = Branch(self.own, kinds)
        regions = {short_code(code): code for code, (kind, _) in kinds.items() if kind == REGION}
        for code, (kind, _) in kinds.items():
            if kind == REGION:
                self._put(code, NodeKind.DIVISION, (_nearest(regions, short_code(code)[:-2]) or self.own,))
        for shape in branch.nodes.values():
            self._put(shape.code, shape.kind, (self._code_of(shape.parent, branch, regions),))
        mere = (item for code, item in self._directories.items() if code not in kinds)
        leaves = [_Leaf(i.code, parent_codes(i), i.civil_code, i.business_group) for i in mere]
        chains: dict[str, frozenset[str]] = {}
        for leaf in (*leaves, *self._leaves):
            stand_in = Item(
                leaf.code,
                parent_ids=leaf.parents,
                civil_code=leaf.civil_code,
                business_group=leaf.business_group,
            )
            places = tuple(dict.fromkeys(self._code_of(p, branch, regions) for p in branch.places(stand_in)))
            self._put(leaf.code, NodeKind.CHANNEL, places)
            if is_playable(leaf.code):
                self._count(self.entries[leaf.code], places, chains)
        for entry in self.entries.values():
            entry.children.sort()
        self._directories, self._leaves, self._named = {}, [], set()

    def children(self, code: str, after: str | None, limit: int) -> tuple[list[Entry], str | None]:
        """Some of what stands directly in a node, and where to go on. LookupError for an unknown node."""
        children = self.entries[code].children
        start = bisect_right(children, _cursor(after)) if after else 0
        page = children[start : start + limit]
        more = start + limit < len(children)
        return [self.entries[child] for _, child in page], f"{page[-1][0]}/{page[-1][1]}" if more else None

    def path(self, code: str) -> list[Entry]:
        """From our own system down to the node, by its first parents."""
        path = [self.entries[code]]
        while path[-1].parents and len(path) < 64:
            path.append(self.entries[path[-1].parents[0]])
        path.reverse()
        return path

    def find(self, wanted: str, limit: int) -> list[Entry]:
        """Things whose name holds, or whose code begins with, a text."""
        wanted = wanted.casefold()
        found: list[Entry] = []
        for entry in self.entries.values():
            if entry.code.startswith(wanted) or wanted in entry.name.casefold():
                found.append(entry)
                if len(found) == limit:
                    break
        return found

    def _put(self, code: str, kind: str, parents: tuple[str, ...]) -> None:
        entry = self.entries[code]
        entry.kind, entry.parents = kind, parents
        for parent in parents:
            self.entries[parent].children.append((_RANK[kind], code))

    def _code_of(self, place: str, branch: Branch, regions: dict[str, str]) -> str:
        """The code of a node that `Branch` names by its id."""
        if place.startswith("division:"):
            return _nearest(regions, place.removeprefix("division:")) or self.own
        shape = branch.nodes.get(place)
        return shape.code if shape is not None else self.own

    def _count(self, entry: Entry, places: tuple[str, ...], chains: dict[str, frozenset[str]]) -> None:
        above: set[str] = set()
        for place in places:
            chain = chains.get(place)
            if chain is None:
                chain = chains[place] = frozenset(step.code for step in self.path(place))
            above |= chain
        for code in above:
            node = self.entries[code]
            node.total += 1
            node.online += entry.is_on


class Previews:
    """Previews by platform: one rendering at a time for each, the last few kept for a moment."""

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[Preview, float]] = {}
        self._rendering = asyncio.Lock()
        self._changed = False
        self.close = bus.listen(self._hear)

    async def of(self, exporter: Exporter, upper: Upper, own: str, name: str) -> Preview:
        """What a platform above will see, to whom we are `own`. Raises a 409 problem when it is too much to draw."""
        async with self._rendering:
            preview, at = self._kept.get(upper.code, (None, 0.0))
            if preview is not None and preview.own == own and self._clock() - at < KEPT_S:
                return preview
            preview = Preview(own, name, time.time())
            began = self._clock()
            self._kept.pop(upper.code, None)
            self._changed = False
            async with exporter.rendering(upper) as rendering:
                if rendering.total > MOST_DRAWN:
                    text = f"{upper.code} will see {rendering.total} things, too many to draw; its diff counts them."
                    raise Problem(409, "too-many-to-draw", text, {"total": rendering.total, "most": MOST_DRAWN})
                async for page in rendering.pages(PAGE):
                    preview.take(page)
            await asyncio.to_thread(preview.hang)
            if not self._changed:
                self._keep(upper.code, preview, began)
            return preview

    def sweep(self) -> None:
        """Let go of what is too old to be shown."""
        now = self._clock()
        self._kept = {upper: kept for upper, kept in self._kept.items() if now - kept[1] < KEPT_S}

    def _keep(self, upper: str, preview: Preview, at: float) -> None:
        self._kept[upper] = (preview, at)
        while len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]

    def _hear(self, event: Event) -> None:
        if isinstance(event, SharingChanged):
            self._kept.pop(event.upper, None)
            self._changed = True
        elif isinstance(event, UpperChanged):
            self._kept.pop(event.code, None)


def _nearest(regions: dict[str, str], short: str) -> str | None:
    """The code of the smallest division told of that holds `short`."""
    while short:
        if short in regions:
            return regions[short]
        short = short[:-2]
    return None


def _cursor(text: str) -> tuple[int, str]:
    rank, slash, code = text.partition("/")
    if not slash or not (rank.isascii() and rank.isdigit() and len(rank) < 4):
        raise ValueError(f"{text[:80]!r} is no cursor of ours")
    return int(rank), code
