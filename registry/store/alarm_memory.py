"""Alarms in memory: the same promises as in a database, but not over a restart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from registry.alarm import AlarmStep, AlarmWanted, KeptAlarm
from registry.alarm_rule import AlarmRule


class MemoryAlarms:
    """Keeps `alarm_promise.AlarmShelf`."""

    def __init__(self) -> None:
        self._alarms: dict[int, KeptAlarm] = {}
        self._steps: dict[int, dict[int, AlarmStep]] = {}
        self._rules: dict[str, AlarmRule] = {}
        self._links: dict[tuple[str, str], str] = {}

    async def keep(self, alarms: Sequence[KeptAlarm], steps: Sequence[AlarmStep] = ()) -> None:
        self._alarms.update({alarm.id: alarm for alarm in alarms})
        for step in steps:
            self._steps.setdefault(step.alarm, {})[step.number] = step

    async def find(self, wanted: AlarmWanted, before: int | None, limit: int) -> list[KeptAlarm]:
        found = (alarm for alarm in self._alarms.values() if before is None or alarm.id < before)
        return sorted(filter(wanted.wants, found), key=lambda alarm: -alarm.id)[:limit]

    async def count(self, wanted: AlarmWanted) -> int:
        return sum(map(wanted.wants, self._alarms.values()))

    async def these(self, ids: Sequence[int]) -> list[KeptAlarm]:
        return [self._alarms[number] for number in ids if number in self._alarms]

    async def steps(self, alarm: int) -> list[AlarmStep]:
        return [step for _, step in sorted(self._steps.get(alarm, {}).items())]

    async def standing(self) -> list[tuple[str, int, int]]:
        counted = Counter((str(alarm.state), alarm.priority) for alarm in self._alarms.values())
        return [(state, priority, count) for (state, priority), count in counted.items()]

    async def last_id(self) -> int:
        return max(self._alarms, default=0)

    async def prune(self, before: float, most: int) -> int:
        ids = sorted(self._alarms, reverse=True)
        gone = [number for place, number in enumerate(ids) if place >= most or self._alarms[number].heard_at < before]
        for number in gone:
            del self._alarms[number]
            self._steps.pop(number, None)
        return len(gone)

    async def rules(self) -> list[AlarmRule]:
        return [rule for _, rule in sorted(self._rules.items())]

    async def keep_rule(self, rule: AlarmRule) -> None:
        self._rules[rule.id] = rule

    async def drop_rule(self, rule: str) -> None:
        self._rules.pop(rule, None)

    async def links(self) -> list[tuple[str, str, str]]:
        return [(owner, name, camera) for (owner, name), camera in sorted(self._links.items())]

    async def keep_link(self, owner: str, name: str, camera: str) -> None:
        self._links[owner, name] = camera

    async def drop_link(self, owner: str, name: str) -> None:
        self._links.pop((owner, name), None)
