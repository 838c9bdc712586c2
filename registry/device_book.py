"""All devices, held in memory, and the refusals; what changed is remembered until it is written."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Any

from msgspec import structs

from registry.device import Device, DeviceKind, Presence
from registry.forest import Holding
from registry.refusal import Refusal, RefusalSeen
from registry.store.promise import Row
from registry.tree import Page

MOST_REFUSALS = 2_000
"""Codes whose last refusal is kept; the one not refused for longest goes first."""

_FIELDS = Device.__struct_fields__
_CHANGEABLE = frozenset(_FIELDS) - {"code"}
_REFUSAL_FIELDS = tuple(known.name for known in fields(RefusalSeen))

_SORTS: Mapping[str, Callable[[Device], Any]] = {  # keys of one sort are of one type, whichever
    "code": lambda device: device.code,
    "name": lambda device: device.shown_name,
    "presence": lambda device: device.presence.value,
    "heard_at": lambda device: device.heard_at or 0.0,
    "added_at": lambda device: device.added_at or 0.0,
    "refused_at": lambda device: device.refused_at or 0.0,
    "channels": lambda device: device.channels_total,
}


@dataclass(frozen=True, slots=True)
class DeviceQuery:
    """Which devices, in what order: `sort` is one of code, name, presence, heard_at, added_at, refused_at, channels;
    a leading "-" turns it round. `text` is looked for in code, names, address and maker."""

    text: str = ""
    presence: Presence | None = None
    kind: DeviceKind | None = None
    sort: str = "code"


@dataclass(slots=True)
class Unwritten:
    """What waits to be written; a device is one row however often it changes."""

    undrawn: set[str] = field(default_factory=set)
    """Codes of devices whose nodes may have to be named or lit otherwise."""
    dirty: set[str] = field(default_factory=set)
    """Codes of devices that changed."""
    refusals: set[str] = field(default_factory=set)
    """Codes whose last refusal changed, or was forgotten."""
    heard: dict[str, float] = field(default_factory=dict)
    """When devices were heard last, by code."""


class DeviceBook:
    """Devices by code. What changed waits until somebody `take`s it to write it."""

    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        self.refusals: OrderedDict[str, RefusalSeen] = OrderedDict()
        self._waiting = Unwritten()

    def load(self, devices: Iterable[Row], refusals: Iterable[Row]) -> None:
        """Take in what was kept. Who was online is unconfirmed until it is heard: we were away, not it."""
        for row in devices:
            device = device_of(row)
            if device.presence is Presence.ONLINE:
                device = structs.replace(device, presence=Presence.UNCONFIRMED)
            self.devices[device.code] = device
        self._waiting.undrawn.update(self.devices)
        for seen in sorted((refusal_of(row) for row in refusals), key=lambda seen: seen.at):
            self.refusals[seen.code] = seen

    def change(self, code: str, changes: Mapping[str, object]) -> Device:
        """LookupError for an unknown code, ValueError for a field that no device has."""
        device = self.devices.get(code)
        if device is None:
            raise LookupError(f"no device {code}")
        # The fields' types are the caller's promise; a wrong name is refused here.
        if not _CHANGEABLE.issuperset(changes):
            raise ValueError(f"a device has no field {', '.join(sorted(changes.keys() - _CHANGEABLE))} to change")
        changed = structs.replace(device, **changes)
        if changed != device:
            self.devices[code] = changed
            self._waiting.dirty.add(code)
        return changed

    def count(self, code: str, held: Holding) -> None:
        """What it holds now; unknown codes are passed over."""
        device = self.devices.get(code)
        if device is not None:
            online = held.online if device.is_lit else 0
            self.change(code, {"channels_total": held.cameras, "channels_online": online})

    def is_lit(self, code: str) -> bool:
        """Whether what this neighbour has may count as online."""
        device = self.devices.get(code)
        return device is not None and device.is_lit

    def redraw(self, code: str) -> None:
        """Its node may have to be named or lit otherwise."""
        self._waiting.undrawn.add(code)

    def note_heard(self, heard: Mapping[str, float]) -> None:
        for code, at in heard.items():
            device = self.devices.get(code)
            if device is not None:
                self.devices[code] = structs.replace(device, heard_at=at)
                self._waiting.heard[code] = at

    def note_refusal(self, seen: RefusalSeen) -> RefusalSeen:
        """Keep the last refusal of a code, with how many came before it."""
        before = self.refusals.pop(seen.code, None)
        if before is not None:
            seen = replace(seen, count=before.count + seen.count)
        self.refusals[seen.code] = seen
        self._waiting.refusals.add(seen.code)
        while len(self.refusals) > MOST_REFUSALS:
            oldest, _ = self.refusals.popitem(last=False)
            self._waiting.refusals.add(oldest)
        if seen.code in self.devices:
            self.change(seen.code, {"refused_at": seen.at, "refusal": seen.reason.value, "refusal_note": seen.detail})
        return seen

    def forget_refusal(self, code: str) -> None:
        if self.refusals.pop(code, None) is not None:
            self._waiting.refusals.add(code)
        if code in self.devices:
            self.change(code, {"refused_at": None, "refusal": "", "refusal_note": ""})

    def forget(self, code: str) -> None:
        """The device was removed."""
        self.devices.pop(code, None)
        self._waiting.dirty.discard(code)
        self._waiting.heard.pop(code, None)

    def take(self, *, heard: bool) -> Unwritten | None:
        """What waits, the times only when they are `heard`; None when that is nothing. The taker writes it or puts it
        back."""
        waiting, later = self._waiting, Unwritten()
        if not heard:
            later.heard, waiting.heard = waiting.heard, {}
        self._waiting = later
        is_something = waiting.undrawn or waiting.dirty or waiting.refusals or waiting.heard
        return waiting if is_something else None

    def put_back(self, unwritten: Unwritten) -> None:
        """It could not be written. What was noted since is newer."""
        self._waiting.undrawn |= unwritten.undrawn
        self._waiting.dirty |= unwritten.dirty
        self._waiting.refusals |= unwritten.refusals
        self._waiting.heard = unwritten.heard | self._waiting.heard

    def refused(self, limit: int) -> list[RefusalSeen]:
        """The newest first, one for each code."""
        return list(islice(reversed(self.refusals.values()), max(0, limit)))

    def page(self, query: DeviceQuery, after: str | None, limit: int) -> Page[Device]:
        """ValueError for an unknown sort. `after` is the code of the last device shown."""
        backwards = query.sort.startswith("-")
        key = _SORTS.get(query.sort.removeprefix("-"))
        if key is None:
            raise ValueError(f"devices are sorted by {', '.join(_SORTS)}, not {query.sort!r}")
        found = sorted(
            (device for device in self.devices.values() if _answers(device, query)),
            key=lambda device: (key(device), device.code),
            reverse=backwards,
        )
        start = 0
        if after is not None:
            start = next((at + 1 for at, device in enumerate(found) if device.code == after), len(found))
        shown = found[start : start + limit]
        more = start + limit < len(found)
        return Page(tuple(shown), shown[-1].code if more and shown else None, len(found))


def _answers(device: Device, query: DeviceQuery) -> bool:
    if query.presence is not None and device.presence is not query.presence:
        return False
    if query.kind is not None and device.kind is not query.kind:
        return False
    text = query.text.strip().casefold()
    return not text or any(
        text in said.casefold()
        for said in (device.code, device.name, device.name_here or "", device.remote_host, device.manufacturer)
    )


def row_of(device: Device) -> Row:
    return {name: getattr(device, name) for name in _FIELDS} | {
        "kind": device.kind.value,
        "presence": device.presence.value,
    }


def device_of(row: Row) -> Device:
    known: dict[str, Any] = {name: row[name] for name in _FIELDS}  # columns are typed by the table
    known["kind"] = DeviceKind(known["kind"])
    known["presence"] = Presence(known["presence"])
    return Device(**known)


def refusal_row(seen: RefusalSeen) -> Row:
    return {name: getattr(seen, name) for name in _REFUSAL_FIELDS} | {"reason": seen.reason.value}


def refusal_of(row: Row) -> RefusalSeen:
    known: dict[str, Any] = {name: row[name] for name in _REFUSAL_FIELDS}  # columns are typed by the table
    known["reason"] = Refusal(known["reason"])
    return RefusalSeen(**known)
