"""The files of a recording that is taken home from a device: MP4, PS, and marks up to where both are whole.

Everything here blocks and runs on the writer's thread, or where nothing is written.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from media.outlets.segment import FILE_MODE, FOLDER_MODE, DiskFull

# Without the ends of segments' names: these are no segments, and nobody shall mend them as such.
MP4, PS, MARKS = "whole-mp4", "whole-ps", "marks.jsonl"


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to `at_90k` of the recording's time everything is in both files, which have so many bytes there.

    A key frame follows, unless it `is_end`: the call was over."""

    at_90k: int
    mp4: int
    ps: int
    frames: int
    is_end: bool = False


class TakingFiles:
    """Both files, to be written on from a mark; begins them when there is none. Raises OSError."""

    def __init__(self, folder: Path, keep_free: int) -> None:
        self._folder = folder
        self._keep_free = keep_free
        self._fds: list[int] = []
        self._mark: Mark | None = None
        self.sizes = (0, 0)

    def open(self, keeps_90k: int) -> Mark | None:
        """The last mark that is not behind `keeps_90k`. What lies behind it stays until something is written."""
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._mark = mark = last_mark(self._folder, keeps_90k)
        for name in (MP4, PS):
            self._fds.append(os.open(self._folder / name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, FILE_MODE))
        return mark

    def begin(self) -> None:
        """Cut off what lies behind the mark."""
        mark = self._mark
        self.sizes = (mark.mp4, mark.ps) if mark is not None else (0, 0)
        for fd, size in zip(self._fds, self.sizes, strict=True):
            os.ftruncate(fd, size)
            os.lseek(fd, size, os.SEEK_SET)
        if mark is None:
            with contextlib.suppress(FileNotFoundError):
                (self._folder / MARKS).unlink()
        else:
            # Marks of what was cut off stand in the list; this one is looked at before them.
            self.mark(mark.at_90k, mark.frames)

    def write(self, mp4: bytes, ps: bytes) -> None:
        """Whole pieces of each."""
        free = shutil.disk_usage(self._folder).free
        if free < self._keep_free:
            raise DiskFull(28, f"{free} bytes are free and {self._keep_free} must stay so")
        for fd, data in zip(self._fds, (mp4, ps), strict=True):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
        self.sizes = (self.sizes[0] + len(mp4), self.sizes[1] + len(ps))

    def mark(self, at_90k: int, frames: int, *, is_end: bool = False) -> None:
        """All that was written so far is whole up to this time."""
        if is_end:
            for fd in self._fds:
                os.fsync(fd)
        line = json.dumps(asdict(Mark(at_90k, *self.sizes, frames, is_end)), separators=(",", ":"))
        fd = os.open(self._folder / MARKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, FILE_MODE)
        try:
            os.write(fd, line.encode() + b"\n")
        finally:
            os.close(fd)

    def close(self) -> None:
        fds, self._fds = self._fds, []
        for fd in fds:
            with contextlib.suppress(OSError):
                os.close(fd)


def last_mark(folder: Path, up_to_90k: int = 2**62) -> Mark | None:
    """The last mark, not behind a time, that both files really reach; a torn line is passed over."""
    try:
        sizes = [(folder / name).stat().st_size for name in (MP4, PS)]
        lines = (folder / MARKS).read_bytes().split(b"\n")
    except OSError:
        return None
    for line in reversed(lines):
        with contextlib.suppress(ValueError, TypeError):
            mark = Mark(**json.loads(line)) if line else None
            if mark is not None and mark.mp4 <= sizes[0] and mark.ps <= sizes[1] and mark.at_90k <= up_to_90k:
                return mark
    return None
