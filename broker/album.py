"""The album: photographs on disk, a folder a channel, each with a line in that folder's index. Bounded in all ways.

An id says where its picture lies, `CHANNEL-TIME-TOKEN`, and leads nowhere else.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from media.plane import Photograph

INDEX = "index.jsonl"
SLACK = 1.1
"""An index is written anew when so much more than shall be kept stands in it."""
MOST_LISTED = 500
RECENT_FOLDERS = 100
"""So many channels are looked through for the newest of all."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class AlbumLimits:
    """What is kept: photographs of a channel, their days, and what must stay free on the disk."""

    per_channel: int = 500
    days: int = 30
    keep_free_bytes: int = 1024 * 1024 * 1024


class Shot(msgspec.Struct, frozen=True):
    """A photograph that is kept. `at` is when it was seen, UNIX seconds; `reason` is manual, alarm, plan or device.

    `session` and `name` are of one that a device took and sent: by which order, and what the device calls it.
    """

    id: str
    owner: str
    channel: str
    stream: int
    at: float
    reason: str
    by: str
    width: int
    height: int
    bytes: int
    session: str = ""
    name: str = ""


class Album:
    """Blocks; one call at a time. Raises OSError where the disk does not do it."""

    def __init__(self, folder: Path, limits: AlbumLimits | None = None) -> None:
        self._folder = folder
        self._limits = limits or AlbumLimits()
        self._count: dict[str, int] = {}

    def keep(self, taken: Photograph, shot: Shot) -> Shot:
        """Put it in; what comes back has its id."""
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        if shutil.disk_usage(self._folder).free < self._limits.keep_free_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        name = folder_name(shot.channel)
        folder = self._folder / name
        folder.mkdir(mode=0o750, exist_ok=True)
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(shot.at)) + f"{int(shot.at * 1000) % 1000:03d}"
        stem = f"{moment}-{secrets.token_hex(4)}"
        kept = msgspec.structs.replace(shot, id=f"{name}-{stem}", bytes=len(taken.jpeg))
        _write(folder / f"{stem}.jpg", taken.jpeg)
        _write(folder / f"{stem}.small.jpg", taken.thumb)
        # The line comes last: what has one is whole.
        with (folder / INDEX).open("ab") as index:
            index.write(msgspec.json.encode(kept) + b"\n")
        self._count[name] = self._count.get(name, -1) + 1 or len(_lines(folder))
        if self._count[name] > self._limits.per_channel * SLACK:
            self._trim(folder, kept.at)
        return kept

    def shots(self, channel: str = "", before: str = "", limit: int = 100) -> list[Shot]:
        """Newest first; of one channel, or the newest of all. `before` is the last id of the page before."""
        limit = min(limit, MOST_LISTED)
        folders = [self._folder / folder_name(channel)] if channel else self._recent_folders()
        found = (shot for folder in folders for shot in deque(_lines(folder), maxlen=self._limits.per_channel))
        key = _moment(before)
        older = [shot for shot in found if not before or _moment(shot.id) < key]
        return sorted(older, key=lambda shot: _moment(shot.id), reverse=True)[:limit]

    def shot(self, id: str) -> Shot | None:
        folder, _, _ = self._place(id)
        return next((shot for shot in _lines(folder) if shot.id == id), None) if folder is not None else None

    def file(self, id: str, *, small: bool = False) -> Path | None:
        """Where a picture lies; None when there is none of this id."""
        folder, stem, is_whole = self._place(id)
        if folder is None or not is_whole:
            return None
        path = folder / f"{stem}{'.small' if small else ''}.jpg"
        return path if path.is_file() and not path.is_symlink() else None

    def remove(self, id: str) -> bool:
        """False when there is none of this id."""
        folder, stem, is_whole = self._place(id)
        if folder is None or not is_whole or not (folder / f"{stem}.jpg").is_file():
            return False
        self._rewrite(folder, [shot for shot in _lines(folder) if shot.id != id])
        _unlink(folder, stem)
        return True

    def forget_old(self, now: float) -> int:
        """What is older than shall be kept goes, in all channels; how many."""
        with suppress(OSError):
            return sum(self._trim(folder, now) for folder in tuple(self._folder.iterdir()) if folder.is_dir())
        return 0

    # --- servants --------------------------------------------------------------------------------------------

    def _place(self, id: str) -> tuple[Path | None, str, bool]:
        """Folder and stem of an id; no folder for what cannot be one of ours."""
        name, _, stem = id.partition("-")
        moment, _, token = stem.partition("-")
        is_ours = id.isascii() and name.isalnum() and moment.replace("T", "", 1).isdigit() and token.isalnum()
        return (self._folder / name if is_ours and len(id) <= 120 else None), stem, bool(token)

    def _recent_folders(self) -> list[Path]:
        try:
            folders = [(each.stat().st_mtime, each.path) for each in os.scandir(self._folder) if each.is_dir()]
        except OSError:
            return []
        return [Path(path) for _, path in sorted(folders, reverse=True)[:RECENT_FOLDERS]]

    def _trim(self, folder: Path, now: float) -> int:
        shots = _lines(folder)
        oldest = now - self._limits.days * DAY_S
        kept = [shot for shot in shots if shot.at >= oldest][-self._limits.per_channel :]
        if len(kept) == len(shots):
            return 0
        self._rewrite(folder, kept)
        staying = {shot.id for shot in kept}
        for shot in shots:
            if shot.id not in staying:
                _unlink(folder, self._place(shot.id)[1])
        return len(shots) - len(kept)

    def _rewrite(self, folder: Path, shots: list[Shot]) -> None:
        fresh = folder / f"{INDEX}.new"
        fresh.write_bytes(b"".join(msgspec.json.encode(shot) + b"\n" for shot in shots))
        fresh.replace(folder / INDEX)
        self._count[folder.name] = len(shots)


def folder_name(channel: str) -> str:
    """A channel's folder: its code, or a digest of one that is no plain word."""
    plain = channel.isascii() and channel.isalnum() and len(channel) <= 40
    return channel if plain else "x" + hashlib.sha256(channel.encode()).hexdigest()[:32]


def _moment(id: str) -> str:
    return id.partition("-")[2]


def _lines(folder: Path) -> list[Shot]:
    return list(_read(folder))


def _read(folder: Path) -> Iterator[Shot]:
    """A torn line, of a crash, is passed over."""
    with suppress(OSError):
        for line in (folder / INDEX).read_bytes().split(b"\n"):
            with suppress(msgspec.MsgspecError):
                yield msgspec.json.decode(line, type=Shot)


def _write(path: Path, data: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(data)
    fresh.replace(path)


def _unlink(folder: Path, stem: str) -> None:
    for name in (f"{stem}.jpg", f"{stem}.small.jpg"):
        with suppress(OSError):
            (folder / name).unlink()
