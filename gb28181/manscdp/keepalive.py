"""Keepalive: a device says that it lives (GB/T 28181-2022 9.6, A.2.5.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.manscdp.fields import Fields, text_of
from gb28181.manscdp.writing import Sheet


@dataclass(frozen=True, slots=True)
class Keepalive:
    """`device` lives; `faulty` are the codes of its parts that do not work. A missing Status counts as OK."""

    root: ClassVar[str] = "Notify"
    cmd_type: ClassVar[str] = "Keepalive"

    sn: int
    device: str
    status_ok: bool = True
    faulty: tuple[str, ...] = ()


def read_keepalive(sn: int, device: str, fields: Fields, damaged: int) -> Keepalive:
    codes = tuple(
        code for info in fields.every("Info") for child in Fields(info).every("DeviceID") if (code := text_of(child))
    )
    return Keepalive(sn, device, fields.switch("Status") is not False, codes)


def write_keepalive(said: Keepalive, sheet: Sheet) -> None:
    sheet.result(said.status_ok, "Status")
    if said.faulty:
        sheet.open("Info")
        for code in said.faulty:
            sheet.must("DeviceID", code)
        sheet.close("Info")
