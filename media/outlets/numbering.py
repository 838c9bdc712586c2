"""RTP headers of our own for packets of others: our SSRC, our sequence, their clock made to run on."""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

from media.rtp import MARKER
from media.run import HEADER_BYTES, Run

_HEADER = Struct(">BBHII")
STEP_90K = 3_600
JUMP_90K = 900_000  # 10 s: beyond a loss of this length the sender began anew

_WORD = 0xFFFFFFFF
_HALF = 0x80000000


class Numbering:
    """One sender's numbers.

    The sequence has no gap but for packets that the source lost, one number for each run of them: the receiver then
    drops the damaged picture instead of showing it. When the source begins anew, both sequence and time run on.
    """

    def __init__(self, ssrc: int, payload_type: int, sequence: int) -> None:
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.sequence = sequence & 0xFFFF
        self.timestamp = 0
        """Of the last packet written."""
        self._ssrc_bytes = ssrc.to_bytes(4, "big")
        self._first_words = _first_words(payload_type)
        self._offset = 0
        self._source_time: int | None = None
        self._is_joined = True

    def restart(self) -> None:
        """The next packet's clock has nothing to do with the last one's."""
        self._is_joined = self._source_time is None

    def lend(self) -> tuple[int, int] | None:
        """The next number, and what is added to the source's times; None while that is not certain."""
        return (self.sequence, self._offset) if self._is_joined and self._source_time is not None else None

    def take_back(self, sequence: int, timestamp: int) -> None:
        """Where whoever numbered in our place has come to; the source's time."""
        self.sequence = sequence
        self._source_time = timestamp
        self.timestamp = timestamp + self._offset & _WORD

    def header(self, timestamp: int, marker: bool, lost_before: bool = False) -> bytes:
        """The 12 bytes before a payload that the source sent at its `timestamp`."""
        if timestamp != self._source_time or not self._is_joined:
            self._follow(timestamp, lost_before)
        sequence = self.sequence
        if lost_before:
            sequence = sequence + 1 & 0xFFFF
        self.sequence = sequence + 1 & 0xFFFF
        kind = self.payload_type | MARKER if marker else self.payload_type
        return _HEADER.pack(0x80, kind, sequence, self.timestamp, self.ssrc)

    def over(self, run: Run, into: bytearray) -> memoryview:
        """The packets of the run under our numbers, as `header` would number each: a view of `into`, so soon outdated.

        Memory used over and over is in the processor's cache, fresh memory is not. Headers lie `run.size` apart, so one
        slice assignment writes a part of them all.
        """
        count, size = run.count, run.size
        if len(run.data) > len(into):
            into = bytearray(len(run.data))
        out = memoryview(into)[: len(run.data)]
        out[:] = run.data
        if count == 1:
            out[:HEADER_BYTES] = self.header(run.timestamp, run.marker, run.lost_before)
            return out
        if run.timestamp != self._source_time or not self._is_joined:
            self._follow(run.timestamp, run.lost_before)
        sequence = self.sequence + run.lost_before & 0xFFFF
        self.sequence = sequence + count & 0xFFFF
        if size & 3 or sequence + count > 1 << 16:
            self._write_bytes(out, size, count, sequence)
        else:
            words, step = out[: len(out) & ~3].cast("I"), size >> 2
            words[0::step] = self._first_words[sequence : sequence + count]
            if self._offset:
                words[1::step] = memoryview(self.timestamp.to_bytes(4, "big") * count).cast("I")
            words[2::step] = memoryview(self._ssrc_bytes * count).cast("I")
        if run.marker:
            out[(count - 1) * size + 1] |= MARKER
        return out

    def _write_bytes(self, out: memoryview, size: int, count: int, sequence: int) -> None:
        """Headers that do not lie a number of words apart, or whose sequence wraps."""
        out[1::size] = bytes((self.payload_type,)) * count
        out[2::size] = bytes((number >> 8 & 0xFF) for number in range(sequence, sequence + count))
        out[3::size] = bytes((number & 0xFF) for number in range(sequence, sequence + count))
        for at, each in enumerate(self.timestamp.to_bytes(4, "big") + self._ssrc_bytes, 4):
            out[at::size] = bytes((each,)) * count

    def _follow(self, timestamp: int, lost_before: bool) -> None:
        if self._source_time is not None and lost_before and self._is_joined:
            step = (timestamp - self._source_time + _HALF & _WORD) - _HALF
            self._is_joined = -JUMP_90K < step < JUMP_90K
        if not self._is_joined:
            self._offset = self.timestamp + STEP_90K - timestamp & _WORD
            self._is_joined = True
        self._source_time = timestamp
        self.timestamp = timestamp + self._offset & _WORD


@lru_cache(maxsize=8)
def _first_words(payload_type: int) -> memoryview:
    """The first four bytes of a header, for every sequence number."""
    out = bytearray(4 << 16)
    out[0::4] = b"\x80" * (1 << 16)
    out[1::4] = bytes((payload_type,)) * (1 << 16)
    out[2::4] = bytes(number >> 8 for number in range(1 << 16))
    out[3::4] = bytes(range(256)) * 256
    return memoryview(out).cast("I")
