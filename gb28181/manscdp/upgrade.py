"""DeviceUpgradeResult: how an upgrade of a device's software ended (GB/T 28181-2022 9.13, A.2.5.9)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from gb28181.manscdp.fields import Fields
from gb28181.manscdp.writing import Sheet


class UpgradeFailure(StrEnum):
    """Why an upgrade failed, by the code of the standard."""

    DOWNLOAD_TIMED_OUT = "01"
    PACKAGE_CORRUPT = "02"
    SYSTEM_ERROR = "03"
    OTHER = "99"


@dataclass(frozen=True, slots=True)
class UpgradeResult:
    """`session_id` is that of the order, `firmware` what runs now; `failure` is a code as the device wrote it, "" when
    all went well."""

    root: ClassVar[str] = "Notify"
    cmd_type: ClassVar[str] = "DeviceUpgradeResult"

    sn: int
    device: str
    session_id: str
    ok: bool = True
    firmware: str = ""
    failure: str = ""


def read_upgrade_result(sn: int, device: str, fields: Fields, damaged: int) -> UpgradeResult:
    return UpgradeResult(
        sn,
        device,
        fields.text("SessionID")[:128],
        ok=fields.switch("UpgradeResult") is not False,
        firmware=fields.text("Firmware"),
        failure=fields.text("UpgradeFailedReason")[:64],
    )


def write_upgrade_result(said: UpgradeResult, sheet: Sheet) -> None:
    sheet.must("SessionID", said.session_id)
    sheet.result(said.ok, "UpgradeResult")
    sheet.must("Firmware", said.firmware)
    if not said.ok:
        sheet.must("UpgradeFailedReason", said.failure or UpgradeFailure.OTHER)
