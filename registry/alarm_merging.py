"""Which message is the same alarm over again: told twice by two ways, or a device that goes on calling. Pure."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum

from registry.alarm import KeptAlarm
from registry.events import AlarmRaised

MOST_REMEMBERED = 20_000
"""Messages and alarms that are remembered for this; the oldest is forgotten first."""
LONGEST_S = 3600.0
"""An alarm that goes on for so long becomes a new one, so that nobody misses that it goes on."""
HISTORY_S = 300.0
"""An alarm that answers a question of ours and is older is history, and nobody need look up for it."""

OTHER_METHOD = 7
"""Alarms that are none of the named kinds (GB/T 28181-2022 A.2.5 c); what they are is said by their words alone."""
Thing = tuple[str, str, int, str]
"""Neighbour, channel, method, and `sort_of` it."""


class Sort(StrEnum):
    NEW = "new"
    AGAIN = "again"
    """It goes on: counted with the one before."""
    TWIN = "twin"
    """The very message that we have already."""
    HISTORY = "history"


class Merging:
    """Remembers what was heard lately. `sort` says what a message is, and which alarm it belongs to."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._messages: OrderedDict[tuple[object, ...], float] = OrderedDict()
        self._lasting: OrderedDict[Thing, tuple[int, float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._lasting)

    def sort(self, said: AlarmRaised, now: float) -> tuple[Sort, int]:
        """(what it is, the id of the alarm it belongs to or 0); `now` is our UNIX time."""
        if said.answered and said.at < now - HISTORY_S:
            return Sort.HISTORY, 0
        mark = mark_of(said)
        seen = now - self._messages.pop(mark, float("-inf")) <= self._window_s
        self._messages[mark] = now
        _shorten(self._messages)
        if seen:
            return Sort.TWIN, 0
        thing = thing_of(said)
        number, began, last = self._lasting.get(thing, (0, 0.0, float("-inf")))
        if not number or now - last > self._window_s or now - began > LONGEST_S:
            return Sort.NEW, 0
        self._lasting[thing] = (number, began, now)
        self._lasting.move_to_end(thing)
        return Sort.AGAIN, number

    def begin(self, said: AlarmRaised, number: int, now: float) -> None:
        """It was new and is alarm `number` from now on."""
        self._lasting.pop(thing_of(said), None)
        self._lasting[thing_of(said)] = (number, now, now)
        _shorten(self._lasting)

    def recall(self, thing: Thing, number: int, began: float, last: float) -> None:
        """An alarm from before our restart, which may go on."""
        self._lasting[thing] = (number, began, last)
        _shorten(self._lasting)

    def end(self, thing: Thing, number: int) -> None:
        """Somebody closed it: whatever comes now is a new one."""
        if self._lasting.get(thing, (0,))[0] == number:
            del self._lasting[thing]


def mark_of(said: AlarmRaised) -> tuple[object, ...]:
    """By what a message is known again: its time, whoever handed it on; without one, its number and its sender."""
    if said.time_said:
        return said.channel, said.method, sort_of(said), said.event_type, said.at
    return said.owner, said.channel, said.method, sort_of(said), f"SN {said.sn}"


def thing_of(said: AlarmRaised | KeptAlarm) -> Thing:
    return said.owner, said.channel, said.method, sort_of(said)


def sort_of(said: AlarmRaised | KeptAlarm) -> str:
    """Its type; of one that can have none, its words."""
    return said.alarm_type or (said.description if said.method == OTHER_METHOD else "")


def _shorten(kept: OrderedDict[tuple[object, ...], float] | OrderedDict[Thing, tuple[int, float, float]]) -> None:
    while len(kept) > MOST_REMEMBERED:
        kept.popitem(last=False)
