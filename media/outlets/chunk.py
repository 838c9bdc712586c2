"""A piece of an output format, made once and shared by every viewer, in the form its wire wants."""

from __future__ import annotations

from collections.abc import Callable

from media.plane import WireForm


class Chunk:
    """`payload` as the format has it. The wire forms are made at the first asking and then shared, so that a viewer
    more costs a write and no copy.
    """

    __slots__ = ("_chunked", "_websocket", "is_key", "is_text", "payload")

    def __init__(self, payload: bytes, *, is_key: bool = False, is_text: bool = False) -> None:
        self.payload = payload
        self.is_key = is_key
        self.is_text = is_text
        self._websocket: bytes | None = None
        self._chunked: bytes | None = None

    def __len__(self) -> int:
        return len(self.payload)


Form = Callable[[Chunk], bytes]
"""How a chunk goes on a wire."""


def plain(chunk: Chunk) -> bytes:
    """As it is: HTTP/1.0, where the end of the connection is the end of the body."""
    return chunk.payload


def chunked(chunk: Chunk) -> bytes:
    """One chunk of HTTP/1.1 chunked coding (RFC 9112 7.1)."""
    # An empty chunk would end the body.
    if chunk._chunked is None:
        chunk._chunked = b"%x\r\n%b\r\n" % (len(chunk.payload), chunk.payload) if chunk.payload else b""
    return chunk._chunked


def websocket(chunk: Chunk) -> bytes:
    """One whole WebSocket message as a server sends it, unmasked (RFC 6455 5.2)."""
    if chunk._websocket is None:
        size = len(chunk.payload)
        first = 0x81 if chunk.is_text else 0x82
        if size < 126:
            head = bytes((first, size))
        elif size < 65536:
            head = bytes((first, 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((first, 127)) + size.to_bytes(8, "big")
        chunk._websocket = head + chunk.payload
    return chunk._websocket


FORMS: dict[WireForm, Form] = {
    WireForm.PLAIN: plain,
    WireForm.CHUNKED: chunked,
    WireForm.WEBSOCKET: websocket,
}
