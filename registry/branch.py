"""Where the catalog of one neighbour hangs: its systems, groups, organisations and recorders, and who stands in them.

The rules are those of GB/T 28181 annex J and its practice (signalling 2.8): a parent that is named but not there is
passed over, a circle is opened, and what has no place stands under the neighbour itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from sys import intern

from gb28181.manscdp.catalog import Item
from registry.channel import is_main_device, type_code
from registry.divisions import short_code
from registry.tree import NodeKind

DEEPEST = 48
"""Levels below the neighbour; a longer chain of parents is cut and hung under the neighbour."""
MOST_PLACES = 16
"""Organisations one channel may stand under."""
REGION = "region"
"""Kind of an item that names a civil division: a node of the whole house, not of the neighbour."""
SELF = "self"
"""Kind of the item by which a platform or recorder tells of itself."""

_KINDS = {200: NodeKind.SYSTEM, 215: NodeKind.GROUP, 216: NodeKind.ORGANISATION}


@dataclass(frozen=True, slots=True)
class Shape:
    """A node as the catalog draws it, without its counts."""

    id: str
    kind: NodeKind
    code: str
    name: str
    parent: str
    owner: str


def division_id(short: str) -> str:
    return f"division:{short}"


def device_id(code: str) -> str:
    return f"device:{code}"


def channel_id(owner: str, code: str) -> str:
    return f"channel:{owner}/{code}"


def parent_codes(item: Item) -> tuple[str, ...]:
    """The codes in ParentID, without blanks and without its own."""
    return tuple(part for part in item.parent_ids if part and part != item.code)


def directory_kind(owner: str, item: Item, wanted: Callable[[str], bool]) -> str | None:
    """What kind of directory `item` is; None when it is a channel.

    `wanted(code)` says whether somebody names that code as a parent: only then, or when it says so itself
    (Parental 1), a recorder is a directory.
    """
    code = item.code
    kind = type_code(code)
    if kind is None:
        return REGION if short_code(code) else None
    is_directory = kind in _KINDS or (is_main_device(code) and (wanted(code) or item.parental))
    if code == owner:
        return SELF if is_directory else None
    if kind in _KINDS:
        return _KINDS[kind]
    return NodeKind.DEVICE if is_directory else None


def region_of(civil_code: str) -> str:
    """The division a CivilCode names, short; "" when it names none. Some devices put their own 20 digits there."""
    text = civil_code.strip()
    return short_code(text[:6]) if len(text) == 20 else short_code(text)


class Branch:
    """The directories of one neighbour, resolved.

    `nodes` are its own nodes by id, each with a parent that leads to `root` or to a division. `regions` are the names
    it gave to civil divisions, by short code.
    """

    def __init__(self, owner: str, directories: Mapping[str, tuple[str, Item]]) -> None:
        """`directories` maps a code to its kind (`directory_kind`) and item."""
        self.owner = owner
        self.root = device_id(owner)
        self.regions = {
            short_code(code): item.name or code for code, (kind, item) in directories.items() if kind == REGION
        }
        self._kinds = {code: kind for code, (kind, _) in directories.items() if kind not in (REGION, SELF)}
        parents = {code: self._parent(directories[code]) for code in self._kinds}
        _open_circles(parents)
        self.nodes = {
            self._id(code): Shape(
                self._id(code), NodeKind(kind), code, directories[code][1].name or code, self._up(parents[code]), owner
            )
            for code, kind in self._kinds.items()
        }

    def is_drawn_as(self, other: Branch) -> bool:
        return self.nodes == other.nodes and self.regions == other.regions

    def grew_from(self, before: Branch) -> bool:
        """Whether all that was drawn before is drawn so still, so that whatever stands in it may stay."""
        return self.regions == before.regions and before.nodes.items() <= self.nodes.items()

    def places(self, item: Item) -> tuple[str, ...]:
        """Ids of the nodes that a channel stands under, home first; never empty.

        Organisations and groups come first, all of them; then the recorder it hangs on; then, when the neighbour
        tells of civil divisions, its own division; then its system; then the neighbour itself.
        """
        parts = parent_codes(item)
        memberships = self._of_kinds(parts, NodeKind.ORGANISATION, NodeKind.GROUP)
        if not memberships and item.business_group:
            memberships = self._of_kinds((item.business_group.strip(),), NodeKind.GROUP)
        if memberships:
            return self._lowest(memberships)
        recorders = self._of_kinds(parts, NodeKind.DEVICE)
        if recorders:
            return recorders[:1]
        return (self._beside_organisations(item, parts),)

    def _beside_organisations(self, item: Item, parts: tuple[str, ...]) -> str:
        region = region_of(item.civil_code or "") if self.regions else ""
        if region:
            return division_id(region)
        systems = self._of_kinds(parts, NodeKind.SYSTEM)
        return systems[0] if systems else self.root

    def _parent(self, directory: tuple[str, Item]) -> str:
        """Code of the parent directory, or "division:..." or ""; the kind decides in what order its wishes count."""
        kind, item = directory
        parts = parent_codes(item)
        match kind:
            case NodeKind.SYSTEM | NodeKind.GROUP:
                wishes: Iterable[str] = self._codes_of(parts, NodeKind.SYSTEM)
            case NodeKind.ORGANISATION:
                wishes = (
                    *self._codes_of(parts, NodeKind.ORGANISATION),
                    *self._codes_of(((item.business_group or "").strip(), *parts), NodeKind.GROUP),
                    *self._codes_of(parts, NodeKind.SYSTEM),
                )
            case _:
                wishes = (
                    *self._codes_of(parts, NodeKind.ORGANISATION, NodeKind.GROUP),
                    *self._codes_of(parts, NodeKind.DEVICE),
                )
        wish = next(iter(wishes), "")
        if not wish and kind == NodeKind.DEVICE:
            place = self._beside_organisations(item, parts)
            return place if place.startswith("division:") else next(iter(self._codes_of(parts, NodeKind.SYSTEM)), "")
        return wish

    def _codes_of(self, parts: Iterable[str], *kinds: NodeKind) -> tuple[str, ...]:
        return tuple(part for part in parts if self._kinds.get(part) in kinds)

    def _of_kinds(self, parts: Iterable[str], *kinds: NodeKind) -> tuple[str, ...]:
        found = dict.fromkeys(self._id(part) for part in self._codes_of(parts, *kinds))
        return tuple(found)[:MOST_PLACES]

    def _lowest(self, places: tuple[str, ...]) -> tuple[str, ...]:
        """Without those that hold another of them: ParentID often lists the whole chain."""
        if len(places) == 1:
            return places
        above: set[str] = set()
        for place in places:
            node = self.nodes.get(place)
            while node is not None:
                above.add(node.parent)
                node = self.nodes.get(node.parent)
        return tuple(place for place in places if place not in above)

    def _id(self, code: str) -> str:
        return intern(f"{self._kinds[code]}:{self.owner}/{code}")  # it stands in many holdings

    def _up(self, parent: str) -> str:
        if not parent:
            return self.root
        return parent if parent.startswith("division:") else self._id(parent)


def _open_circles(parents: dict[str, str]) -> None:
    """Hang under the neighbour whoever is his own ancestor, and whoever stands deeper than we follow."""
    depths: dict[str, int] = {}
    for start in sorted(parents):
        chain: list[str] = []
        on_chain: set[str] = set()
        code = start
        while code in parents and code not in depths and code not in on_chain:
            chain.append(code)
            on_chain.add(code)
            code = parents[code]
        if code in on_chain:
            parents[code] = ""
            depths[code] = 1
        for member in reversed(chain):
            _settle(member, parents, depths)


def _settle(code: str, parents: dict[str, str], depths: dict[str, int]) -> None:
    depth = depths.get(parents[code], 0) + 1
    if depth > DEEPEST:
        parents[code] = ""
        depth = 1
    depths[code] = depth
