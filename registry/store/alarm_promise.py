"""What a store promises of alarms: they are many, so they are asked for and never held whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from registry.alarm import AlarmStep, AlarmWanted, KeptAlarm
from registry.alarm_rule import AlarmRule


class AlarmShelf(Protocol):
    """Alarms by id, which grows; and the steps of their lives."""

    async def keep(self, alarms: Sequence[KeptAlarm], steps: Sequence[AlarmStep] = ()) -> None:
        """Insert or replace, all or nothing."""

    async def find(self, wanted: AlarmWanted, before: int | None, limit: int) -> list[KeptAlarm]:
        """Newest first, those with an id below `before`."""

    async def count(self, wanted: AlarmWanted) -> int: ...

    async def these(self, ids: Sequence[int]) -> list[KeptAlarm]:
        """Those that are there, in any order."""

    async def steps(self, alarm: int) -> list[AlarmStep]:
        """Of one alarm, in order."""

    async def standing(self) -> list[tuple[str, int, int]]:
        """(state, priority, how many) of all alarms."""

    async def last_id(self) -> int:
        """0 when there is none."""

    async def prune(self, before: float, most: int) -> int:
        """Forget what was heard before a time and, of the oldest, what is more than `most`; how many that was."""

    async def rules(self) -> list[AlarmRule]:
        """In order of their ids; they are few."""

    async def keep_rule(self, rule: AlarmRule) -> None: ...

    async def drop_rule(self, rule: str) -> None: ...

    async def links(self) -> list[tuple[str, str, str]]:
        """(owner, input, camera): which camera looks at what an alarm input guards."""

    async def keep_link(self, owner: str, name: str, camera: str) -> None: ...

    async def drop_link(self, owner: str, name: str) -> None: ...
