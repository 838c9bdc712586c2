"""The same bytes for many sockets, out of pipes: every socket refers to the same pages of memory, and none copies them
(tee(2), splice(2))."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
from typing import Any

ROOM_BYTES = 1024 * 1024
"""The most that the system lets a pipe of anybody hold."""
PAGE_BYTES = os.sysconf("SC_PAGESIZE")


class Press:
    """`load` a piece, then ask `copies` for so many of it at a time: who splices `size` bytes from the descriptor that
    comes back has taken one. What somebody does not take must be thrown away by `skip` before the next one takes his.

    The piece is written into the first pipe, and lies a batch times over in the second, from where each batch is made
    in the third; the last batch is taken out of the second itself, so that nothing is left.
    """

    def __init__(self) -> None:
        """Raises OSError or AttributeError where the system has no such thing, or has no more of it."""
        self._tee: Any = ctypes.PyDLL(None, use_errno=True).tee
        self._tee.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint)
        self._tee.restype = ctypes.c_ssize_t
        self._splice: Any = os.splice
        self._pipes: list[tuple[int, int]] = []
        self._size = 0
        self._left = 0
        self.batch = 0
        """So many copies at a time."""
        try:
            for _ in range(3):
                self._pipes.append(os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK))
            self._pages = min(map(_pages_of, self._pipes))
        except OSError:
            self.close()
            raise

    def load(self, data: bytes, most: int) -> bool:
        """Take this in, for at most so many copies at a time; False when it is too large."""
        self._size = len(data)
        self.batch = min(most, self._pages // -(-len(data) // PAGE_BYTES))
        if not self.batch:
            return False
        (once, write_once), (_, write_batch), _ = self._pipes
        if os.write(write_once, data) != len(data):
            raise OSError("a pipe took less than it has room for")
        self._left = self.batch
        for _ in range(self.batch - 1):
            self._copy(once, write_batch, len(data))
        if self._splice(once, write_batch, len(data)) != len(data):
            raise OSError("a pipe took less than it has room for")
        return True

    def copies(self, count: int, *, is_last: bool) -> int:
        """The descriptor that so many copies can now be taken from, at most a batch. Nothing follows the last."""
        _, (batch, _), (taken, write_taken) = self._pipes
        if is_last:
            self._left -= count
            return batch
        self._copy(batch, write_taken, count * self._size)
        return taken

    def skip(self, source: int, size: int) -> None:
        """Throw away the rest of a copy that somebody did not take."""
        while size:
            size -= len(os.read(source, size))

    @property
    def is_empty(self) -> bool:
        return not self._left

    def close(self) -> None:
        """Its pages stay for as long as a socket refers to them."""
        for pipe in self._pipes:
            for end in pipe:
                os.close(end)
        self._pipes.clear()

    def _copy(self, source: int, into: int, size: int) -> None:
        if size and self._tee(source, into, size, 0) != size:
            raise OSError("a pipe took less than it has room for")


class Shelf:
    """Has a press ready between two waves."""

    def __init__(self) -> None:
        self._press: Press | None = None

    def take(self) -> Press | None:
        """None where there is no such thing."""
        press, self._press = self._press, None
        if press is None:
            with contextlib.suppress(OSError, AttributeError):
                press = Press()
        return press

    def put_back(self, press: Press) -> None:
        if press.is_empty and self._press is None:
            self._press = press
        else:
            press.close()

    def clear(self) -> None:
        if self._press is not None:
            self._press.close()
            self._press = None


def _pages_of(pipe: tuple[int, int]) -> int:
    with contextlib.suppress(OSError):  # whoever has many pipes gets no more room
        fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, ROOM_BYTES)
    return int(fcntl.fcntl(pipe[1], fcntl.F_GETPIPE_SZ)) // PAGE_BYTES
