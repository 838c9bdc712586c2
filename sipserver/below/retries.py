"""Challenges that nobody answers: the 401 got lost on its way, or the device has no password set.

Both look like silence, and the operator must hear of it in other words than of a wrong password.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple


class Unanswered(NamedTuple):
    """A challenge that was sent and that brought nothing."""

    code: str
    host: str
    port: int
    transport: str
    via: str
    """Where the device itself believes to be, "host:port" of its Via."""
    user_agent: str
    times: int
    """How many challenges it got meanwhile."""


class RetryWatch:
    """Remembers at most `size` open challenges, each for `patience_s`; the ones that do not fit are not watched."""

    def __init__(self, *, patience_s: float, size: int) -> None:
        self._patience_s = patience_s
        self._size = size
        self._open: dict[tuple[str, str], tuple[float, Unanswered]] = {}
        self._heap: list[tuple[float, tuple[str, str]]] = []

    def __len__(self) -> int:
        return len(self._open)

    def challenged(self, what: Unanswered, now: float) -> None:
        """A challenge goes out. Repeated ones are one story, which ends when the first of them should have."""
        key = (what.code, what.host)
        kept = self._open.get(key)
        if kept is not None:
            deadline, before = kept
            self._open[key] = (deadline, what._replace(times=before.times + 1))
        elif len(self._open) < self._size:
            deadline = now + self._patience_s
            self._open[key] = (deadline, what)
            heapq.heappush(self._heap, (deadline, key))

    def answered(self, code: str, host: str) -> bool:
        """Credentials came. True when a challenge was open for them."""
        return self._open.pop((code, host), None) is not None

    def due(self, now: float) -> list[Unanswered]:
        """The challenges whose time is over."""
        silent: list[Unanswered] = []
        while self._heap and self._heap[0][0] <= now:
            deadline, key = heapq.heappop(self._heap)
            kept = self._open.get(key)
            if kept is not None and kept[0] == deadline:
                del self._open[key]
                silent.append(kept[1])
        return silent
