"""A viewer's connection taken from aiohttp: its own socket where there is one, else one end of a pair."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from email.utils import formatdate
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from media.plane import WireForm

PIECE_BYTES = 64 * 1024
SAID_LIMIT = 16 * 1024
"""Who says more than this before we have answered is shut out."""


class Answer(web.StreamResponse):
    """The head of an answer without an end. Once the connection is taken aiohttp has nothing more to do with it."""

    is_taken = False

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return None if self.is_taken else await super().prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        if not self.is_taken:
            await super().write_eof(data)


class Carrier:
    """`take` sends the answer and gives the socket that stands for the viewer; `carry` then does what is left to do.

    `said` is what the viewer had said beyond its request. Raises ConnectionError when the viewer is gone, and other
    OSErrors, before anything is answered, when we have no descriptor left.
    """

    def __init__(self, request: web.Request, answer: Answer, form: WireForm) -> None:
        self.form = form
        self._request = request
        self._answer = answer
        self._ears = _Ears()
        self._pair: socket.socket | None = None

    @property
    def said(self) -> bytes:
        return bytes(self._ears.said)

    async def take(self) -> socket.socket:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the viewer left")
        own = transport.get_extra_info("socket")
        is_secure = transport.get_extra_info("ssl_object") is not None
        if own is None or is_secure or transport.get_write_buffer_size():
            return await self._pair_up()
        taken = socket.socket(fileno=os.dup(own.fileno()))
        try:
            taken.setblocking(False)
            self._listen()
            transport.pause_reading()
            for application in self._request.match_info.apps:
                await application.on_response_prepare.send(self._request, self._answer)
            head = _head(self._request, self._answer)
            if taken.send(head) < len(head):
                raise ConnectionResetError("the viewer does not even take the head")
            self._answer.is_taken = True
            # Closes the transport's own descriptor and no more: neither loop shuts the connection down.
            transport.abort()
        except BaseException:
            taken.close()
            raise
        return taken

    async def carry(self) -> None:
        """Of a pair: bring what the plane writes to the viewer, until there is no more."""
        pair = self._pair
        if pair is None:
            return
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(pair, PIECE_BYTES):
                await self._answer.write(data)
        finally:
            self._ears.pair = None
            pair.close()

    async def _pair_up(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        for each in (ours, theirs):
            each.setblocking(False)
        try:
            self._listen()
            if self.form is WireForm.CHUNKED:
                self._answer.enable_chunked_encoding()
                self.form = WireForm.PLAIN  # aiohttp does it
            await self._answer.prepare(self._request)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        self._pair = self._ears.pair = ours
        return theirs

    def _listen(self) -> None:
        # Any: it is typed for aiohttp's own reader of WebSockets, of which it calls two methods.
        parser: Any = self._ears
        self._request.protocol.set_parser(parser)


def _head(request: web.Request, answer: Answer) -> bytes:
    """The status line and headers as they go on the wire (RFC 9112)."""
    headers = answer.headers
    headers.setdefault("Date", formatdate(usegmt=True))
    headers.setdefault("Connection", "close")
    if answer.status == 200 and request.version >= (1, 1):
        headers["Transfer-Encoding"] = "chunked"
    lines = [f"HTTP/{request.version.major}.{request.version.minor} {answer.status} {answer.reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError(f"a header of {lines[0]} would be two")
    return "\r\n".join((*lines, "", "")).encode()


class _Ears:
    """In the place of aiohttp's parser: gathers what a viewer says, or hands it on to the pair."""

    def __init__(self) -> None:
        self.said = bytearray()
        self.pair: socket.socket | None = None

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """(whether no more is wanted, what is left over)"""
        if self.pair is None:
            self.said += data
            return len(self.said) > SAID_LIMIT, b""
        try:
            is_heard = self.pair.send(data) == len(data)
        except OSError:
            is_heard = False
        if not is_heard:
            self.feed_eof()  # it talks faster than anybody listens
        return not is_heard, b""

    def feed_eof(self) -> None:
        if self.pair is not None:
            with contextlib.suppress(OSError):
                self.pair.shutdown(socket.SHUT_WR)
