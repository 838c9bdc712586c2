"""Refusals on their way to the directory: the first of a kind at once, its repeats together every few seconds."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import replace

from registry.refusal import Refusal, RefusalSeen

_Kind = tuple[str, Refusal, str]


class Grievances:
    """Every refusal is told with its number, yet a flood costs a few notes. At most `size` kinds are remembered."""

    def __init__(self, tell: Callable[[RefusalSeen], None], *, every_s: float = 5.0, size: int = 10_000) -> None:
        self._tell = tell
        self._every_s = every_s
        self._size = size
        self._told: OrderedDict[_Kind, float] = OrderedDict()
        self._held: dict[_Kind, RefusalSeen] = {}
        self.total = 0
        self.by_reason: Counter[Refusal] = Counter()

    def note(self, seen: RefusalSeen) -> None:
        """Tell it now, or hold it for `flush` when one of its kind was told a moment ago."""
        self.total += seen.count
        self.by_reason[seen.reason] += seen.count
        kind = (seen.code, seen.reason, seen.source.rpartition(":")[0])
        last = self._told.get(kind)
        if last is None or seen.at - last >= self._every_s or seen.at < last:
            self._now(kind, seen)
            return
        held = self._held.get(kind)
        self._held[kind] = seen if held is None else replace(seen, count=held.count + seen.count)

    def flush(self, at: float) -> None:
        """Tell what has been held long enough. Call about once a second."""
        if not self._held:
            return
        ripe = [kind for kind in self._held if at - self._told.get(kind, 0.0) >= self._every_s]
        for kind in ripe:
            self._now(kind, self._held[kind])

    def _now(self, kind: _Kind, seen: RefusalSeen) -> None:
        held = self._held.pop(kind, None)
        count = seen.count if held is None or held is seen else seen.count + held.count
        self._told[kind] = seen.at
        self._told.move_to_end(kind)
        while len(self._told) > self._size:
            gone, _ = self._told.popitem(last=False)
            forgotten = self._held.pop(gone, None)
            if forgotten is not None:
                self._tell(forgotten)
        self._tell(seen if count == seen.count else replace(seen, count=count))
