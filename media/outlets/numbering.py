"""RTP headers of our own for packets of others: our SSRC, our sequence, their clock made to run on."""

from __future__ import annotations

from struct import Struct

from media.rtp import MARKER
from media.run import HEADER_BYTES, Run

_HEADER = Struct(">BBHII")
STEP_90K = 3_600
JUMP_90K = 900_000  # 10 s: beyond a loss of this length the sender began anew

_WORD = 0xFFFFFFFF
_HALF = 0x80000000

# The bytes of every sequence number, twice over: a slice is a column of a run's headers, across the wrap too.
_HIGH = bytes(number >> 8 for number in range(1 << 16)) * 2
_LOW = bytes(range(256)) * 512


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
        self._ssrc_columns = [bytes((each,)) for each in ssrc.to_bytes(4, "big")]
        self._offset = 0
        self._source_time: int | None = None
        self._is_joined = True

    def restart(self) -> None:
        """The next packet's clock has nothing to do with the last one's."""
        self._is_joined = self._source_time is None

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

    def over(self, run: Run) -> bytes | bytearray:
        """The packets of the run under our numbers, in a copy, as `header` would number each.

        Headers lie `run.size` apart, so one slice assignment writes one byte of them all.
        """
        count, size = run.count, run.size
        if count == 1:
            return self.header(run.timestamp, run.marker, run.lost_before) + run.data[HEADER_BYTES:]
        if run.timestamp != self._source_time or not self._is_joined:
            self._follow(run.timestamp, run.lost_before)
        sequence = self.sequence + run.lost_before & 0xFFFF
        self.sequence = sequence + count & 0xFFFF
        out = bytearray(run.data)
        if run.payload_type != self.payload_type:
            out[1::size] = bytes((self.payload_type,)) * count
            out[(count - 1) * size + 1] |= MARKER if run.marker else 0
        out[2::size] = _HIGH[sequence : sequence + count]
        out[3::size] = _LOW[sequence : sequence + count]
        if self._offset:
            for at, each in enumerate(self.timestamp.to_bytes(4, "big"), 4):
                out[at::size] = bytes((each,)) * count
        for at, column in enumerate(self._ssrc_columns, 8):
            out[at::size] = column * count
        return out

    def _follow(self, timestamp: int, lost_before: bool) -> None:
        if self._source_time is not None and lost_before and self._is_joined:
            step = (timestamp - self._source_time + _HALF & _WORD) - _HALF
            self._is_joined = -JUMP_90K < step < JUMP_90K
        if not self._is_joined:
            self._offset = self.timestamp + STEP_90K - timestamp & _WORD
            self._is_joined = True
        self._source_time = timestamp
        self.timestamp = timestamp + self._offset & _WORD
