"""What a device watches over: alarm inputs on guard or not, and streams it records by order."""

from __future__ import annotations

from dataclasses import dataclass, field

from gb28181.manscdp.control import DeviceControl
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery, Duty

ON, OFF, ALARM = "ONDUTY", "OFFDUTY", "ALARM"


@dataclass(slots=True)
class Duties:
    """`duty` by the code of an alarm input (the device itself at least); `recording` are (channel, stream) pairs."""

    own: str
    streams: tuple[int, ...] = (0, 1)
    duty: dict[str, str] = field(default_factory=dict)
    recording: set[tuple[str, int]] = field(default_factory=set)
    resets: int = 0
    """How often alarms were reset."""

    def __post_init__(self) -> None:
        self.duty.setdefault(self.own, OFF)

    def obey(self, told: DeviceControl) -> str:
        """Guard, reset and recording in a control; why it is not obeyed, or ""."""
        if told.guard is not None:
            self.duty[told.device] = ON if told.guard else OFF
        if told.alarm_reset:
            self.resets += 1
            for code, duty in self.duty.items():
                if duty == ALARM and told.device in (code, self.own):
                    self.duty[code] = ON
        if told.record is not None:
            return self._record(told.device, told.stream_number or 0, told.record)
        return ""

    def raise_alarm(self, code: str) -> bool:
        """An input sees something; true when it is on guard and says so."""
        if self.duty.get(code, OFF) == OFF:
            return False
        self.duty[code] = ALARM
        return True

    def _record(self, channel: str, stream: int, on: bool) -> str:
        if stream not in self.streams:
            return f"no stream {stream}"
        (self.recording.add if on else self.recording.discard)((channel, stream))
        return ""

    def status(self, asked: DeviceStatusQuery, at: float) -> DeviceStatus:
        """How the device is, or one channel of it."""
        mine = [each for each in self.recording if asked.device in (self.own, each[0])]
        duties = tuple(Duty(code, duty) for code, duty in self.duty.items())
        return DeviceStatus(asked.sn, asked.device, at=at, encoding=True, recording=bool(mine), duties=duties)
