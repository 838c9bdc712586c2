"""A timer wheel: deadlines in buckets of a few milliseconds, added in constant time and never searched."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class TimerWheel(Generic[Thing]):
    """Named timers of things, by deadline. Nothing is ever taken out early: who gets one back knows if it matters."""

    __slots__ = ("_due", "_grain_s", "_names", "_things")

    def __init__(self, grain_s: float = 0.01) -> None:
        self._grain_s = grain_s
        # Two flat lists a bucket and no pair for each timer: there are hundreds of thousands of them.
        self._names: dict[int, list[str]] = {}
        self._things: dict[int, list[Thing]] = {}
        self._due: list[int] = []

    def __len__(self) -> int:
        return sum(len(bucket) for bucket in self._names.values())

    def add(self, at: float, name: str, thing: Thing) -> None:
        """Give `name` and `thing` back at `at` or up to one grain later."""
        tick = int(at / self._grain_s) + 1
        names = self._names.get(tick)
        if names is None:
            self._names[tick] = [name]
            self._things[tick] = [thing]
            heapq.heappush(self._due, tick)
        else:
            names.append(name)
            self._things[tick].append(thing)

    def next_at(self) -> float | None:
        """When something is due; None when nothing is."""
        return self._due[0] * self._grain_s if self._due else None

    def take(self, now: float) -> list[tuple[str, Thing]]:
        """What is due at `now`, in order of deadline to one grain."""
        due: list[tuple[str, Thing]] = []
        while self._due and self._due[0] * self._grain_s <= now:
            tick = heapq.heappop(self._due)
            due += zip(self._names.pop(tick), self._things.pop(tick), strict=True)
        return due
