"""What must be right before a house can open, and one sentence in two languages when it is not."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from media.seal import make_key, read_key

DATABASE = "lianwang.db"
RECORDINGS = "recordings"
FIRMWARE = "firmware"
SNAPSHOTS = "snapshots"
LOCK = "lock"
MEDIA_KEY = "media.key"

WHY = {
    errno.EADDRINUSE: ("已被别的程序占用", "is taken by another program"),
    errno.EADDRNOTAVAIL: ("不是本机的地址", "is no address of this machine"),
    errno.EACCES: ("没有权限", "is not permitted to us"),
    errno.EPERM: ("没有权限", "is not permitted to us"),
    errno.EROFS: ("所在的盘是只读的", "is on a read-only disk"),
    errno.ENOSPC: ("所在的盘已满", "is on a full disk"),
    errno.EEXIST: ("是文件，不是文件夹", "is a file and no folder"),
    errno.ENOTDIR: ("的上级是文件，不是文件夹", "lies below a file, not below a folder"),
    errno.ENOENT: ("建不出来", "cannot be made there"),
}


class CannotStart(OSError):
    """Why the house cannot open: `chinese` and `english` say the same, each in one sentence with its cure."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(english)
        self.chinese = chinese
        self.english = english


@contextmanager
def needing(chinese: str, english: str, cure: tuple[str, str]) -> Iterator[None]:
    """Whatever the system refuses within becomes a CannotStart about this thing."""
    try:
        yield
    except CannotStart:
        raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        why = WHY.get(error.errno or 0, (f"不可用（{reason}）", f"cannot be used ({reason})"))
        raise CannotStart(f"{chinese}{why[0]}；{cure[0]}。", f"{english} {why[1]}; {cure[1]}.") from error


def move_in(data: Path) -> int:
    """Make the data folder ours alone, against other users and other servers; a descriptor that holds it comes back.

    A folder that was there keeps its permissions, for it may be anything; what we put into it is closed to others.
    Raises CannotStart.
    """
    cure = ("请用 --data 指定本用户可写的文件夹", "name a folder that we may write with --data")
    with needing(f"数据文件夹 {data} ", f"the data folder {data}", cure):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        held = os.open(data / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(held, data)
        with needing(f"数据文件夹 {data} ", f"the data folder {data}", cure):
            _close_to_others(data / DATABASE)
    except BaseException:
        os.close(held)
        raise
    return held


def media_key(data: Path) -> bytes:
    """The key of media hosts, made at first use and readable by us alone. Raises OSError, and ValueError for a file
    that holds none."""
    path = data / MEDIA_KEY
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return read_key(path.read_text(encoding="ascii"))
    with open(file, "w", encoding="ascii") as opened:
        key = make_key()
        opened.write(key + "\n")
    return read_key(key)


def _take(held: int, data: Path) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(held, 20).decode("ascii", "replace").strip() or "?"
        raise CannotStart(
            f"数据文件夹 {data} 正被另一个 lianwang（进程 {holder}）使用；请先停止它，或用 --data 指定别的文件夹。",
            f"the data folder {data} is in use by another lianwang (process {holder}); stop it, or name another folder"
            " with --data.",
        ) from None
    os.ftruncate(held, 0)
    os.write(held, f"{os.getpid()}\n".encode())


def _close_to_others(database: Path) -> None:
    """The files that SQLite puts beside its database take over its permissions, so they are set before it opens."""
    file = os.open(database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(file, 0o600)
    finally:
        os.close(file)
