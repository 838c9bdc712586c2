"""Keeps those out for a while who came with a wrong key again and again. Pure: the caller says what time it is."""

from __future__ import annotations

from collections import OrderedDict

TRIES = 5
"""Wrong keys of one address before it is shut out."""
SHUT_S = 60.0
"""For so long after the last of them."""
MOST_ADDRESSES = 1024
"""The address that failed least lately is forgotten first."""


class Turnstile:
    """`refused` counts everybody who was not let in."""

    def __init__(self) -> None:
        self.refused = 0
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def is_shut(self, address: str, now: float) -> bool:
        failures, last = self._failures.get(address, (0, now))
        if now - last >= SHUT_S:
            self._failures.pop(address, None)
            return False
        return failures >= TRIES

    def turn_away(self, address: str, now: float) -> bool:
        """It failed; true when that is worth a line in the log: the first time, and when it is shut out."""
        self.refused += 1
        failures = self._failures.pop(address, (0, now))[0] + 1
        self._failures[address] = (failures, now)
        if len(self._failures) > MOST_ADDRESSES:
            self._failures.popitem(last=False)
        return failures in (1, TRIES)

    def let_in(self, address: str) -> None:
        self._failures.pop(address, None)
