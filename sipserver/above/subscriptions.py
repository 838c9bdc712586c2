"""The book of what one upper follows (GB/T 28181-2022 9.11, annex N; signalling 6.2): a table, and time as a number.

Pure: what happened and `now` come in, deeds come out; `notices` does them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gb28181.manscdp.alarm import Alarm, AlarmQuery
from gb28181.manscdp.catalog import Item
from gb28181.manscdp.position import Fix, Look
from registry.platform import SubscriptionView


class Followed(StrEnum):
    CATALOG = "catalog"
    ALARM = "alarm"
    POSITION = "position"
    PTZ = "ptz"


class Stage(StrEnum):
    FRESH = "fresh"  # the first report is still to come
    ACTIVE = "active"
    OVER = "over"


class Happening(StrEnum):
    REPORTED = "reported"
    REFRESHED = "refreshed"
    CANCELLED = "cancelled"
    RAN_OUT = "ran-out"
    DECLINED = "declined"  # 481 or another 4xx to a NOTIFY
    REPLACED = "replaced"
    LOST = "lost"  # the upper, or its connection
    WITHDRAWN = "withdrawn"  # by us


class Deed(StrEnum):
    NOTHING = "nothing"
    PROLONG = "prolong"
    FORGET = "forget"
    SAY_FAREWELL = "say-farewell"


_ENDS: Final = {
    Happening.CANCELLED: (Stage.OVER, Deed.FORGET),
    Happening.RAN_OUT: (Stage.OVER, Deed.FORGET),
    Happening.DECLINED: (Stage.OVER, Deed.FORGET),
    Happening.REPLACED: (Stage.OVER, Deed.FORGET),
    Happening.LOST: (Stage.OVER, Deed.FORGET),
    Happening.WITHDRAWN: (Stage.OVER, Deed.SAY_FAREWELL),
}

# What stands in no cell is ignored, on purpose.
TABLE: Final[dict[Stage, dict[Happening, tuple[Stage, Deed]]]] = {
    Stage.FRESH: {
        Happening.REPORTED: (Stage.ACTIVE, Deed.NOTHING),
        Happening.REFRESHED: (Stage.FRESH, Deed.PROLONG),
        **_ENDS,
    },
    Stage.ACTIVE: {
        Happening.REFRESHED: (Stage.ACTIVE, Deed.PROLONG),
        **_ENDS,
    },
    Stage.OVER: {},
}

SCOPE_LIMIT = 200_000
"""Codes of one subscription's scope that are kept; beyond it everything counts as within."""


@dataclass(slots=True)
class Subscription:
    """One thing that an upper follows: `target` as it names it, `covered` the codes beneath it (None is everything)."""

    number: int
    subject: Followed
    target: str
    event: str
    expires_at: float
    query: AlarmQuery | None = None
    interval_s: float = 5.0
    stage: Stage = Stage.FRESH
    covered: set[str] | None = None
    notified: int = 0
    fixes: dict[str, Fix] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    due_at: float = 0.0
    """When positions may be told again."""

    @property
    def is_over(self) -> bool:
        return self.stage is Stage.OVER

    def covers(self, code: str) -> bool:
        return self.covered is None or code in self.covered

    def covers_item(self, item: Item) -> bool:
        """Whether news of an item fall within; what hangs itself beneath the target comes within by that."""
        covered = self.covered
        if covered is None:
            return True
        if item.code in covered:
            if item.event == "DEL" and item.code != self.target:
                covered.discard(item.code)
            return True
        is_beneath = (
            any(parent in covered for parent in item.parent_ids)
            or item.business_group in covered
            or (bool(item.civil_code) and len(self.target) < 20 and item.civil_code.startswith(self.target))
        )
        if is_beneath and item.event in ("ADD", "UPDATE"):
            covered.add(item.code)
        return is_beneath


class BookFull(Exception):
    """An upper follows more than we keep for it."""


class SubscriptionBook:
    """Subscriptions of one upper: one for each (subject, target), a later one replaces the earlier."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_number: dict[int, Subscription] = {}
        self._by_thing: dict[tuple[Followed, str], Subscription] = {}
        self._ends: list[tuple[float, int]] = []
        self._last = 0

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(tuple(self._by_number.values()))

    def open(
        self,
        subject: Followed,
        target: str,
        *,
        event: str,
        expires_at: float,
        query: AlarmQuery | None = None,
        interval_s: float = 5.0,
    ) -> tuple[Subscription, Subscription | None]:
        """A new subscription, and the one it replaces. Raises BookFull."""
        before = self._by_thing.get((subject, target))
        if before is None and len(self._by_number) >= self._limit:
            raise BookFull(f"it follows {self._limit} things already")
        if before is not None:
            self.happened(before, Happening.REPLACED, expires_at)
        self._last += 1
        made = Subscription(self._last, subject, target, event, expires_at, query, interval_s)
        self._by_number[made.number] = self._by_thing[subject, target] = made
        heapq.heappush(self._ends, (expires_at, made.number))
        return made, before

    def happened(self, subscription: Subscription, what: Happening, expires_at: float = 0.0) -> Deed:
        """Move one on; `expires_at` comes with REFRESHED."""
        cell = TABLE[subscription.stage].get(what)
        if cell is None:
            return Deed.NOTHING
        subscription.stage, deed = cell
        if deed is Deed.PROLONG:
            subscription.expires_at = expires_at
            heapq.heappush(self._ends, (expires_at, subscription.number))
        elif subscription.is_over:
            self._by_number.pop(subscription.number, None)
            if self._by_thing.get((subscription.subject, subscription.target)) is subscription:
                del self._by_thing[subscription.subject, subscription.target]
        return deed

    def run_out(self, now: float) -> list[Subscription]:
        """Those that ended because nobody refreshed them."""
        ended: list[Subscription] = []
        while self._ends and self._ends[0][0] <= now:
            _, number = heapq.heappop(self._ends)
            subscription = self._by_number.get(number)
            # A refresh leaves the old end in the heap.
            if subscription is not None and subscription.expires_at <= now:
                self.happened(subscription, Happening.RAN_OUT)
                ended.append(subscription)
        return ended

    def of(self, subject: Followed) -> list[Subscription]:
        return [each for each in self._by_number.values() if each.subject is subject]

    def views(self, wall_ahead_s: float) -> tuple[SubscriptionView, ...]:
        """For eyes; `wall_ahead_s` makes UNIX time of the book's."""
        return tuple(
            SubscriptionView(
                str(each.subject),
                each.target,
                each.expires_at + wall_ahead_s,
                each.notified,
                len(each.fixes) + len(each.looks),
            )
            for each in self._by_number.values()
        )


def passes(query: AlarmQuery | None, alarm: Alarm) -> bool:
    """Whether an alarm is one that was asked for: priority, method, type, time. What it does not say is no obstacle."""
    if query is None:
        return True
    lowest, highest = query.start_priority or 1, query.end_priority or 4
    if alarm.priority and not lowest <= alarm.priority <= highest:
        return False
    if query.methods and alarm.method and alarm.method not in query.methods:
        return False
    types = [part.strip() for part in query.alarm_type.split("/") if part.strip() not in ("", "0")]
    if types and alarm.alarm_type is not None and str(alarm.alarm_type) not in types:
        return False
    if alarm.at is not None and query.start is not None and alarm.at < query.start:
        return False
    return not (alarm.at is not None and query.end is not None and alarm.at > query.end)
