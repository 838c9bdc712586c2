"""Segments of a recording on disk: names that sort, a line in the index for each whole one, and mending after a crash.

Everything here blocks and runs on a thread for the disk, or before the server starts.
"""

from __future__ import annotations

import calendar
import contextlib
import json
import logging
import mmap
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from media.plane import RecordingForm, Segment
from media.ps.mux import SCR_LEAD_90K
from media.ps.pack import PACK_CODE
from media.sources.entrance import PACK_BYTES, PICTURE_CODE, scr_90k

log = logging.getLogger(__name__)

INDEX = "index.jsonl"
ABOUT = "about.json"
WHOLE = "whole"
LONGEST_PES = 65_535
FOLDER_MODE, FILE_MODE = 0o750, 0o640


class DiskFull(OSError):
    """Less is free than must stay free."""


def name_of(start_ms: int, form: RecordingForm) -> str:
    """When it begins, in UTC, so that names sort as their pictures do: 20261129T101500.250Z.mp4."""
    at = time.gmtime(start_ms // 1000)
    return f"{time.strftime('%Y%m%dT%H%M%S', at)}.{start_ms % 1000:03d}Z.{form}"


class SegmentFile:
    """One segment that is being written. What is not whole is cut off when writing fails.

    `write` and `end` are for one thread, `make_safe` and `close` for another, for they may wait long for the disk.
    """

    def __init__(self, folder: Path, form: RecordingForm, start_ms: int, *, fsync_s: float, keep_free: int) -> None:
        self.start_ms = start_ms
        self.name = name_of(start_ms, form)
        self._folder = folder
        self._fsync_s = fsync_s
        self._keep_free = keep_free
        self._fd = -1
        self._bytes = 0
        self._frames = 0
        self._end_ms = start_ms
        self._safe_at = 0.0
        self._is_over = False
        self.owes: Segment | None = None
        """The line that the index should have and could not be written; `write_line` it when the disk is well."""

    @property
    def wants_safety(self) -> bool:
        """Whether it is time to `make_safe`; asking is taken for doing."""
        now = time.monotonic()
        if not self._fsync_s or self._fd < 0 or now - self._safe_at < self._fsync_s:
            return False
        self._safe_at = now
        return True

    def write(self, parts: Sequence[bytes], frames: int, end_ms: int) -> bool:
        """Whole pieces, all of them or none; false when the file is closed. Raises OSError; the file is then over,
        and whole up to the piece before."""
        if self._is_over:
            return False
        try:
            if self._fd < 0:
                self._open()
        except OSError:
            self._is_over = True
            raise
        try:
            data = memoryview(b"".join(parts))
            size = len(data)
            while data:
                data = data[os.write(self._fd, data) :]
            self._bytes += size
            self._frames += frames
            self._end_ms = end_ms
        except OSError:
            self._is_over = True
            # First of all on a disk that is full: others may need the room.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._bytes)
            raise
        return True

    def end(self) -> None:
        """Nothing more is written."""
        self._is_over = True

    def make_safe(self) -> None:
        """What is written outlives a power cut from now on. Raises OSError."""
        if self._fd >= 0:
            os.fdatasync(self._fd)

    def close(self) -> Segment | None:
        """Give one that is over its line in the index; None when there is nothing in it. Never raises."""
        if self._fd < 0:
            return None
        fd, self._fd = self._fd, -1
        try:
            os.fsync(fd)
        except OSError as error:
            log.warning("%s/%s could not be made safe: %s", self._folder.name, self.name, error)
        finally:
            with contextlib.suppress(OSError):
                os.close(fd)
        if not self._frames:
            with contextlib.suppress(OSError):
                os.unlink(self._folder / self.name)
            return None
        segment = Segment(self.name, self.start_ms, self._end_ms, self._bytes, self._frames)
        try:
            write_line(self._folder, segment)
        except OSError as error:
            # Whoever has it tries again; else the next start finds the file without its line and writes it.
            self.owes = segment
            log.warning("%s/%s has no line in the index yet: %s", self._folder.name, self.name, error)
        return segment

    def _open(self) -> None:
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        free = shutil.disk_usage(self._folder).free
        if free < self._keep_free:
            raise DiskFull(28, f"{free} bytes are free and {self._keep_free} must stay so")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self._fd = os.open(self._folder / self.name, flags, FILE_MODE)
        self._safe_at = time.monotonic()


# ---- the index


def write_line(folder: Path, segment: Segment) -> None:
    """Append a segment to the index of its folder, all of the line or nothing. Raises OSError."""
    line = {
        "name": segment.name,
        "start_ms": segment.start_ms,
        "end_ms": segment.end_ms,
        "bytes": segment.bytes,
        "frames": segment.frames,
    }
    data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    fd = os.open(folder / INDEX, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, FILE_MODE)
    try:
        written = os.write(fd, data)
        if written < len(data):
            os.ftruncate(fd, os.fstat(fd).st_size - written)
            raise DiskFull(28, f"only {written} bytes of a line had room")
        os.fsync(fd)
    finally:
        os.close(fd)


def read_index(folder: Path) -> list[Segment]:
    """The whole segments of a folder, oldest first; a line that a crash cut off is left out."""
    found: dict[str, Segment] = {}
    with contextlib.suppress(OSError):
        for line in (folder / INDEX).read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError, TypeError):
                segment = Segment(**json.loads(line)) if line else None
                if segment is not None:
                    found[segment.name] = segment
    return [found[name] for name in sorted(found)]


# ---- after a crash


def recover(root: Path, mended_in: list[str] | None = None) -> int:
    """Give every segment without its line one, cut to what is whole in it; how many were mended. Never raises.

    `mended_in` is given the folders in which there were such. What was whole when its recording had ended is not
    looked at again.
    """
    mended = 0
    for folder in sorted(each for each in _entries(root) if each.is_dir() and not each.is_symlink()):
        if (folder / WHOLE).exists():
            continue
        here = recover_folder(folder)
        mended += here
        if here and mended_in is not None:
            mended_in.append(folder.name)
        if _has_ended(folder):
            with contextlib.suppress(OSError):
                (folder / WHOLE).touch(FILE_MODE)
    return mended


def _has_ended(folder: Path) -> bool:
    """Whether whoever began it wrote down its end: nobody writes there any more."""
    try:
        return bool(json.loads((folder / ABOUT).read_bytes()).get("ended_at"))
    except (OSError, ValueError, AttributeError):
        return False


def recover_folder(folder: Path) -> int:
    """The same for one recording, into which nobody writes now."""
    return mend(folder, without_line(folder))


def without_line(folder: Path) -> list[str]:
    """Names of segments that the index of a folder does not have."""
    known = {segment.name for segment in read_index(folder)}
    return sorted(
        path.name
        for path in _entries(folder)
        if path.suffix in (".mp4", ".ps") and path.name not in known and not path.is_symlink()
    )


def mend(folder: Path, names: Sequence[str]) -> int:
    """Give these their lines if they still have none, cut to what is whole; how many were mended. Never raises."""
    mended = 0
    for name in sorted({*names}.intersection(without_line(folder)) if names else ()):
        try:
            mended += _mend(folder / name)
        except (OSError, ValueError) as error:
            log.warning("%s cannot be mended: %s", folder / name, error)
    return mended


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _mend(path: Path) -> bool:
    start_ms = _start_of(path.name)
    size = frames = length_ms = 0
    if path.stat().st_size:
        # Mapped, not read: a segment may be larger than our memory.
        with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            size, frames, length_ms = _whole_mp4(data) if path.suffix == ".mp4" else _whole_ps(data)
    if not frames:
        path.unlink()
        return False
    os.truncate(path, size)
    _end_torn_line(path.parent)
    write_line(path.parent, Segment(path.name, start_ms, start_ms + length_ms, size, frames))
    return True


def _end_torn_line(folder: Path) -> None:
    """A line that was cut off must not spoil the next one."""
    index = folder / INDEX
    if index.exists() and index.stat().st_size and not index.read_bytes().endswith(b"\n"):
        with index.open("ab") as opened:
            opened.write(b"\n")


def _start_of(name: str) -> int:
    """The moment a name says. Raises ValueError."""
    stamp, milliseconds, _ = name.split(".")
    at = calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%S"))
    return at * 1000 + int(milliseconds.rstrip("Z"))


def _whole_mp4(data: mmap.mmap) -> tuple[int, int, int]:
    """Of fragmented MP4 as we write it: bytes that are whole, pictures in them, and how long they last."""
    size = frames = last_90k = 0
    moof: bytes | None = None
    for kind, start, end in _boxes(data):
        if kind == b"moof":
            moof = data[start:end]
        elif kind == b"mdat" and moof is not None:
            size = end
            # One traf a fragment: its track at byte 44, its decode time at 60 (tfhd with nothing but the track).
            if moof[44:48] == b"\x00\x00\x00\x01":
                frames += 1
                last_90k = int.from_bytes(moof[60:68], "big")
            moof = None
    return size, frames, last_90k // 90


def _boxes(data: mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > len(data):
            return
        yield data[at + 4 : at + 8], at, at + size
        at += size


def _whole_ps(data: mmap.mmap) -> tuple[int, int, int]:
    """Of a program stream as we write it, a pack a picture: with its last pack, or up to it when that is torn."""
    last_pack = data.rfind(PACK_CODE)
    if last_pack < 0:
        return 0, 0, 0
    size = len(data) if _is_whole_pack(data, last_pack) else last_pack
    frames = last = 0
    at = data.find(PICTURE_CODE, 0, size)
    while at >= 0:
        frames, last = frames + 1, at
        # A large picture is cut into several PES; only the first of each pack counts.
        at = data.find(PACK_CODE, at + 4, size)
        at = data.find(PICTURE_CODE, at, size) if at >= 0 else -1
    if not frames:
        return 0, 0, 0
    # Files begin at 0, where the clock cannot be ahead of the picture.
    last_90k = scr_90k(data, data.rfind(PACK_CODE, 0, last))
    return size, frames, (last_90k + SCR_LEAD_90K) // 90 if last_90k else 0


def _is_whole_pack(data: mmap.mmap, at: int) -> bool:
    """Whether the packets of the last pack reach the end of the file, and no other is to come."""
    at, length = at + PACK_BYTES, 0
    while at + 6 <= len(data) and data[at : at + 3] == b"\x00\x00\x01":
        length = int.from_bytes(data[at + 4 : at + 6], "big")
        at += 6 + length
    # A picture is cut into packets of this length; after the last of them comes a shorter one.
    return at == len(data) and 0 < length < LONGEST_PES
