"""Chunks that go out together: one write to each viewer of a rendition, the same bytes for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from media.outlets.chunk import Chunk, joined
from media.plane import WireForm


@dataclass(frozen=True, slots=True)
class Heads:
    """What must come before a key frame: to a viewer's first one, and to one after the tracks have changed.

    `generation` tells whether a viewer has them.
    """

    generation: int
    first: tuple[Chunk, ...] = ()
    again: tuple[Chunk, ...] = ()

    def for_viewer(self, *, is_first: bool) -> tuple[Chunk, ...]:
        return self.first if is_first else self.again


class Wave:
    """Never changes. What a wire form needs is joined at the first asking and then shared."""

    __slots__ = ("_joined", "_key_at", "_tails", "chunks", "heads", "is_new", "size")

    def __init__(self, chunks: Sequence[Chunk], heads: Heads, *, is_new: bool = False) -> None:
        self.chunks = chunks
        self.heads = heads
        self.is_new = is_new
        """The first of its generation: it begins with a key frame, and nobody has its head yet."""
        self.size = sum(map(len, chunks))
        self._key_at = next((at for at, chunk in enumerate(chunks) if chunk.is_key), None)
        self._joined: dict[WireForm, bytes] = {}
        self._tails: dict[WireForm, bytes] = {}

    @property
    def has_key(self) -> bool:
        return self._key_at is not None

    def joined(self, form: WireForm) -> bytes:
        """All of it."""
        data = self._joined.get(form)
        if data is None:
            data = self._joined[form] = joined(self.chunks, form)
        return data

    def from_key(self, form: WireForm) -> bytes:
        """From its key frame on, for those who begin there."""
        if not self._key_at:
            return self.joined(form)
        data = self._tails.get(form)
        if data is None:
            data = self._tails[form] = joined(self.chunks[self._key_at :], form)
        return data
