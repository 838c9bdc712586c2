"""Work that keeps its order for each thing it is done to: a camera must not be told to stop before it is told to move.

Different things go on side by side, as far as the errands behind them reach.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from sipserver.below.errands import Errand, Errands

MOST_WAITING = 16
"""Errands that may wait for one thing; the oldest gives way, for the last command is the one that is meant."""


class Turns:
    """`add` an errand under a key; errands of one key run one after the other."""

    def __init__(self, errands: Errands) -> None:
        self._errands = errands
        self._waiting: dict[Hashable, deque[Errand]] = {}
        self.given_up = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: Hashable, what: str, errand: Errand) -> bool:
        """False when there is no room for it."""
        queue = self._waiting.get(key)
        if queue is not None:
            if len(queue) >= MOST_WAITING:
                queue.popleft()
                self.given_up += 1
            queue.append(errand)
            return True
        if not self._errands.add(what, lambda: self._take_turns(key)):
            return False
        self._waiting[key] = deque((errand,))
        return True

    async def _take_turns(self, key: Hashable) -> None:
        queue = self._waiting[key]
        try:
            while queue:
                errand = queue.popleft()
                await errand()
        finally:
            # After a failure what waits for the same thing still has its turn.
            if not queue or not self._errands.add("the next turn", lambda: self._take_turns(key)):
                del self._waiting[key]
