"""Parts of one answer put together (GB/T 28181-2022 9.3.4; catalog and record lists).

Pure: parts and `now` come in, a state and a deadline go out. Parts may come in any order, twice, or not at all, and
SumNum may lie.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gb28181.peer import Gathered
from gb28181.slim_set import SlimSet

DAMAGED_BEYOND = 100
"""So many more damaged items than whole ones and a sender is not waited for on their account."""


class Progress(StrEnum):
    WAITING = "waiting"
    COMPLETE = "complete"
    STOPPED = "stopped"  # silence, or more than we keep


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait for the first part, then between parts."""

    first_s: float
    between_s: float


class Gathering:
    """Collects the parts of one answer until SumNum distinct items are there or the sender falls silent.

    `key` names an item; items with one name are one. What was damaged in a part counts as come, for waiting will not
    mend it. At most `limit` items are kept. Where the parts go elsewhere as they come, `keeps` is false, and only so
    much of the items' names is held here as knows them again.
    """

    def __init__(
        self,
        key: Callable[[object], Hashable],
        patience: Patience,
        now: float,
        *,
        limit: int = 1_000_000,
        keeps: bool = True,
    ) -> None:
        self._key = key
        self._patience = patience
        self._limit = limit
        self._keeps = keeps
        self._heard = False
        self._parts: list[object] = []
        self._seen: set[Hashable] | SlimSet = set() if keeps else SlimSet()
        self._expected = 0
        self._damaged = 0
        self.progress = Progress.WAITING
        self.deadline = now + patience.first_s

    @property
    def got(self) -> int:
        return len(self._seen)

    @property
    def expected(self) -> int:
        return self._expected

    def add(self, part: object, sum_num: int, items: Sequence[object], damaged: int, now: float) -> Progress:
        """One part more. After COMPLETE or STOPPED nothing is added."""
        if self.progress is not Progress.WAITING:
            return self.progress
        before = len(self._seen)
        if isinstance(self._seen, SlimSet):
            self._seen.update(str(self._key(item)) for item in items)
        else:
            self._seen.update(map(self._key, items))
        is_bearable = self._damaged < len(self._seen) + DAMAGED_BEYOND
        if len(self._seen) > before or (damaged and is_bearable) or not self._heard:
            self._damaged += damaged
            if self._keeps:
                self._parts.append(part)
            # Who says the same for ever is waited for no longer than who says nothing.
            self.deadline = now + self._patience.between_s
        self._heard = True
        # SumNum that changes between parts is taken at its highest: waiting too long costs less than too short.
        self._expected = max(self._expected, sum_num)
        if len(self._seen) >= self._limit:
            self.progress = Progress.STOPPED
        elif len(self._seen) + self._damaged >= self._expected and not (self._expected == 0 and self._seen):
            self.progress = Progress.COMPLETE
        return self.progress

    def give_up(self, now: float) -> bool:
        """True when the deadline has passed; then the gathering is over as it stands."""
        if self.progress is Progress.WAITING and now >= self.deadline:
            self.progress = Progress.STOPPED
        return self.progress is not Progress.WAITING

    def all_there(self) -> Gathered:
        """The result when the sender says that what came is everything."""
        self.progress, self._expected = Progress.COMPLETE, len(self._seen)
        self._heard = True
        return self.result()

    @property
    def heard_any(self) -> bool:
        return self._heard

    def result(self) -> Gathered:
        return Gathered(
            parts=tuple(self._parts),
            expected=self._expected,
            got=len(self._seen),
            complete=self.progress is Progress.COMPLETE,
            damaged=self._damaged,
        )
