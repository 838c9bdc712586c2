"""Frames over a socket: a length and its bytes, with an open file beside them where the socket is a UNIX one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

LENGTH_BYTES = 4
FRAME_LIMIT = 16 * 1024 * 1024
"""A longer frame is none of ours."""
UNSENT_LIMIT = 64 * 1024 * 1024
"""Whoever lets so much wait has stopped reading."""
READ_BYTES = 256 * 1024
FILES_A_READ = 64
FILES_LIMIT = 4096


class Seal(Protocol):
    """Closes frames against strangers and opens those of the other side."""

    def close(self, body: bytes) -> bytes: ...

    def open(self, frame: bytes) -> bytes:
        """The body. Raises ValueError when it is not the other side's next frame."""


class Link:
    """`hear(body, files)` is called for every whole frame; it takes what it needs from `files`, oldest first.

    `lost(why)` is called once, when the link is over by itself: the other side is gone, stopped reading, or sent what
    is no frame. Never raises on what came. Waiting bytes are bounded: beyond the bound the link is lost.
    """

    def __init__(
        self,
        sock: socket.socket,
        hear: Callable[[bytes, deque[int]], None],
        lost: Callable[[str], None],
        *,
        seal: Seal | None = None,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._carries_files = sock.family == socket.AF_UNIX
        self._hear = hear
        self._lost = lost
        self._seal = seal
        self._loop = asyncio.get_running_loop()
        self._came = bytearray()
        self._files: deque[int] = deque()
        self._waiting: deque[tuple[memoryview, int | None]] = deque()
        self._unsent = 0
        self._is_open = True
        self._loop.add_reader(sock.fileno(), self._read)

    @property
    def is_open(self) -> bool:
        return self._is_open

    def send(self, body: bytes, file: int | None = None) -> None:
        """Send one frame, after those before it. `file` becomes ours: it is closed when it has gone, or here.

        A link that is over sends nothing.
        """
        if not self._is_open or (file is not None and not self._carries_files):
            if file is not None:
                os.close(file)
            return
        if self._seal is not None:
            body = self._seal.close(body)
        frame = memoryview(len(body).to_bytes(LENGTH_BYTES, "big") + body)
        self._waiting.append((frame, file))
        self._unsent += len(frame)
        if len(self._waiting) == 1:
            self._write()
        if self._unsent > UNSENT_LIMIT:
            self._give_up(f"it let {self._unsent} bytes wait")

    def close(self) -> None:
        """End it without a word to `lost`; harmless when it is over. What waits is not sent."""
        if not self._is_open:
            return
        self._is_open = False
        number = self._sock.fileno()
        self._loop.remove_reader(number)
        self._loop.remove_writer(number)
        self._sock.close()
        files = [file for _, file in self._waiting if file is not None] + list(self._files)
        self._waiting.clear()
        self._files.clear()
        for file in files:
            with contextlib.suppress(OSError):
                os.close(file)

    # --- out -------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        while self._waiting:
            frame, file = self._waiting[0]
            try:
                if file is not None:
                    sent = socket.send_fds(self._sock, [frame], [file])
                    os.close(file)
                else:
                    sent = self._sock.send(frame)
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(self._sock.fileno(), self._write)
                return
            except OSError as error:
                # Not from within `send`: its caller has not finished what it was about.
                self._loop.call_soon(self._give_up, f"it cannot be written to: {error.strerror}")
                return
            self._unsent -= sent
            if sent < len(frame):
                self._waiting[0] = (frame[sent:], None)
            else:
                self._waiting.popleft()
        self._loop.remove_writer(self._sock.fileno())

    # --- in --------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            if self._carries_files:
                data, files, _, _ = socket.recv_fds(self._sock, READ_BYTES, FILES_A_READ)
                self._files.extend(files)
            else:
                data = self._sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._give_up(f"it cannot be read from: {error.strerror}")
            return
        if not data:
            self._give_up("it closed the connection")
            return
        self._came += data
        if len(self._files) > FILES_LIMIT:
            self._give_up(f"it sent {len(self._files)} files that belong to nothing")
            return
        try:
            self._take_frames()
        except (ValueError, msgspec.MsgspecError) as error:
            self._give_up(f"it sent what is no frame of ours: {error}")

    def _take_frames(self) -> None:
        at = 0
        came = self._came
        while self._is_open and len(came) - at >= LENGTH_BYTES:
            length = int.from_bytes(came[at : at + LENGTH_BYTES], "big")
            if length > FRAME_LIMIT:
                raise ValueError(f"{length} bytes in one")
            if len(came) - at - LENGTH_BYTES < length:
                break
            at += LENGTH_BYTES
            body = bytes(came[at : at + length])
            at += length
            self._hear(self._seal.open(body) if self._seal is not None else body, self._files)
        del came[:at]

    def _give_up(self, why: str) -> None:
        if self._is_open:
            self.close()
            self._lost(why)
