"""Alarm: a device raises it, we subscribe to it and answer it (GB/T 28181-2022 9.4, A.2.4.7 and A.2.5.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from gb28181.manscdp.device_info import extensions
from gb28181.manscdp.fields import Fields
from gb28181.manscdp.writing import Sheet


class AlarmMethod(IntEnum):
    """How an alarm came about; 0 stands in queries and resets and means all."""

    ALL = 0
    TELEPHONE = 1
    DEVICE = 2
    SMS = 3
    GPS = 4
    VIDEO = 5
    FAULT = 6
    OTHER = 7


@dataclass(frozen=True, slots=True)
class AlarmResponse:
    """We have the alarm; some devices repeat it until they hear so."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "Alarm"

    sn: int
    device: str
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of `device`, which may be the parent of the channel meant, or a ten-digit alarm centre.

    `priority` is 1 (highest) to 4, `method` an `AlarmMethod` number, either 0 when not said; `at` UNIX seconds, None
    when not said; `alarm_type` is to be read by `method`; `event_type` is 1 for entering, 2 for leaving an area.
    """

    root: ClassVar[str] = "Notify"
    cmd_type: ClassVar[str] = "Alarm"
    answer_type: ClassVar[type] = AlarmResponse
    in_parts: ClassVar[bool] = False

    sn: int
    device: str
    priority: int = 0
    method: int = 0
    at: float | None = None
    description: str = ""
    longitude: float | None = None
    latitude: float | None = None
    alarm_type: int | None = None
    event_type: int | None = None
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmQuery:
    """The body of an alarm subscription: priorities 1 to 4 (0 all), methods (none is all), UNIX seconds."""

    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "Alarm"
    answer_type: ClassVar[type] = Alarm
    in_parts: ClassVar[bool] = False

    sn: int
    device: str
    start_priority: int = 0
    end_priority: int = 0
    methods: tuple[int, ...] = ()
    alarm_type: str = ""
    start: float | None = None
    end: float | None = None


def read_alarm(sn: int, device: str, fields: Fields, damaged: int) -> Alarm:
    info = fields.inside("Info")
    params = info.inside("AlarmTypeParam") if info else None
    return Alarm(
        sn,
        device,
        priority=fields.count("AlarmPriority") or 0,
        method=fields.count("AlarmMethod") or 0,
        at=fields.time("AlarmTime"),
        description=fields.text("AlarmDescription"),
        longitude=fields.number("Longitude"),
        latitude=fields.number("Latitude"),
        alarm_type=_either(info, fields, "AlarmType"),
        event_type=_either(params, info, "EventType"),
        extra=extensions(fields) + (extensions(info) if info else ()),
    )


def _either(inner: Fields | None, outer: Fields | None, name: str) -> int | None:
    """A number looked for inside first: devices put these one level too high."""
    for place in (inner, outer):
        value = place.count(name) if place else None
        if value is not None:
            return value
    return None


def write_alarm(said: Alarm, sheet: Sheet) -> None:
    sheet.must("AlarmPriority", said.priority)
    sheet.must("AlarmMethod", said.method)
    sheet.time("AlarmTime", said.at)
    sheet.may("AlarmDescription", said.description)
    sheet.may("Longitude", said.longitude)
    sheet.may("Latitude", said.latitude)
    if said.alarm_type is not None or said.event_type is not None:
        sheet.open("Info")
        sheet.may("AlarmType", said.alarm_type)
        if said.event_type is not None:
            sheet.row(f"<AlarmTypeParam><EventType>{said.event_type}</EventType></AlarmTypeParam>")
        sheet.close("Info")
    sheet.extensions(said.extra)


def read_alarm_response(sn: int, device: str, fields: Fields, damaged: int) -> AlarmResponse:
    return AlarmResponse(sn, device, fields.switch("Result") is not False)


def write_alarm_response(said: AlarmResponse, sheet: Sheet) -> None:
    sheet.result(said.ok)


def read_alarm_query(sn: int, device: str, fields: Fields, damaged: int) -> AlarmQuery:
    return AlarmQuery(
        sn,
        device,
        start_priority=fields.count("StartAlarmPriority") or 0,
        end_priority=fields.count("EndAlarmPriority") or 0,
        methods=read_methods(fields.text("AlarmMethod")),
        alarm_type=fields.text("AlarmType"),
        start=fields.time("StartAlarmTime", "StartTime"),
        end=fields.time("EndAlarmTime", "EndTime"),
    )


def write_alarm_query(said: AlarmQuery, sheet: Sheet) -> None:
    sheet.must("StartAlarmPriority", said.start_priority)
    sheet.must("EndAlarmPriority", said.end_priority)
    sheet.must("AlarmMethod", written_methods(said.methods, sheet))
    sheet.may("AlarmType", said.alarm_type)
    sheet.time("StartAlarmTime", said.start)
    sheet.time("EndAlarmTime", said.end)


def read_methods(text: str) -> tuple[int, ...]:
    """Alarm methods in either edition's combination: `1/2` (2022) or `12` (2016); 0 is all and gives none."""
    found = (int(digit) for digit in text if digit in "1234567")
    return tuple(dict.fromkeys(found))


def written_methods(methods: tuple[int, ...], sheet: Sheet) -> str:
    return ("/" if sheet.edition.is_2022 else "").join(map(str, methods)) or "0"
