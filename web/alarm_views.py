"""An alarm as consoles and programs see it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gb28181.alarm_words import Words, method_words, title
from registry.alarm import AlarmStep, KeptAlarm


class Named(msgspec.Struct, frozen=True):
    """One meaning in both languages."""

    zh: str
    en: str

    @classmethod
    def of(cls, words: Words) -> Named:
        return cls(words.zh, words.en)


class AlarmItem(msgspec.Struct, frozen=True):
    """One alarm. `priority` is 1 (highest) to 4, `method` 1 to 7, 0 where it was not said; `type` is to be read by
    `method`, and `title` says both in words. Times are UNIX seconds: `first_at` and `last_at` by the device's clock,
    `heard_at` by ours. `video` is the channel of `owner` that shows the place, "" when nobody can say which.

    `state` is open, acknowledged, assigned or closed; `verdict` real, false, drill, maintenance or other; `reset` says
    how the device took ResetAlarm: "" not sent, asked, ok, refused or silent.
    `snapshot` is the id of a photograph of the moment, "" when there is none.
    """

    id: int
    owner: str
    channel: str
    name: str
    owner_name: str
    region: str
    video: str
    priority: int
    method: int
    type: str
    event_type: int | None
    title: Named
    method_name: Named
    description: str
    longitude: float | None
    latitude: float | None
    first_at: float
    last_at: float
    heard_at: float
    count: int
    state: str
    acknowledged_by: str
    acknowledged_at: float | None
    assigned_to: str
    closed_by: str
    closed_at: float | None
    verdict: str
    reset: str
    reset_note: str
    snapshot: str


class AlarmNews(msgspec.Struct, frozen=True):
    """Something happened to an alarm: `what` is raised, repeated, or what somebody did."""

    what: str
    alarm: AlarmItem


class StepItem(msgspec.Struct, frozen=True):
    """One step of an alarm's life; `who` is empty for the house itself."""

    at: float
    who: str
    deed: str
    note: str


class AlarmCounts(msgspec.Struct, frozen=True):
    """What waits for somebody: `open` alarms by priority (0: not said), and how many are `unclosed` in all."""

    open: dict[str, int]
    unclosed: int


def alarm_counts(open_by_priority: Mapping[int, int], unclosed: int) -> AlarmCounts:
    return AlarmCounts({str(priority): count for priority, count in open_by_priority.items()}, unclosed)


def alarm_item(alarm: KeptAlarm) -> AlarmItem:
    kind = int(alarm.alarm_type) if alarm.alarm_type.isdigit() else None
    return AlarmItem(
        id=alarm.id,
        owner=alarm.owner,
        channel=alarm.channel,
        name=alarm.name,
        owner_name=alarm.owner_name,
        region=alarm.region,
        video=alarm.video,
        priority=alarm.priority,
        method=alarm.method,
        type=alarm.alarm_type,
        event_type=alarm.event_type,
        title=Named.of(title(alarm.method, kind, alarm.event_type)),
        method_name=Named.of(method_words(alarm.method)),
        description=alarm.description,
        longitude=alarm.longitude,
        latitude=alarm.latitude,
        first_at=alarm.first_at,
        last_at=alarm.last_at,
        heard_at=alarm.heard_at,
        count=alarm.count,
        state=str(alarm.state),
        acknowledged_by=alarm.acknowledged_by,
        acknowledged_at=alarm.acknowledged_at,
        assigned_to=alarm.assigned_to,
        closed_by=alarm.closed_by,
        closed_at=alarm.closed_at,
        verdict=alarm.verdict,
        reset=alarm.reset,
        reset_note=alarm.reset_note,
        snapshot=alarm.snapshot,
    )


def step_item(step: AlarmStep) -> StepItem:
    return StepItem(step.at, step.who, step.deed, step.note)
