"""What belongs to an answer when a platform above asks for a part of the catalog (signalling 4.6.1, 6.4)."""

from __future__ import annotations

from dataclasses import dataclass

from gb28181.code import is_division
from gb28181.manscdp.catalog import Item
from registry.divisions import short_code
from registry.export_plan import OWN, Entry, Plan
from registry.tree import NodeKind


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of what a platform above sees, by codes there. With no field set it is the whole."""

    division: str | None = None
    """Short: the division, the divisions within, and the devices with such a CivilCode."""
    directories: frozenset[str] | None = None
    """These, and the channels that name one of them."""
    channels: bool = True
    """Whether the channels in `directories` belong to it."""
    channel: str | None = None
    """This one and the channels that hang on it."""

    @property
    def is_whole(self) -> bool:
        return self.division is None and self.directories is None and self.channel is None

    def takes_entry(self, entry: Entry) -> bool:
        if self.division is not None:
            if entry.kind == NodeKind.DIVISION:
                return short_code(entry.there).startswith(self.division)
            return entry.kind == NodeKind.DEVICE and _lies_in(entry.item, self.division)
        if self.channel is not None:
            return False
        return self.directories is None or entry.there in self.directories

    def takes_channel(self, item: Item) -> bool:
        if self.division is not None:
            return _lies_in(item, self.division)
        if self.channel is not None:
            return item.code == self.channel or self.channel in item.parent_ids
        if self.directories is None:
            return True
        inside = self.directories
        return self.channels and (item.business_group in inside or any(part in inside for part in item.parent_ids))

    def takes_region(self, item: Item) -> bool:
        """Of a division of which nobody told."""
        return self.is_whole or (self.division is not None and short_code(item.code).startswith(self.division))


WHOLE = Scope()


def scope_of(plan: Plan, there: str | None, *, is_2022: bool) -> Scope | None:
    """None when `there` is no directory there; it may be a channel then."""
    if there is None or there == plan.own_there:
        return WHOLE
    entry = plan.entries.get(there)
    if entry is None:
        return Scope(division=short_code(there)) if plan.is_civil and is_division(there) else None
    if entry.kind == NodeKind.DIVISION:
        return Scope(division=short_code(there))
    inside = {there}
    grown = True
    while grown:
        more = {e.there for e in plan.entries.values() if e.there not in inside and e.kind != OWN and _names(e, inside)}
        grown = bool(more)
        inside |= more
    if entry.kind == NodeKind.SYSTEM:
        tellers = {owner for owner, code in entry.sources if owner == code}
        inside |= {e.there for e in plan.entries.values() if e.kind == NodeKind.DIVISION and _told_by(e, tellers)}
    return Scope(directories=frozenset(inside), channels=is_2022 or entry.kind != NodeKind.GROUP)


def _names(entry: Entry, inside: set[str]) -> bool:
    return entry.item.business_group in inside or any(part in inside for part in entry.item.parent_ids)


def _told_by(entry: Entry, tellers: set[str]) -> bool:
    return any(owner in tellers for owner, _ in entry.sources)


def _lies_in(item: Item, division: str) -> bool:
    return short_code(item.civil_code).startswith(division)
