"""DeviceInfo: what a device is (GB/T 28181-2022 9.5.3, A.2.4.4 and A.2.6.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.manscdp.fields import Fields, text_of
from gb28181.manscdp.writing import Sheet


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device's name, maker, model and firmware; `channels` is how many video inputs it says it has."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "DeviceInfo"

    sn: int
    device: str
    ok: bool = True
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    channels: int | None = None
    reason: str = ""
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceInfoQuery:
    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "DeviceInfo"
    answer_type: ClassVar[type] = DeviceInfo
    in_parts: ClassVar[bool] = False

    sn: int
    device: str


def read_device_info(sn: int, device: str, fields: Fields, damaged: int) -> DeviceInfo:
    return DeviceInfo(
        sn,
        device,
        ok=fields.switch("Result") is not False,
        name=fields.text("DeviceName"),
        manufacturer=fields.text("Manufacturer"),
        model=fields.text("Model"),
        firmware=fields.text("Firmware"),
        channels=fields.count("Channel"),
        reason=fields.text("Reason"),
        extra=extensions(fields),
    )


def write_device_info(said: DeviceInfo, sheet: Sheet) -> None:
    sheet.may("DeviceName", said.name)
    sheet.result(said.ok)
    sheet.may("Manufacturer", said.manufacturer)
    sheet.may("Model", said.model)
    sheet.may("Firmware", said.firmware)
    sheet.may("Channel", said.channels)
    sheet.may("Reason", said.reason)
    sheet.extensions(said.extra)


def read_device_info_query(sn: int, device: str, fields: Fields, damaged: int) -> DeviceInfoQuery:
    return DeviceInfoQuery(sn, device)


def extensions(fields: Fields) -> tuple[str, ...]:
    """The extension texts of a message: ExtraInfo, and Info where it is a mere text."""
    found = (text_of(element) for element in fields.every("ExtraInfo", "Info") if not len(element))
    return tuple(text for text in found if text)[:16]
