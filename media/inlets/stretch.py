"""Packets of one sender that came at once, still where the system put them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from struct import Struct

HEAD_BYTES = 16
Head = tuple[int, int, int, int]
"""First two bytes, sequence, timestamp and SSRC as one number, and the first four bytes of a plain packet's payload."""


class Stretch:
    """The n-th packet begins at `n * stride` in `memory` and is `lengths[n]` bytes long, at most a stride.

    Looks into memory that is soon overwritten: what is to stay must be copied. The memory reaches at least a stride
    beyond the beginning of the last packet.
    """

    __slots__ = ("lengths", "memory", "stride")

    def __init__(self, memory: memoryview, stride: int, lengths: list[int]) -> None:
        self.memory = memory
        self.stride = stride
        self.lengths = lengths

    def heads(self) -> list[Head]:
        """Of every packet; bytes beyond a short one's end are whatever lies there."""
        stride = self.stride
        return list(_reader(stride).iter_unpack(self.memory[: len(self.lengths) * stride]))

    def packet(self, number: int) -> bytes:
        start = number * self.stride
        return bytes(self.memory[start : start + self.lengths[number]])

    def packets(self) -> Iterator[bytes]:
        return map(self.packet, range(len(self.lengths)))

    def together(self, start: int, stop: int) -> bytes:
        """Packets `start` to before `stop`, back to back; all but the last are of one length."""
        memory, stride, size = self.memory, self.stride, self.lengths[start]
        begin, last = start * stride, (stop - 1) * stride
        end = last + self.lengths[stop - 1]
        if size == stride or stop - start == 1:
            return bytes(memory[begin:end])
        parts = [memory[at : at + size] for at in range(begin, last, stride)]
        parts.append(memory[last:end])
        return b"".join(parts)


@lru_cache(256)
def _reader(stride: int) -> Struct:
    return Struct(f">HHQI{stride - HEAD_BYTES}x")
