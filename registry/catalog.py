"""What a new catalog changes in what we hold: worked out purely, page by page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from gb28181.manscdp.catalog import Item
from registry.branch import Branch, directory_kind, parent_codes
from registry.channel import is_main_device, is_playable
from registry.finder import written
from registry.forest import NOTHING, Holding, Places
from registry.pinyin import pinyin_keys
from registry.store.promise import ChannelRow, SearchLine
from registry.ways import Camera, camera_of, may_be_shared

LONGEST_CODE = 64

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Item).decode

Directories = dict[str, tuple[str, Item]]
"""Kind and item of each directory of one neighbour, by code."""


@dataclass(frozen=True, slots=True)
class Diff:
    """What a catalog or a notice changed. Codes are of directories and channels alike.

    `unknown` names those of whom only a status came and whom we do not hold; `refused` counts items that could not be
    kept (no code, or an overlong one).
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    refused: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed)


@dataclass(slots=True)
class Step:
    """What one page of rows becomes. `moves` are differences of holdings, for `forest.Draft`."""

    rows: list[ChannelRow] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    moves: dict[Places, Holding] = field(default_factory=dict)
    lines: dict[str, bytes] = field(default_factory=dict)
    """What search must learn anew of channels that it knows, ready for `finder.Finder.change`."""
    fresh: list[bytes] = field(default_factory=list)
    """The same of channels that are new, for `finder.Finder.add`."""
    named: dict[str, str] = field(default_factory=dict)
    """Our own names of what was removed."""
    left: dict[str, ChannelRow] = field(default_factory=dict)
    entered: dict[str, ChannelRow] = field(default_factory=dict)
    """The rows behind `moves`, as they were and as they are."""
    cameras: dict[Camera, int] = field(default_factory=dict)
    """How many cameras with several ways there are more or fewer, for `ways.Ways`."""

    def add(self, row: ChannelRow) -> None:
        self.rows.append(row)
        self.added.append(row.code)
        self.fresh.append(search_line(row))
        self.enter(row)

    def change(self, before: ChannelRow, after: ChannelRow) -> None:
        self.rows.append(after)
        self.changed.append(after.code)
        self.lines[after.code] = search_line(after)
        self.leave(before)
        self.enter(after)

    def leave(self, row: ChannelRow) -> None:
        self.left[row.code] = row
        places = row.places
        self.moves[places] = self.moves.get(places, NOTHING).minus(held(row))

    def enter(self, row: ChannelRow) -> None:
        self.entered[row.code] = row
        places = row.places
        self.moves[places] = self.moves.get(places, NOTHING).plus(held(row))

    def may_be_shared(self, owner: str) -> list[str]:
        """Codes of what changed and another platform may have, too."""
        changed = self.left | self.entered
        return [code for code, row in changed.items() if may_be_shared(owner, row)]

    def share(self, others: Iterable[ChannelRow]) -> None:
        """What other platforms have of these codes: cameras gain and lose ways by this step."""
        by_code: dict[str, list[ChannelRow]] = {}
        for row in others:
            by_code.setdefault(row.code, []).append(row)
        for code, fellows in by_code.items():
            for mine, difference in ((self.left, -1), (self.entered, 1)):
                camera = camera_of([*fellows, mine[code]] if code in mine else fellows)
                if camera:
                    self.cameras[camera] = self.cameras.get(camera, 0) + difference


def held(row: ChannelRow) -> Holding:
    return Holding(1, 1, int(row.online)) if row.playable else Holding(1, 0, 0)


def as_said(item: Item) -> str:
    """An item as it is kept and compared."""
    return _encode(item).decode()


def as_item(said: str) -> Item:
    return _decode(said)


def by_code(items: Iterable[Item]) -> tuple[dict[str, Item], int]:
    """The last word on each code, and how many items had no code we could keep."""
    kept: dict[str, Item] = {}
    refused = 0
    for item in items:
        if 0 < len(item.code) <= LONGEST_CODE and item.code.isprintable():
            kept[item.code] = item
        else:
            refused += 1
    return kept, refused


def parents_named(items: Mapping[str, Item]) -> set[str]:
    """All codes that some item names as a parent."""
    named: set[str] = set()
    for item in items.values():
        named.update(parent_codes(item))
    return named


def find_directories(owner: str, items: Mapping[str, Item], named: set[str], before: Directories) -> Directories:
    """The directories among `items`. What was a directory `before` needs no new child to stay one."""
    found: Directories = {}
    for code, item in items.items():
        kind = directory_kind(owner, item, lambda code: code in named or code in before)
        if kind is not None:
            found[code] = (kind, item)
    return found


def likely_recorders(named: set[str], known: Collection[str]) -> list[str]:
    """Codes that items name as their recorder and that we may hold as mere channels."""
    return sorted(code for code in named if is_main_device(code) and code not in known)


def compare(
    branch: Branch,
    rows: Iterable[ChannelRow],
    items: Mapping[str, Item],
    *,
    gone: Callable[[str], bool],
    rehung: bool,
    names: Mapping[str, str] | None = None,
) -> Step:
    """Lay a page of kept rows beside the items of the same range of codes.

    Rows without an item are removed when they are `gone`; else they stay, and are given new places when `rehung`
    says that the directories changed. Where they did not, an item said as before needs no further look. `names` are
    ours of what was removed before and may come back.
    """
    step = Step()
    kept = set()
    for row in rows:
        kept.add(row.code)
        item = items.get(row.code)
        if item is not None:
            said = as_said(item)
            if rehung or said != row.said or item.status_on != row.online:
                _change(step, row, _row(branch, item, said, row))
        elif gone(row.code):
            step.removed.append(row.code)
            step.leave(row)
            if row.name_here:
                step.named[row.code] = row.name_here
        elif rehung:
            _change(step, row, _placed(row, branch.places(as_item(row.said))))
    for code, item in items.items():
        if code not in kept:
            step.add(_row(branch, item, as_said(item), None, names.get(code) if names else None))
    return step


def _change(step: Step, before: ChannelRow, after: ChannelRow) -> None:
    if after != before:
        step.change(before, after)


def _row(branch: Branch, item: Item, said: str, before: ChannelRow | None, kept_name: str | None = None) -> ChannelRow:
    name = item.name or item.code
    name_here = before.name_here if before is not None else kept_name
    places = branch.places(item)
    keys = before.keys if before is not None and before.name == name else search_keys(name, name_here)
    return ChannelRow(
        branch.owner,
        item.code,
        name,
        name_here,
        keys,
        is_playable(item.code),
        bool(item.status_on),
        places[0],
        "\n".join(places[1:]),
        said,
    )


def search_line(row: ChannelRow) -> bytes:
    return written(SearchLine(row.owner, row.code, row.name, row.name_here, row.keys, row.playable))


def search_keys(name: str, name_here: str | None) -> str:
    """Pinyin keys of both names: operators may know a camera by either."""
    keys = pinyin_keys(name)
    return f"{keys} {pinyin_keys(name_here)}".strip() if name_here else keys


def _placed(row: ChannelRow, places: Places) -> ChannelRow:
    return row._replace(place=places[0], also="\n".join(places[1:]))
