"""How often one may guess: a growing wait after wrong passwords, then a lock-out. Pure; `now` is a number."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """Failures are counted per name at an address, per name and per address; each has its own patience."""

    free_failures: int = 3
    """So many wrong passwords cost nothing but themselves."""
    first_wait_s: float = 1.0
    """The wait after the next one; it doubles with each."""
    failures_before_lock: int = 8
    """Of one name at one address."""
    failures_of_a_name: int = 40
    """Of one name from anywhere: high, so that a stranger cannot easily lock somebody out."""
    failures_of_an_address: int = 40
    lock_s: float = 900.0
    forget_s: float = 3600.0
    """Failures older than this are forgotten."""
    most_rows: int = 20_000


@dataclass(slots=True)
class _Row:
    failures: int = 0
    last_at: float = 0.0
    closed_until: float = 0.0
    locked: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """`wait_s` above 0: not now. `newly_locked`: this attempt, if it is wrong too, begins a lock-out."""

    wait_s: float
    locked: bool = False
    newly_locked: bool = False


class Throttle:
    """Counts an attempt before its password is looked at, so that a hundred at once are still a hundred."""

    def __init__(self, settings: ThrottleSettings | None = None) -> None:
        self._settings = settings or ThrottleSettings()
        self._rows: OrderedDict[tuple[str, str], _Row] = OrderedDict()
        self.refused = 0

    def attempt(self, name: str, address: str, now: float) -> Attempt:
        """Take one guess for `name` from `address`: allowed and counted as wrong, or told how long to wait."""
        keys = self._keys(name, address)
        standing = [row for key, _ in keys if (row := self._row(key, now)) is not None and row.closed_until > now]
        if standing:
            self.refused += 1
            return Attempt(max(row.closed_until for row in standing) - now, locked=any(row.locked for row in standing))
        newly = [self._count(key, most, now) for key, most in keys]
        return Attempt(0.0, newly_locked=any(newly))

    def succeeded(self, name: str, address: str) -> None:
        """The password was right: this name at this address begins anew; the attempt counts for nobody."""
        for key, _ in self._keys(name, address):
            row = self._rows.get(key)
            if row is None:
                continue
            row.failures -= 1
            row.closed_until, row.locked = 0.0, False
        self._rows.pop((name, address), None)

    def __len__(self) -> int:
        return len(self._rows)

    def _keys(self, name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
        most = self._settings
        return (
            ((name, address), most.failures_before_lock),
            ((name, ""), most.failures_of_a_name),
            (("", address), most.failures_of_an_address),
        )

    def _row(self, key: tuple[str, str], now: float) -> _Row | None:
        row = self._rows.get(key)
        if row is not None and now - row.last_at > self._settings.forget_s:
            del self._rows[key]
            return None
        return row

    def _count(self, key: tuple[str, str], most: int, now: float) -> bool:
        """One more failure in a row of the table; whether that locks it. A full table forgets its oldest row."""
        row = self._rows.setdefault(key, _Row())
        self._rows.move_to_end(key)
        if len(self._rows) > self._settings.most_rows:
            self._rows.popitem(last=False)
        row.failures += 1
        row.last_at = now
        if row.failures >= most:
            row.failures, row.closed_until, row.locked = 0, now + self._settings.lock_s, True
            return True
        row.locked = False
        # Only a name at its address is slowed step by step: a shared address must not slow a whole control room.
        over = row.failures - self._settings.free_failures
        if key[0] and key[1] and over >= 0:
            row.closed_until = now + self._settings.first_wait_s * 2.0 ** min(over, 16)
        return False
