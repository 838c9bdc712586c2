"""A piece of an output format, made once and shared by every viewer, and how such pieces are framed on a wire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from media.plane import WireForm


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """`payload` as the format has it; nobody changes it, so that it is kept once however many wait for it."""

    payload: bytes
    is_key: bool = False
    is_text: bool = False

    def __len__(self) -> int:
        return len(self.payload)


def parts(chunks: Sequence[Chunk], form: WireForm) -> list[bytes]:
    """What goes on a wire for these chunks, in order, without a copy of any."""
    if form is WireForm.PLAIN:
        return [chunk.payload for chunk in chunks]
    if form is WireForm.WEBSOCKET:
        return [part for chunk in chunks for part in (websocket_head(len(chunk), chunk.is_text), chunk.payload)]
    size = sum(map(len, chunks))
    if not size:
        return []  # an empty chunk would end the body
    return [b"%x\r\n" % size, *[chunk.payload for chunk in chunks], b"\r\n"]


def joined(chunks: Sequence[Chunk], form: WireForm) -> bytes:
    """The same in one piece."""
    if form is WireForm.PLAIN and len(chunks) == 1:
        return chunks[0].payload
    return b"".join(parts(chunks, form))


def websocket_head(size: int, is_text: bool) -> bytes:
    """The head of one whole WebSocket message as a server sends it, unmasked (RFC 6455 5.2)."""
    first = 0x81 if is_text else 0x82
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")
