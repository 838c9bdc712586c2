"""What the house does by itself when an alarm is raised: it records, shows the picture, turns the camera."""

from __future__ import annotations

from dataclasses import dataclass, fields

from registry.alarm import KeptAlarm

MOST_RULES = 500
LONGEST_RECORD_S = 3600


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """Which alarms, and what is done about them. ValueError for what cannot be meant.

    `owner` and `channel` are of a neighbour and its channel, "" any; `methods` empty means any; priorities count from 1
    down to `lowest_priority`. `record_s` is for how long the picture is recorded, 0 not at all; `popup` shows it on the
    walls; `preset` is called, 0 none.
    """

    id: str
    name: str
    enabled: bool = True
    owner: str = ""
    channel: str = ""
    methods: tuple[int, ...] = ()
    lowest_priority: int = 4
    record_s: int = 0
    popup: bool = False
    preset: int = 0

    def __post_init__(self) -> None:
        if any(not 1 <= method <= 7 for method in self.methods):
            raise ValueError("methods are 1 to 7")
        if not 1 <= self.lowest_priority <= 4:
            raise ValueError(f"lowest_priority is 1 to 4, not {self.lowest_priority}")
        if not 0 <= self.record_s <= LONGEST_RECORD_S:
            raise ValueError(f"record_s is 0 to {LONGEST_RECORD_S}, not {self.record_s}")
        if not 0 <= self.preset <= 255:
            raise ValueError(f"a preset is 1 to 255, 0 for none, not {self.preset}")
        if not (self.record_s or self.popup or self.preset):
            raise ValueError("a rule records, shows a picture or calls a preset")

    def applies_to(self, alarm: KeptAlarm) -> bool:
        """A priority that was not said counts as the lowest."""
        return (
            self.enabled
            and self.owner in ("", alarm.owner)
            and self.channel in ("", alarm.channel, alarm.video)
            and (not self.methods or alarm.method in self.methods)
            and (alarm.priority or 4) <= self.lowest_priority
        )


RULE_FIELDS = tuple(field.name for field in fields(AlarmRule))
