"""UploadSnapShotFinished: a device has taken and sent its pictures (GB/T 28181-2022 9.14, A.2.5.7), and their names."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gb28181.manscdp.fields import Fields, local_name, text_of
from gb28181.manscdp.writing import Sheet, escaped

MOST_FILES = 64
"""The standard has ten at most."""
LONGEST_NAME = 128
PICTURE = "02"
ID_LENGTH = 41


@dataclass(frozen=True, slots=True)
class UploadSnapShotFinished:
    """`session_id` is that of the order, `files` the names of what was sent; fewer than asked for are a failure."""

    root: ClassVar[str] = "Notify"
    cmd_type: ClassVar[str] = "UploadSnapShotFinished"

    sn: int
    device: str
    session_id: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileId:
    """The name of a picture (annex F): whose it is, when it was taken, by the camera's clock, and its number.

    >>> str(FileId("34010200001320000001", datetime(2024, 5, 6, 7, 8, 10, 123000), 1))
    '34010200001320000001022024050607081012301'
    """

    code: str
    at: datetime
    number: int

    def __str__(self) -> str:
        moment = self.at.strftime("%Y%m%d%H%M%S") + f"{self.at.microsecond // 1000:03d}"
        return f"{self.code}{PICTURE}{moment}{self.number:02d}"


def read_file_id(name: str) -> FileId | None:
    """None for a name that is none of the standard's; a maker's ".jpg" behind it is passed over."""
    stem = name[:-4] if name.lower().endswith(".jpg") else name
    if len(stem) != ID_LENGTH or not (stem.isascii() and stem.isdigit()) or stem[20:22] != PICTURE:
        return None
    try:
        at = datetime.strptime(stem[22:36], "%Y%m%d%H%M%S").replace(microsecond=int(stem[36:39]) * 1000)
    except ValueError:
        return None
    return FileId(stem[:20], at, int(stem[39:]))


def read_snapshot_finished(sn: int, device: str, fields: Fields, damaged: int) -> UploadSnapShotFinished:
    found = [
        text_of(element)[:LONGEST_NAME]
        for element in fields.element.iter()
        if local_name(element) == "snapshotfileid" and text_of(element)
    ]
    return UploadSnapShotFinished(sn, device, fields.text("SessionID")[:128], tuple(found[:MOST_FILES]))


def write_snapshot_finished(said: UploadSnapShotFinished, sheet: Sheet) -> None:
    sheet.must("SessionID", said.session_id)
    files = "".join(f"<SnapShotFileID>{escaped(name)}</SnapShotFileID>" for name in said.files)
    sheet.row(f"<SnapShotList>{files}</SnapShotList>")
