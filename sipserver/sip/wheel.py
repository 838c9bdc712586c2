"""A timer wheel: deadlines in buckets of a few milliseconds, added in constant time and never searched."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

Item = TypeVar("Item")


class TimerWheel(Generic[Item]):
    """Items by deadline. Nothing is ever taken out early: whoever gets an item back knows whether it still matters."""

    __slots__ = ("_buckets", "_due", "_grain_s", "_size")

    def __init__(self, grain_s: float = 0.01) -> None:
        self._grain_s = grain_s
        self._buckets: dict[int, list[Item]] = {}
        self._due: list[int] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, at: float, item: Item) -> None:
        """Give `item` back at `at` or up to one grain later."""
        tick = int(at / self._grain_s) + 1
        bucket = self._buckets.get(tick)
        if bucket is None:
            self._buckets[tick] = [item]
            heapq.heappush(self._due, tick)
        else:
            bucket.append(item)
        self._size += 1

    def next_at(self) -> float | None:
        """When something is due; None when nothing is."""
        return self._due[0] * self._grain_s if self._due else None

    def take(self, now: float) -> list[Item]:
        """What is due at `now`, in order of deadline to one grain."""
        due: list[Item] = []
        while self._due and self._due[0] * self._grain_s <= now:
            due += self._buckets.pop(heapq.heappop(self._due))
        self._size -= len(due)
        return due
