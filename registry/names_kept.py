"""Our own names of channels that are gone: a neighbour that takes a channel back and tells of it again means the same
camera, and our operators need not name it twice.

Pure: a `Parting` is worked out first, then stored, then true.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

MOST = 100_000
"""Of all neighbours together; the name that has waited longest gives way."""
KEPT_FOR_S = 365 * 86_400.0
"""Whatever has not come back in a year is another camera when it comes."""

Key = tuple[str, str]
"""Owner and code."""


@dataclass(frozen=True, slots=True)
class Parting:
    """What changes: names that begin to wait, and those that wait no more."""

    kept: Mapping[Key, str]
    dropped: tuple[Key, ...]
    at: float


class NamesKept:
    """By owner and code. Times are UNIX seconds."""

    def __init__(self) -> None:
        self._gone_at: OrderedDict[Key, float] = OrderedDict()
        self._names: dict[str, dict[str, str]] = {}

    def __len__(self) -> int:
        return len(self._gone_at)

    def load(self, rows: Iterable[tuple[str, str, str, float]]) -> None:
        """Owner, code, name and since when the channel is gone, in any order, into an empty book."""
        for owner, code, name, at in sorted(rows, key=lambda row: row[3]):
            self._keep((owner, code), name, at)

    def of(self, owner: str) -> Mapping[str, str]:
        """The names that wait for channels of one neighbour, by code."""
        return self._names.get(owner, {})

    def part(self, owner: str, gone: Mapping[str, str], back: Iterable[str], now: float) -> Parting:
        """Channels went, with our names of them, and others came: those have their names, or another one by now."""
        mine = self._names.get(owner, {})
        kept = {(owner, code): name for code, name in islice(gone.items(), MOST)}
        dropped = {(owner, code): None for code in back if code in mine and code not in gone}
        room = MOST - len(kept)
        waiting = len(self._gone_at) - len(dropped)
        for key, at in self._gone_at.items():
            if waiting <= room and now - at <= KEPT_FOR_S:
                break
            if key not in dropped and key not in kept:
                dropped[key] = None
                waiting -= 1
        return Parting(kept, tuple(dropped), now)

    def forget(self, owner: str) -> Parting:
        """The neighbour was removed."""
        return Parting({}, tuple((owner, code) for code in self._names.get(owner, {})), 0.0)

    def adopt(self, parting: Parting) -> None:
        """What was worked out is stored now."""
        for owner, code in parting.dropped:
            self._gone_at.pop((owner, code), None)
            mine = self._names.get(owner, {})
            mine.pop(code, None)
            if not mine:
                self._names.pop(owner, None)
        for key, name in parting.kept.items():
            self._keep(key, name, parting.at)

    def _keep(self, key: Key, name: str, at: float) -> None:
        owner, code = key
        self._names.setdefault(owner, {})[code] = name
        self._gone_at.pop(key, None)
        self._gone_at[key] = at
