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
        self._realms = 1
        self._unused = range(1, per_realm + 1)
        """Serials of the last realm that nobody had yet: numbers are made when they are taken."""
        self._returned: deque[int] = deque()
        self._lent: set[int] = set()

    @property
    def lent(self) -> int:
        return len(self._lent)

    @property
    def free(self) -> int:
        """Without borrowing more."""
        return len(self._unused) + len(self._returned)

    @property
    def borrowed_realms(self) -> int:
        return self._realms - 1

    @contextmanager
    def lend(self) -> Iterator[int]:
        """A number that nobody else has until the block ends. Raises NoNumber."""
        number = self._take()
        self._lent.add(number)
        try:
            yield number
        finally:
            self._lent.discard(number)
            self._returned.append(number)

    def _take(self) -> int:
        """One that nobody had yet, else the one that came back first, else the first of another realm."""
        if not self._unused:
            if self._returned:
                return self._returned.popleft()
            if self._realms > BORROWED_LIMIT:
                raise NoNumber(f"all {len(self._lent)} stream numbers are lent")
            self._realms += 1
            self._unused = range(1, self._per_realm + 1)
        serial, self._unused = self._unused[0], self._unused[1:]
        return ssrc_number(self._live, self._realm_domain(), serial)

    def _realm_domain(self) -> str:
        """The domain of the last realm: ours first, then its neighbours' (media.md 1.7)."""
        realm = (int(self._domain[REALM_DIGITS]) + self._realms - 1) % REALMS
        return f"{self._domain[: REALM_DIGITS.start]}{realm:05d}{self._domain[REALM_DIGITS.stop :]}"
