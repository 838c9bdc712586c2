"""Whose pictures flow: the leases of every session and key, given back when it ends."""

from __future__ import annotations

from web.auth import Who
from web.errors import Problem
from web.wishes import Watching


class Leases:
    """Remembers leases by holder (`Who.id`). A holder has at most `most` of them, pending wishes included."""

    def __init__(self, broker: Watching, most: int) -> None:
        self._broker = broker
        self._most = most
        self._held: dict[str, dict[str, str]] = {}
        self._pending: dict[str, int] = {}

    def holders(self) -> dict[str, str]:
        """Each holder's id and the name of whose it is."""
        return {holder: next(iter(held.values())) for holder, held in self._held.items() if held}

    def count(self, holder: str) -> int:
        return len(self._held.get(holder, ())) + self._pending.get(holder, 0)
