"""An alarm that is kept, the steps of its life as a table, and what may be looked for among alarms. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum


class AlarmState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    CLOSED = "closed"


class Verdict(StrEnum):
    """What an alarm turned out to be."""

    REAL = "real"
    FALSE = "false"
    DRILL = "drill"
    MAINTENANCE = "maintenance"
    OTHER = "other"


class Deed(StrEnum):
    """What somebody does with an alarm."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    COMMENT = "comment"
    CLOSE = "close"
    REOPEN = "reopen"
    RESET = "reset"
    """The device was told to reset; the note says what came of it."""


LIFE: dict[AlarmState, dict[Deed, AlarmState]] = {
    AlarmState.OPEN: {
        Deed.ACKNOWLEDGE: AlarmState.ACKNOWLEDGED,
        Deed.ASSIGN: AlarmState.ASSIGNED,
        Deed.COMMENT: AlarmState.OPEN,
        Deed.CLOSE: AlarmState.CLOSED,
        Deed.RESET: AlarmState.OPEN,
    },
    AlarmState.ACKNOWLEDGED: {
        Deed.ASSIGN: AlarmState.ASSIGNED,
        Deed.COMMENT: AlarmState.ACKNOWLEDGED,
        Deed.CLOSE: AlarmState.CLOSED,
        Deed.RESET: AlarmState.ACKNOWLEDGED,
    },
    AlarmState.ASSIGNED: {
        Deed.ASSIGN: AlarmState.ASSIGNED,
        Deed.COMMENT: AlarmState.ASSIGNED,
        Deed.CLOSE: AlarmState.CLOSED,
        Deed.RESET: AlarmState.ASSIGNED,
    },
    AlarmState.CLOSED: {
        Deed.COMMENT: AlarmState.CLOSED,
        Deed.REOPEN: AlarmState.ACKNOWLEDGED,
        Deed.RESET: AlarmState.CLOSED,
    },
}
"""What stands in no cell may not be done: nobody acknowledges what is acknowledged."""


@dataclass(frozen=True, slots=True)
class KeptAlarm:
    """One alarm as we keep it: what was said, how often, and what people did about it.

    Times are UNIX seconds: `first_at` and `last_at` by the device's word, `heard_at` by our clock. `alarm_type` is the
    standard's number within `method`, "" when not said. `name`, `owner_name` and `region` are as they were when it was
    raised; `words` is what a search reads. `video` is the channel of `owner` whose picture shows the place, "" when
    nobody can say, `snapshot` the id of a photograph of the moment. `reset` says how ResetAlarm went: "" not sent,
    asked, ok, refused, silent.
    """

    id: int
    owner: str
    channel: str
    priority: int
    method: int
    alarm_type: str
    event_type: int | None
    first_at: float
    last_at: float
    heard_at: float
    count: int = 1
    description: str = ""
    longitude: float | None = None
    latitude: float | None = None
    name: str = ""
    owner_name: str = ""
    region: str = ""
    words: str = ""
    video: str = ""
    state: AlarmState = AlarmState.OPEN
    acknowledged_by: str = ""
    acknowledged_at: float | None = None
    assigned_to: str = ""
    closed_by: str = ""
    closed_at: float | None = None
    verdict: str = ""
    reset: str = ""
    reset_note: str = ""
    snapshot: str = ""
    steps: int = 0


ALARM_FIELDS = tuple(field.name for field in fields(KeptAlarm))


@dataclass(frozen=True, slots=True)
class AlarmStep:
    """One step of an alarm's life: the `number`th, who did what and when, and what they said."""

    alarm: int
    number: int
    at: float
    who: str
    deed: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class AlarmWanted:
    """Which alarms: empty means any. `text` is looked for in names, codes, regions, spelling and the description."""

    states: tuple[str, ...] = ()
    priorities: tuple[int, ...] = ()
    methods: tuple[int, ...] = ()
    owner: str = ""
    channel: str = ""
    assigned_to: str = ""
    text: str = ""
    since: float | None = None
    until: float | None = None

    def wants(self, alarm: KeptAlarm) -> bool:
        return (
            (not self.states or alarm.state in self.states)
            and (not self.priorities or alarm.priority in self.priorities)
            and (not self.methods or alarm.method in self.methods)
            and self.owner in ("", alarm.owner)
            and self.channel in ("", alarm.channel, alarm.video)
            and self.assigned_to in ("", alarm.assigned_to)
            and (self.since is None or alarm.last_at >= self.since)
            and (self.until is None or alarm.first_at < self.until)
            and all(word in alarm.words for word in self.terms)
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """The words of `text`, each of which must be found."""
        return tuple(self.text.casefold().split()[:8])


def next_state(alarm: KeptAlarm, deed: Deed) -> AlarmState:
    """Where a deed leads. ValueError when it may not be done now."""
    state = LIFE[alarm.state].get(deed)
    if state is None:
        raise ValueError(f"alarm {alarm.id} is {alarm.state}; nobody can {deed} it now")
    return state
