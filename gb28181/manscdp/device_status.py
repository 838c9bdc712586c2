"""DeviceStatus: how a device is (GB/T 28181-2022 9.5.3, A.2.4.2 and A.2.6.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.manscdp.fields import Fields, local_name
from gb28181.manscdp.writing import Sheet, row


@dataclass(frozen=True, slots=True)
class Duty:
    """An alarm input and whether it is ONDUTY, OFFDUTY or in ALARM."""

    device: str
    duty: str


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """`online` and `status_ok` as the device says them; `at` is its clock in UNIX seconds.

    `encoding` and `recording` are None when it does not say.
    """

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "DeviceStatus"

    sn: int
    device: str
    ok: bool = True
    online: bool = True
    status_ok: bool = True
    reason: str = ""
    encoding: bool | None = None
    recording: bool | None = None
    at: float | None = None
    duties: tuple[Duty, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceStatusQuery:
    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "DeviceStatus"
    answer_type: ClassVar[type] = DeviceStatus
    in_parts: ClassVar[bool] = False

    sn: int
    device: str


def read_device_status(sn: int, device: str, fields: Fields, damaged: int) -> DeviceStatus:
    return DeviceStatus(
        sn,
        device,
        ok=fields.switch("Result") is not False,
        online=fields.switch("Online") is not False,
        status_ok=fields.switch("Status") is not False,
        reason=fields.text("Reason"),
        encoding=fields.switch("Encode"),
        recording=fields.switch("Record"),
        at=fields.time("DeviceTime"),
        duties=_read_duties(fields.inside("Alarmstatus")),
    )


def _read_duties(listed: Fields | None) -> tuple[Duty, ...]:
    if listed is None:
        return ()
    items = (Fields(element) for element in listed.element if local_name(element) == "item")
    return tuple(Duty(item.text("DeviceID"), item.text("DutyStatus").upper()) for item in items)


def write_device_status(said: DeviceStatus, sheet: Sheet) -> None:
    sheet.result(said.ok)
    sheet.must("Online", "ONLINE" if said.online else "OFFLINE")
    sheet.result(said.status_ok, "Status")
    sheet.may("Reason", said.reason)
    for name, value in (("Encode", said.encoding), ("Record", said.recording)):
        if value is not None:
            sheet.must(name, "ON" if value else "OFF")
    sheet.time("DeviceTime", said.at)
    if said.duties:
        sheet.row(f'<Alarmstatus Num="{len(said.duties)}">')
        for duty in said.duties:
            sheet.row(row("Item", (("DeviceID", duty.device), ("DutyStatus", duty.duty))))
        sheet.close("Alarmstatus")


def read_device_status_query(sn: int, device: str, fields: Fields, damaged: int) -> DeviceStatusQuery:
    return DeviceStatusQuery(sn, device)
