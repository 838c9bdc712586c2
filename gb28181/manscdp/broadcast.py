"""Broadcast: a voice is offered to a device, which then calls for it (GB/T 28181-2022 9.12, A.2.5.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.manscdp.control import ControlResponse
from gb28181.manscdp.fields import Fields
from gb28181.manscdp.writing import Sheet


@dataclass(frozen=True, slots=True)
class Broadcast:
    """The voice of `source` shall be heard at `target`: a voice output, or a device and all its outputs.

    The device answers with a `ControlResponse` of this CmdType and, when it will, with an INVITE to `source`.
    """

    root: ClassVar[str] = "Notify"
    cmd_type: ClassVar[str] = "Broadcast"
    answer_type: ClassVar[type] = ControlResponse
    in_parts: ClassVar[bool] = False

    sn: int
    source: str
    target: str

    @property
    def device(self) -> str:
        """Whom it is about. On the wire there is no DeviceID."""
        return self.target


def read_broadcast(sn: int, device: str, fields: Fields, damaged: int) -> Broadcast:
    return Broadcast(sn, fields.text("SourceID"), fields.text("TargetID") or device)


def write_broadcast(said: Broadcast, sheet: Sheet) -> None:
    sheet.must("SourceID", said.source)
    sheet.must("TargetID", said.target)
