"""MediaStatus: the sender says that a recording is at its end (GB/T 28181-2022 A.2.5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.manscdp.fields import Fields
from gb28181.manscdp.writing import Sheet

FILE_SENT = "121"


@dataclass(frozen=True, slots=True)
class MediaStatus:
    """`notify_type` 121: the historical file has been sent. `device` is the sender of media, or its parent."""

    root: ClassVar[str] = "Notify"
    cmd_type: ClassVar[str] = "MediaStatus"

    sn: int
    device: str
    notify_type: str = FILE_SENT

    @property
    def is_end_of_file(self) -> bool:
        return self.notify_type == FILE_SENT


def read_media_status(sn: int, device: str, fields: Fields, damaged: int) -> MediaStatus:
    return MediaStatus(sn, device, fields.text("NotifyType"))


def write_media_status(said: MediaStatus, sheet: Sheet) -> None:
    sheet.must("NotifyType", said.notify_type)
