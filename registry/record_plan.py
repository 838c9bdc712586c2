"""What shall be recorded of a channel, and when: always, by the week, when it alarms; and what is missing of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from registry.spans import Span, union, within
from registry.store.promise import Row

DAY_S = 86_400
MOST_A_DAY = 8
"""Spans of one day, as devices have them (GB/T 28181-2022 A.2.1, VideoRecordPlan)."""
FORMS = ("mp4", "ps")
LONGEST_POST_S = 3_600
Week = tuple[tuple[tuple[int, int], ...], ...]
NO_WEEK: Week = ((), (), (), (), (), (), ())


class PlanKey(NamedTuple):
    """Whose plan it is: one a stream of a channel."""

    owner: str
    channel: str
    stream: int


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """`week` has seven days, Monday first, each with up to eight spans in seconds of the local day.

    `quota_bytes` and `keep_days` None are those of the settings; 0 is without end. Up to `settled_at` (UNIX seconds)
    what is missing has been written down for good. ValueError at birth when a field cannot be meant.
    """

    owner: str
    channel: str
    stream: int = 0
    always: bool = False
    week: Week = NO_WEEK
    on_alarm: bool = False
    post_s: int = 60
    """So long after the last alarm."""
    form: str = "mp4"
    quota_bytes: int | None = None
    keep_days: int | None = None
    fills: bool = True
    """Whether gaps are filled from what the device has recorded itself."""
    enabled: bool = True
    settled_at: float = 0.0

    def __post_init__(self) -> None:
        _check(bool(self.owner) and bool(self.channel), "owner and channel are codes")
        _check(0 <= self.stream <= 9, "stream is 0 to 9")
        _check(len(self.week) == 7, "a week has seven days")
        for day in self.week:
            _check(len(day) <= MOST_A_DAY, f"a day has at most {MOST_A_DAY} spans")
            _check(all(0 <= start < end <= DAY_S for start, end in day), "a span begins before it ends, within its day")
        _check(1 <= self.post_s <= LONGEST_POST_S, f"post_s is 1 to {LONGEST_POST_S}")
        _check(self.form in FORMS, f"form is {' or '.join(FORMS)}")
        _check(self.quota_bytes is None or self.quota_bytes >= 0, "quota_bytes is not negative")
        _check(self.keep_days is None or self.keep_days >= 0, "keep_days is not negative")

    @property
    def key(self) -> PlanKey:
        return PlanKey(self.owner, self.channel, self.stream)

    def wanted(self, start_ms: int, end_ms: int, called: Iterable[Span] = ()) -> list[Span]:
        """What of a window shall be recorded; `called` are spans that alarms asked for."""
        if not self.enabled:
            return []
        if self.always:
            return [(start_ms, end_ms)] if start_ms < end_ms else []
        spans = list(called) if self.on_alarm else []
        if any(self.week):
            spans += _of_week(self.week, start_ms, end_ms)
        return within(spans, start_ms, end_ms)

    def next_change(self, now_ms: int, called: Iterable[Span] = ()) -> int:
        """When something else will be wanted than now, a day ahead at most."""
        spans = self.wanted(now_ms, now_ms + DAY_S * 1000, called)
        edges = [edge for span in spans for edge in span if edge > now_ms]
        return min(edges, default=now_ms + DAY_S * 1000)


class GapState(StrEnum):
    """What becomes of a gap."""

    OPEN = "open"  # it is to be filled, or only listed where the plan does not fill
    FILLING = "filling"
    FILLED = "filled"
    GIVEN_UP = "given-up"  # `note` says why


@dataclass(frozen=True, slots=True)
class Gap:
    """A span that should have been recorded and was not. `reason` is why, `note` what filling it came to."""

    owner: str
    channel: str
    stream: int
    start_ms: int
    end_ms: int
    reason: str
    state: GapState = GapState.OPEN
    tries: int = 0
    next_at: float = 0.0
    note: str = ""

    @property
    def key(self) -> PlanKey:
        return PlanKey(self.owner, self.channel, self.stream)

    @property
    def span(self) -> Span:
        return self.start_ms, self.end_ms


PLAN_FIELDS = tuple(each.name for each in fields(RecordPlan))
GAP_FIELDS = tuple(each.name for each in fields(Gap))


def plan_row(plan: RecordPlan) -> Row:
    row: Row = {name: getattr(plan, name) for name in PLAN_FIELDS}
    return row | {"week": msgspec.json.encode(plan.week).decode()}


def plan_of(row: Row) -> RecordPlan:
    known: dict[str, Any] = {name: row[name] for name in PLAN_FIELDS}  # columns are typed by the table
    return RecordPlan(**known | {"week": msgspec.json.decode(str(row["week"]), type=Week)})


def gap_row(gap: Gap) -> Row:
    return {name: getattr(gap, name) for name in GAP_FIELDS} | {"state": str(gap.state)}


def gap_of(row: Row) -> Gap:
    known: dict[str, Any] = {name: row[name] for name in GAP_FIELDS}  # columns are typed by the table
    return replace(Gap(**known), state=GapState(str(row["state"])))


def _of_week(week: Week, start_ms: int, end_ms: int) -> list[Span]:
    """The spans of a weekly plan that touch a window, by the local clock, whatever it does in spring."""
    spans: list[Span] = []
    day = datetime.fromtimestamp(start_ms / 1000).replace(hour=0, minute=0, second=0, microsecond=0)
    while day.timestamp() * 1000 < end_ms:
        for start, end in week[day.weekday()]:
            begins, ends = day + timedelta(seconds=start), day + timedelta(seconds=end)
            spans.append((int(begins.timestamp() * 1000), int(ends.timestamp() * 1000)))
        day += timedelta(days=1)
    return union(spans)


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(f"a recording plan cannot be so: {sentence}")
