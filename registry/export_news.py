"""What a platform above must be told: the difference between what it sees now and what it was last told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from gb28181.code import is_division
from gb28181.manscdp.catalog import Item
from registry.channel import is_main_device, type_code
from registry.export_plan import Shown
from registry.store.promise import SentRow

_STATES = {"ON": True, "OFF": False, "VLOST": False, "DEFECT": False}
_encode = msgspec.json.Encoder().encode

MOST_CODES = 20_000
"""Single codes remembered as changed; above that everything is compared."""
LISTED = 1_000
"""Things named in a diff; its counts are whole."""


@dataclass(slots=True)
class Dirt:
    """What may have changed since somebody looked: some codes (ours), all of some neighbours, or everything."""

    codes: set[str] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    entries: bool = False
    """Any directory."""
    everything: bool = False
    since: str = ""
    """Everything after this code (ours) only: up to it, it has been looked at but for what is named here."""

    def __bool__(self) -> bool:
        return bool(self.codes or self.owners or self.entries or self.everything)

    def add(self, other: Dirt) -> None:
        """Take in other dirt; once it is all of everything, single things are no longer remembered."""
        if self.everything and other.everything:
            self.since = min(self.since, other.since)
        elif other.everything:
            self.everything, self.since = True, other.since
        self.codes |= other.codes
        self.owners |= other.owners
        self.entries |= other.entries
        if len(self.codes) > MOST_CODES:
            self.everything, self.since = True, ""
        if self.everything and not self.since:
            self.codes, self.owners, self.entries = set(), set(), False


@dataclass(frozen=True, slots=True)
class ExportDiff:
    """What a platform above does not know yet: (code there, name). Long lists are cut at `LISTED`."""

    added: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    added_count: int
    changed_count: int
    removed_count: int
    total: int
    """Items it should know."""
    sent: int
    """Items it was told."""


@dataclass(slots=True)
class News:
    """Gathers differences. More than `limit` of a kind are counted but not kept; then it is marked as cut."""

    limit: int
    counts_all: bool = False
    """Whether what there is no room for is to be counted still."""
    told: list[Item] = field(default_factory=list)
    states: list[Item] = field(default_factory=list)
    gone: list[Item] = field(default_factory=list)
    """Channels; the directories are apart, for they go last."""
    gone_heads: list[Item] = field(default_factory=list)
    names_gone: list[tuple[str, str]] = field(default_factory=list)
    codes: dict[str, str] = field(default_factory=dict)
    """Our codes of what is kept, by the codes there."""
    told_is_cut: bool = False
    states_are_cut: bool = False
    gone_is_cut: bool = False
    told_count: dict[str, int] = field(default_factory=lambda: {"ADD": 0, "UPDATE": 0})
    state_count: int = 0
    gone_count: int = 0
    seen: int = 0
    everything: bool = False
    """Whether everything was to be compared, if only because most had changed."""
    since: str = ""
    """The code (ours) up to which everything was compared."""

    def compare(self, code: str, shown: Mapping[str, Shown], sent: Iterable[SentRow]) -> list[SentRow]:
        """Lay what is seen of one code (ours) beside what was told of it; what is seen no more comes back."""
        before = {row.code_there: row for row in sent}
        self.seen += len(shown)
        for there, now in shown.items():
            row = before.pop(there, None)
            if row is None:
                self._tell(code, now, "ADD")
            elif row.digest != digest(now.item):
                self._tell(code, now, "UPDATE")
            elif row.online != now.online:
                self._flip(code, there, now.online)
        return list(before.values())

    def _tell(self, code: str, now: Shown, event: str) -> None:
        self.told_count[event] += 1
        if len(self.told) < self.limit:
            self.told.append(replace(now.item, status_on=now.online, event=event))
            self.codes[now.item.code] = code
        else:
            self.told_is_cut = True

    def _flip(self, code: str, there: str, online: bool) -> None:
        self.state_count += 1
        if len(self.states) < self.limit:
            self.states.append(Item(there, status_on=online, event="ON" if online else "OFF"))
            self.codes[there] = code
        else:
            self.states_are_cut = True

    def lose(self, row: SentRow) -> None:
        """It is there no more."""
        self.gone_count += 1
        kept = self.gone_heads if may_hold_others(row.code_there) else self.gone
        if len(kept) < self.limit:
            kept.append(Item(row.code_there, event="DEL"))
            self.names_gone.append((row.code_there, row.name))
            self.codes[row.code_there] = row.code
        else:
            self.gone_is_cut = True

    @property
    def is_cut(self) -> bool:
        return self.told_is_cut or self.states_are_cut or self.gone_is_cut

    @property
    def is_full(self) -> bool:
        """Whether to go on is of no use."""
        return self.is_cut and not self.counts_all


def may_hold_others(code: str) -> bool:
    """Whether it was a directory, by its code alone: for what is gone, nothing else is left."""
    return is_division(code) or type_code(code) in (200, 215, 216) or is_main_device(code)


def digest(item: Item) -> str:
    """Of all that is said of a thing but its state."""
    return blake2b(_encode(item), digest_size=8).hexdigest()


def row_of(upper: str, code: str, item: Item) -> SentRow:
    """What is kept of an item that was told."""
    still = item if item.status_on and item.event is None else replace(item, status_on=True, event=None)
    return SentRow(upper, item.code, code, item.name, digest(still), item.status_on)


@dataclass(slots=True)
class Told:
    """What was told and waits to be written: the last word on each code there."""

    rows: dict[str, SentRow] = field(default_factory=dict)
    states: dict[str, bool] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.rows) + len(self.states) + len(self.gone)

    def take(self, upper: str, code: str, item: Item) -> None:
        there = item.code
        state = _STATES.get(item.event or "")
        if item.event == "DEL":
            self.rows.pop(there, None)
            self.states.pop(there, None)
            self.gone.add(there)
        elif state is None:
            self.states.pop(there, None)
            self.gone.discard(there)
            self.rows[there] = row_of(upper, code, item)
        elif there in self.rows:
            self.rows[there] = self.rows[there]._replace(online=state)
        else:
            self.states[there] = state
