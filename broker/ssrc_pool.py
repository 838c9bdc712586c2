"""Numbers for streams, lent and given back (GB/T 28181-2022 annex G: 0 or 1, five digits of the realm, four more)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from gb28181.ssrc import MAX_SERIAL, ssrc_number

REALM_DIGITS = slice(3, 8)
REALMS = 100_000
BORROWED_LIMIT = 10
"""So many other realms may be borrowed from; receivers never check those digits."""


class NoNumber(Exception):
    """Every number we may lend is lent."""


class SsrcPool:
    """Lends numbers of one kind, live or recorded. What comes back is lent again last."""

    def __init__(self, domain: str, *, live: bool = True, per_realm: int = MAX_SERIAL) -> None:
        if not 1 <= per_realm <= MAX_SERIAL:
            raise ValueError(f"a realm has 1 to {MAX_SERIAL} numbers, not {per_realm}")
        ssrc_number(live, domain, 1)  # raises ValueError for a code without realm digits
        self._domain = domain
        self._live = live
        self._per_realm = per_realm
        self._realms = 0
        self._free: deque[int] = deque()
        self._lent: set[int] = set()
        self._add_realm()

    @property
    def lent(self) -> int:
        return len(self._lent)

    @property
    def free(self) -> int:
        """Without borrowing more."""
        return len(self._free)

    @property
    def borrowed_realms(self) -> int:
        return self._realms - 1

    @contextmanager
    def lend(self) -> Iterator[int]:
        """A number that nobody else has until the block ends. Raises NoNumber."""
        if not self._free:
            self._add_realm()
        number = self._free.popleft()
        self._lent.add(number)
        try:
            yield number
        finally:
            self._lent.discard(number)
            self._free.append(number)

    def _add_realm(self) -> None:
        """The next realm's numbers: ours first, then its neighbours' (media.md 1.7)."""
        if self._realms > BORROWED_LIMIT:
            raise NoNumber(f"all {len(self._lent)} stream numbers are lent")
        own = int(self._domain[REALM_DIGITS])
        realm = f"{(own + self._realms) % REALMS:05d}"
        domain = self._domain[: REALM_DIGITS.start] + realm + self._domain[REALM_DIGITS.stop :]
        self._realms += 1
        self._free.extend(ssrc_number(self._live, domain, serial) for serial in range(1, self._per_realm + 1))
