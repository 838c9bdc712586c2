"""HomePositionQuery: where a dome returns to by itself (GB/T 28181-2022 9.5, A.2.4.10 and A.2.6.12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.manscdp.control import HomePosition, read_home, write_home
from gb28181.manscdp.fields import Fields
from gb28181.manscdp.writing import Sheet


@dataclass(frozen=True, slots=True)
class HomePositionAnswer:
    """`home` is None when the camera does not say; then it has none, or `ok` is false and `reason` says why."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "HomePositionQuery"

    sn: int
    device: str
    home: HomePosition | None = None
    ok: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HomePositionQuery:
    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "HomePositionQuery"
    answer_type: ClassVar[type] = HomePositionAnswer
    in_parts: ClassVar[bool] = False

    sn: int
    device: str


def read_home_position(sn: int, device: str, fields: Fields, damaged: int) -> HomePositionAnswer:
    home = read_home(fields.inside("HomePosition"))
    return HomePositionAnswer(sn, device, home, fields.switch("Result") is not False, fields.text("Reason"))


def write_home_position(said: HomePositionAnswer, sheet: Sheet) -> None:
    if not said.ok:
        sheet.result(False)
        sheet.may("Reason", said.reason)
    write_home(said.home, sheet)


def read_home_position_query(sn: int, device: str, fields: Fields, damaged: int) -> HomePositionQuery:
    return HomePositionQuery(sn, device)
