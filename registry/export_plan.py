"""How one platform above sees the house: which directories, under which codes, and how an item of ours reads there.

Worked out purely from the directories of all neighbours, which are thousands; channels, which may be a million, are
then rendered a few at a time. The structure of a lower platform is kept as it is: only its roots hang anew (2.8, 9.6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from gb28181.manscdp.catalog import Item
from registry.branch import REGION, SELF, channel_id, device_id, division_id, parent_codes
from registry.catalog import Directories, as_item
from registry.channel import is_main_device, type_code
from registry.device import Device, DeviceKind
from registry.divisions import Divisions, short_code
from registry.platform import Upper
from registry.sharing import Sharing
from registry.store.promise import ChannelRow
from registry.tree import NodeKind

OWN = "own"
"""Kind of the item by which we tell of ourselves."""

_ORDER = (OWN, NodeKind.SYSTEM, NodeKind.DIVISION, NodeKind.GROUP, NodeKind.ORGANISATION, NodeKind.DEVICE)
RANKS: Mapping[str, int] = {str(kind): rank for rank, kind in enumerate(_ORDER)}
"""In what order kinds are told: what holds others comes before them (signalling 9.6)."""

_DIRECTORY_TYPES = frozenset({200, 215, 216})
_UNSAID = "Unknown"
"""Stands where strict platforms refuse an empty element (signalling 9.6 rule 9)."""


@dataclass(frozen=True, slots=True)
class OwnSystem:
    """What we say of ourselves at the head of each catalog."""

    code: str
    name: str = ""
    manufacturer: str = "Lianwang"
    model: str = "Lianwang"
    owner: str = ""
    civil_code: str = ""
    """"" is the division in our code."""
    address: str = ""


@dataclass(frozen=True, slots=True)
class House:
    """Everything from which a plan is made."""

    own: OwnSystem
    upper: Upper
    sharing: Sharing
    devices: Mapping[str, Device]
    directories: Mapping[str, Directories]
    divisions: Divisions
    chain: Callable[[str], tuple[str, ...]]
    """Ids of a node of the tree and of those above it."""
    is_lit: Callable[[str], bool]
    """Whether what a neighbour has may count as online, as of the moment of asking."""
    says_on: Callable[[str, str], bool]
    """The state of a directory by its owner's last word, as of the moment of asking."""
    lone: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = ()
    """Owner, places and codes of the parents of the channels of which a rule of their own speaks."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A directory as the platform above sees it. `item` is without its state; `sources` are who tells of it."""

    code: str
    item: Item
    kind: str
    sources: tuple[tuple[str, str], ...] = ()

    @property
    def there(self) -> str:
        return self.item.code


@dataclass(frozen=True, slots=True)
class Shown:
    """A thing as the platform above sees it: `item` without its state, which stands apart, and who has it."""

    item: Item
    online: bool
    owners: tuple[str, ...] = ()

    def whole(self) -> Item:
        return self.item if self.online else replace(self.item, status_on=False)


@dataclass(slots=True)
class _Draft:
    kind: str
    code: str
    sources: list[tuple[str, str, Item]] = field(default_factory=list)


class Plan:
    """Made once for a state of the directories, the sharing and the tree; it does not follow them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._sharing = house.sharing
        self.own_code = house.own.code
        self.own_there = house.upper.our_code or house.own.code
        self._hidden = {self.own_code, self.own_there, house.upper.code}
        self.is_civil = house.upper.arrangement == "civil"
        self._has_regions = house.upper.arrangement != "group"
        self._verdicts: dict[tuple[str, str], bool] = {}
        self.owners = tuple(sorted(owner for owner in house.devices if owner not in self._hidden))
        self._known: dict[str, dict[str, str]] = {}  # by owner: its directories that are shown, and their codes there
        self._kinds: dict[str, dict[str, str]] = {}
        self._banned: dict[str, set[str]] = {}
        self._skeleton = self._lead_to_rules()
        drafts = self._choose()
        self.entries: dict[str, Entry] = {}
        """By their codes there, in the order in which they are told."""
        self._fill(drafts)
        self.positions = {there: at for at, there in enumerate(self.entries)}
        self._by_code: dict[str, list[Entry]] = {}
        for entry in self.entries.values():
            self._by_code.setdefault(entry.code, []).append(entry)

    # What is shared.

    def _chain(self, owner: str, place: str) -> Iterable[str]:
        """Whose rule counts for what stands in a place: the neighbour's own nodes, the neighbour, then divisions."""
        chain = self._house.chain(place) or (place,)
        root = device_id(owner)
        own = [id for id in chain if not id.startswith("division:") and id != root]
        lowest = next((id.removeprefix("division:") for id in chain if id.startswith("division:")), "")
        return (*own, root, *_around(lowest), *_around(owner[:6]))

    def _is_shared(self, owner: str, place: str) -> bool:
        verdict = self._verdicts.get((owner, place))
        if verdict is None:
            verdict = self._verdicts[owner, place] = self._sharing.verdict(self._chain(owner, place))
        return verdict

    def _lead_to_rules(self) -> set[tuple[str, str]]:
        """(owner, node) of what stands above whatever a rule includes: shared or not, the way to it is shown."""
        ways: set[tuple[str, str]] = set()
        house = self._house
        for rule in self._sharing.rules:
            kind, _, rest = rule.node.partition(":")
            if not rule.include or kind == NodeKind.CHANNEL:
                continue
            if kind == NodeKind.DIVISION:
                ways.update((owner, id) for id in _around(rest) for owner in self.owners)
            else:
                owner = rest.partition("/")[0]
                ways.update((owner, id) for id in self._chain(owner, rule.node))
        for owner, places, parents in house.lone:
            ways.update((owner, id) for place in places for id in self._chain(owner, place))
            ways.update((owner, id) for id in self._ids(owner, parents))
        return ways | self._named_by(ways)

    def _named_by(self, ways: set[tuple[str, str]]) -> set[tuple[str, str]]:
        """What the directories on the way name as their parents, and those as theirs: ParentID may say more than the
        tree shows."""
        found: set[tuple[str, str]] = set()
        new = set(ways)
        while new:
            named: set[tuple[str, str]] = set()
            for owner, id in new:
                said = self._house.directories.get(owner, {}).get(id.partition("/")[2])
                if said is not None:
                    parts = (*parent_codes(said[1]), said[1].business_group)
                    named.update((owner, above) for above in self._ids(owner, parts))
            new = named - ways - found
            found |= new
        return found

    def _ids(self, owner: str, codes: Iterable[str]) -> list[str]:
        said = self._house.directories.get(owner, {})
        return [f"{said[code][0]}:{owner}/{code}" for code in codes if code in said]

    def _is_shown(self, owner: str, node: str) -> bool:
        return self._is_shared(owner, node) or (owner, node) in self._skeleton

    # Which directories are shown.

    def _choose(self) -> dict[str, _Draft]:
        drafts: dict[str, _Draft] = {}
        for owner in self.owners:
            self._known[owner], self._kinds[owner] = {}, {}
            self._banned[owner] = self._learnt_from_upper(owner)
            device, said = self._house.devices[owner], self._house.directories.get(owner, {})
            kind = owner_kind(device)
            if kind is not None and self._is_shown(owner, device_id(owner)):
                _, item = said.get(owner, (SELF, Item(owner)))
                self._take(drafts, owner, owner, kind, item)
            for code, (what, item) in said.items():
                if what != SELF and code not in self._hidden and code not in self._banned[owner]:
                    self._choose_one(drafts, owner, code, what, item)
        return drafts

    def _choose_one(self, drafts: dict[str, _Draft], owner: str, code: str, what: str, item: Item) -> None:
        if what == REGION:
            if self._has_regions and self._is_shown(owner, division_id(short_code(code))):
                self._take(drafts, owner, code, NodeKind.DIVISION, item)
            return
        if self.is_civil and what in (NodeKind.GROUP, NodeKind.ORGANISATION):
            return
        if self._is_shown(owner, f"{what}:{owner}/{code}"):
            self._take(drafts, owner, code, what, item)

    def _take(self, drafts: dict[str, _Draft], owner: str, code: str, kind: str, item: Item) -> None:
        there = self._sharing.code_there(owner, code)
        if not there or there in self._hidden or (item.secrecy and not self._sharing.secrecy):
            return
        draft = drafts.setdefault(there, _Draft(str(kind), code))
        if draft.kind != kind or draft.code != code:
            return  # two kinds of thing cannot be one there; the first stands
        draft.sources.append((owner, code, item))
        self._known[owner][code] = there
        self._kinds[owner][code] = str(kind)

    def _learnt_from_upper(self, owner: str) -> set[str]:
        """Codes of a neighbour's directories that stand in the upper's own: they came from there (signalling 9.6)."""
        said = self._house.directories.get(owner, {})
        banned = {self._house.upper.code} & said.keys()
        more = bool(banned)
        while more:
            below = {
                code
                for code, (_, item) in said.items()
                if code not in banned and (set(parent_codes(item)) | {item.business_group}) & banned
            }
            more = bool(below)
            banned |= below
        return banned

    # How they read.

    def _fill(self, drafts: Mapping[str, _Draft]) -> None:
        own = self._own_item()
        self.entries[own.code] = Entry(self.own_code, own, OWN)
        for kind in _ORDER[1:]:
            found = {there: self._entry(there, draft) for there, draft in sorted(drafts.items()) if draft.kind == kind}
            if kind == NodeKind.DIVISION:
                self.entries.update(sorted(found.items(), key=lambda pair: (len(pair[0]), pair[0])))
            else:
                self.entries.update(self._parents_first(found))

    def _own_item(self) -> Item:
        own = self._house.own
        return Item(
            self.own_there,
            name=own.name or own.code,
            manufacturer=own.manufacturer or _UNSAID,
            model=own.model or _UNSAID,
            owner=own.owner or own.name or _UNSAID,
            civil_code=own.civil_code or short_code(own.code[:6]),
            address=own.address or own.name or _UNSAID,
        )

    def _entry(self, there: str, draft: _Draft) -> Entry:
        parents: dict[str, None] = {}
        group = ""
        for owner, code, item in draft.sources:
            parents.update(dict.fromkeys(self._directory_parents(draft.kind, owner, code, item)))
            group = group or self._group_there(owner, item)
        parents.pop(there, None)
        owner, code, item = draft.sources[0]
        name = self._name(draft.sources)
        above = tuple(parents)
        match draft.kind:
            case NodeKind.DIVISION:
                seen = Item(there, name=name)
            case NodeKind.GROUP:
                seen = Item(there, name=name, civil_code=item.civil_code, parent_ids=above)
            case NodeKind.ORGANISATION:
                seen = Item(there, name=name, parent_ids=above, business_group=group)
            case NodeKind.SYSTEM:
                seen = self._system(there, name, above, self._house.devices[owner], code, item)
            case _:
                seen = self._recorder(there, name, above, group, self._house.devices[owner], code, item)
        return Entry(draft.code, seen, draft.kind, tuple((owner, code) for owner, code, _ in draft.sources))

    def _name(self, sources: Sequence[tuple[str, str, Item]]) -> str:
        given = (self._sharing.name_there(owner, code) for owner, code, _ in sources)
        owner, code, item = sources[0]
        device = self._house.devices[owner]
        ours = (device.name_here or item.name or device.shown_name) if owner == code else item.name
        return next((name for name in given if name), "") or ours or code

    def _system(self, there: str, name: str, parents: tuple[str, ...], device: Device, code: str, item: Item) -> Item:
        is_owner = device.code == code
        return Item(
            there,
            name=name,
            manufacturer=item.manufacturer or (device.manufacturer if is_owner else "") or _UNSAID,
            model=item.model or (device.model if is_owner else "") or _UNSAID,
            owner=item.owner or _UNSAID,
            civil_code=item.civil_code or short_code(code[:6]),
            address=item.address or name,
            parent_ids=parents,
            register_way=item.register_way,
            secrecy=item.secrecy,
        )

    def _recorder(
        self, there: str, name: str, parents: tuple[str, ...], group: str, device: Device, code: str, item: Item
    ) -> Item:
        is_owner = device.code == code
        return replace(
            self._filled(item, device, code),
            code=there,
            name=name,
            manufacturer=item.manufacturer or (device.manufacturer if is_owner else "") or _UNSAID,
            model=item.model or (device.model if is_owner else "") or _UNSAID,
            parental=True,
            parent_ids=parents,
            business_group=group,
            status_on=True,
            event=None,
        )

    def _filled(self, item: Item, device: Device, code: str) -> Item:
        """With something in each element that strict platforms refuse when empty."""
        civil = item.civil_code
        # A lower platform's items keep the place it gave them; our own devices stand where their code says.
        if not civil and (self.is_civil or device.kind is not DeviceKind.PLATFORM):
            civil = short_code(code[:6]) or short_code(self.own_code[:6])
        if item.manufacturer and item.model and item.owner and item.address and civil == item.civil_code:
            return item
        return replace(
            item,
            manufacturer=item.manufacturer or _UNSAID,
            model=item.model or _UNSAID,
            owner=item.owner or _UNSAID,
            address=item.address or item.name or _UNSAID,
            civil_code=civil,
        )

    def _root(self, owner: str) -> str:
        """Where hangs what a neighbour hangs nowhere."""
        return self._known[owner].get(owner, self.own_there)

    def _system_above(self, owner: str) -> str:
        """The same for groups and their kin, which belong to systems only (signalling 2.8)."""
        return self._root(owner) if self._kinds[owner].get(owner) == NodeKind.SYSTEM else self.own_there

    def _group_there(self, owner: str, item: Item) -> str:
        if self.is_civil or not item.business_group:
            return ""
        return self._known[owner].get(item.business_group.strip(), "")

    def _directory_parents(self, kind: str, owner: str, code: str, item: Item) -> tuple[str, ...]:
        if kind == NodeKind.DIVISION:
            return ()
        if owner == code:
            return (self.own_there,)
        if kind == NodeKind.DEVICE:
            return self._parents(owner, item)
        known, kinds = self._known[owner], self._kinds[owner]
        wanted = [NodeKind.SYSTEM] if kind != NodeKind.ORGANISATION else [NodeKind.SYSTEM, NodeKind.ORGANISATION]
        parents = tuple(known[part] for part in parent_codes(item) if part in known and kinds[part] in wanted)
        if parents or (kind == NodeKind.ORGANISATION and self._group_there(owner, item)):
            return parents
        # An organisation may name its group as its parent: then that is where it belongs.
        groups = tuple(known[part] for part in parent_codes(item) if kinds.get(part) == NodeKind.GROUP)
        return groups if kind == NodeKind.ORGANISATION and groups else (self._system_above(owner),)

    def _parents(self, owner: str, item: Item) -> tuple[str, ...]:
        """ParentID of a device there: its organisations and its system or recorder, which is put in front when none is
        named. Codes of directories that are not shown are left out; codes of other devices stay."""
        known, kinds = self._known[owner], self._kinds[owner]
        device = self._house.devices[owner]
        parents: list[str] = []
        has_root = False
        for part in parent_codes(item):
            there = known.get(part)
            if part == owner or (part == self.own_code and device.kind is not DeviceKind.PLATFORM):
                there = self._root(owner) if part == owner else self.own_there
                has_root = True
            elif there is not None:
                has_root = has_root or kinds[part] in (NodeKind.SYSTEM, NodeKind.DEVICE)
            elif part not in self._hidden and not _is_directory_code(part):
                there = self._sharing.code_there(owner, part)
            if there and there not in parents:
                parents.append(there)
        if not has_root and self._root(owner) not in parents:
            parents.insert(0, self._root(owner))
        return tuple(parents)

    def _parents_first(self, found: Mapping[str, Entry]) -> dict[str, Entry]:
        """In an order in which no child comes before its parent; a circle is opened where it was entered."""
        done: dict[str, Entry] = {}
        for start in found:
            way = [start]
            while way:
                there = way[-1]
                entry = found[there]
                waiting = [p for p in entry.item.parent_ids if p in found and p not in done]
                onward = next((parent for parent in waiting if parent not in way), None)
                if there in done:
                    way.pop()
                elif onward is not None:
                    way.append(onward)
                else:
                    done[there] = self._without(entry, waiting)
                    way.pop()
        return done

    def _without(self, entry: Entry, circle: Sequence[str]) -> Entry:
        if not circle:
            return entry
        parents = tuple(parent for parent in entry.item.parent_ids if parent not in circle)
        item = replace(entry.item, parent_ids=parents or (self._system_above(entry.sources[0][0]),))
        return Entry(entry.code, item, entry.kind, entry.sources)

    # Reading the plan.

    def entry_shown(self, entry: Entry) -> Shown:
        """With its state of now: a system or recorder is on when it is for any who tells of it."""
        house = self._house
        online = entry.kind not in (NodeKind.SYSTEM, NodeKind.DEVICE) or any(
            house.is_lit(owner) and (owner == code or house.says_on(owner, code)) for owner, code in entry.sources
        )
        return Shown(entry.item, online, tuple(owner for owner, _ in entry.sources))

    def entries_of(self, code: str) -> Sequence[Entry]:
        """The directories that have this code here."""
        return self._by_code.get(code, ())

    def position(self, code: str) -> int:
        """Of a directory among all, as they are told; what is none comes after them."""
        return min((self.positions[entry.there] for entry in self.entries_of(code)), default=len(self.positions))

    def code_there(self, owner: str, code: str) -> str:
        """ "" when it cannot be named there."""
        if code == self.own_code:
            return self.own_there
        return "" if code in self._hidden else self._sharing.code_there(owner, code)

    def code_here(self, there: str) -> str:
        """Our code of what they call so."""
        entry = self.entries.get(there)
        if entry is not None:
            return entry.code
        here = self._sharing.here(there)
        return here[1] if here is not None else there

    def leaves(self, rows: Sequence[ChannelRow]) -> dict[str, Shown]:
        """Channels of one code as they are seen there, by their codes there: what several neighbours have is one thing,
        which stands in all their places and is on when it is for any (GB/T 28181-2022 annex H, signalling 9.8)."""
        shown: dict[str, Shown] = {}
        for row in rows if len(rows) == 1 else sorted(rows, key=lambda row: row.owner):
            item = self._leaf(row)
            if item is None:
                continue
            online = row.online and self._house.is_lit(row.owner)
            before = shown.get(item.code)
            if before is None:
                shown[item.code] = Shown(item, online, (row.owner,))
                continue
            parents = tuple(dict.fromkeys((*before.item.parent_ids, *item.parent_ids)))
            name = before.item.name if not self._renames(row) else item.name
            merged = replace(before.item, parent_ids=parents, name=name)
            shown[item.code] = Shown(merged, before.online or online, (*before.owners, row.owner))
        return shown

    def _renames(self, row: ChannelRow) -> bool:
        return bool(self._sharing.name_there(row.owner, row.code))

    def _leaf(self, row: ChannelRow) -> Item | None:
        owner, code = row.owner, row.code
        if owner not in self._known or code in self._hidden:
            return None
        there = self._sharing.code_there(owner, code)
        if not there or there in self._hidden or there in self.entries:
            return None
        rule = self._sharing.rule(channel_id(owner, code))
        if rule is None:
            rule = any(self._is_shared(owner, place) for place in row.places)
        if not rule:
            return None
        item = as_item(row.said)
        if item.secrecy and not self._sharing.secrecy:
            return None
        banned = self._banned[owner]
        if banned:
            said = self._house.directories[owner]
            systems = [part for part in parent_codes(item) if part in said]
            if systems and all(part in banned for part in systems):
                return None
        filled = self._filled(item, self._house.devices[owner], code)
        return replace(
            filled,
            code=there,
            name=self._sharing.name_there(owner, code) or row.name_here or item.name or code,
            parent_ids=tuple(part for part in self._parents(owner, item) if part != there),
            business_group=self._group_there(owner, item),
            status_on=True,
        )

    def regions_of(self, shown: Iterable[str]) -> list[Item]:
        """In the civil arrangement: the divisions, and those above them, in which items with these CivilCodes stand and
        of which nobody told; shortest first."""
        told = {short_code(there) for there, entry in self.entries.items() if entry.kind == NodeKind.DIVISION}
        divisions = self._house.divisions
        wanted: dict[str, str] = {}
        for civil in shown:
            short = short_code(civil)
            if short and short not in told:
                wanted[short] = divisions.name(short) or short
            wanted.update((above, name) for above, name in divisions.path(short) if above not in told)
        return [
            Item(short, name=wanted[short])
            for short in sorted(wanted, key=lambda code: (len(code), code))
            if short not in self.entries
        ]


def owner_kind(device: Device) -> str | None:
    """What a neighbour itself is in a catalog; None for a camera, of which its channel tells."""
    if type_code(device.code) == 200 or device.kind is DeviceKind.PLATFORM:
        return NodeKind.SYSTEM
    if is_main_device(device.code) or (type_code(device.code) is None and device.kind is DeviceKind.RECORDER):
        return NodeKind.DEVICE
    return None


def _around(division: str) -> tuple[str, ...]:
    """Ids of a division and of all around it, going up: whether or not the tree has nodes for them now."""
    short = short_code(division)
    return tuple(division_id(short[:length]) for length in range(len(short), 0, -2))


def _is_directory_code(code: str) -> bool:
    return type_code(code) in _DIRECTORY_TYPES or is_main_device(code)
