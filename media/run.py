"""A run of RTP packets: what came off a socket at once, kept and handed on as one piece of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct

from media.rtp import MARKER, RtpPacket, read_header

HEADER_BYTES = 12
_HEADER = Struct(">BBHQ")
# The bytes of every sequence number, and over again: a slice is a column of headers, across the wrap too.
_HIGH = bytes(number >> 8 for number in range(1 << 16)) * 2
_LOW = bytes(range(256)) * 512
_PACK_CODE = b"\x00\x00\x01\xba"
COUNT_LIMIT = 256
"""Packets of a run that `run_at_head` finds."""


@dataclass(slots=True)
class Run:
    """Packets of one sender that follow on one another, back to back in `data`, all of one picture.

    Each is a plain 12-byte header (no CSRC, extension or padding) and its payload. Every packet is `size` bytes but
    the last, which may be shorter: the form in which the kernel takes and gives bursts (UDP_SEGMENT, UDP_GRO). All bear
    one SSRC, payload type and timestamp; the sequence has no gap inside; only the last may bear the marker. A program
    stream's pack that begins at the beginning of a packet begins a run: whether a key frame begins is seen there.
    """

    data: bytes
    size: int
    count: int
    sequence: int
    """Of the first packet."""
    timestamp: int
    ssrc: int
    payload_type: int
    marker: bool
    lost_before: bool = False
    """Whether something is missing between the run before and this one."""

    @property
    def payload_bytes(self) -> int:
        return len(self.data) - HEADER_BYTES * self.count

    def packets(self) -> Iterator[bytes]:
        """The packets one by one."""
        for start in range(0, len(self.data), self.size):
            yield self.data[start : start + self.size]

    def payloads(self) -> tuple[bytes, ...]:
        """The payloads one by one."""
        data, size = self.data, self.size
        before_last = self.count - 1
        parts = bodies(HEADER_BYTES, size - HEADER_BYTES, before_last)(data) if before_last else ()
        return (*parts, data[before_last * size + HEADER_BYTES :])

    def payload(self) -> bytes:
        """All payloads back to back."""
        return b"".join(self.payloads()) if self.count > 1 else self.data[HEADER_BYTES:]


def run_of(packet: RtpPacket, *, lost_before: bool = False) -> Run:
    """A run of one packet, its header made plain."""
    kind = packet.payload_type | (MARKER if packet.marker else 0)
    head = b"".join(
        (
            bytes((0x80, kind)),
            packet.sequence.to_bytes(2, "big"),
            packet.timestamp.to_bytes(4, "big"),
            packet.ssrc.to_bytes(4, "big"),
        )
    )
    data = head + bytes(packet.payload)
    return Run(
        data,
        len(data),
        1,
        packet.sequence,
        packet.timestamp,
        packet.ssrc,
        packet.payload_type,
        packet.marker,
        lost_before,
    )


def packets_of(run: Run) -> Iterator[RtpPacket]:
    """The run's packets taken apart."""
    sequence = run.sequence
    for packet in run.packets():
        _, kind, *_ = read_header(packet)
        payload = memoryview(packet)[HEADER_BYTES:]
        yield RtpPacket(run.payload_type, kind >= MARKER, sequence, run.timestamp, run.ssrc, payload)
        sequence = sequence + 1 & 0xFFFF


def join(packets: list[bytes], *, lost_before: bool = False) -> Run:
    """Whole packets that already keep the promises of a run, as one. Raises ValueError when they do not."""
    first = packets[0]
    size, count = len(first), len(packets)
    _, kind, sequence, timestamp, ssrc = read_header(first)
    for number, packet in enumerate(packets):
        is_last = number == count - 1
        wanted = kind & 0x7F, sequence + number & 0xFFFF, timestamp, ssrc
        head, its_kind, *rest = read_header(packet)
        fits = len(packet) == size or (is_last and len(packet) < size)
        if head != 0x80 or (its_kind & 0x7F, *rest) != wanted or not fits or (its_kind >= MARKER and not is_last):
            raise ValueError(f"packet {number} of {count} is not of this run")
    _, last_kind, *_ = read_header(packets[-1])
    return Run(b"".join(packets), size, count, sequence, timestamp, ssrc, kind & 0x7F, last_kind >= MARKER, lost_before)


def run_at_head(data: bytes, size: int, payload_type: int, ssrc: int | None) -> Run | None:
    """The run that packets begin with, back to back and each of `size` bytes but the last; None when the first has no
    plain header of this type and SSRC.

    One slice with a step is one byte of all headers: a picture is looked at in a few steps, not in a few a packet.
    """
    total = len(data)
    if total < HEADER_BYTES or size < HEADER_BYTES:
        return None
    if ssrc is None:
        return None
    first, kind, sequence, picture = _HEADER.unpack_from(data)
    if first != 0x80 or kind & 0x7F != payload_type or picture & 0xFFFFFFFF != ssrc or 192 <= kind <= 223:
        return None
    count = min((total + size - 1) // size, COUNT_LIMIT)
    if count > 1:
        last = (count - 1) * size
        if kind >= MARKER or total - last < HEADER_BYTES or count * size < total:
            count = _count(data, size, count)
        else:
            kinds = data[1::size]
            end = data[last + 1]
            pictures = _pictures(size, count)(data)
            if (
                kinds.count(kind) != count - (end != kind)
                or (end != kind and (end != kind | MARKER or 192 <= end <= 223))
                or pictures.count(picture) != count
                or data[2::size] != _HIGH[sequence : sequence + count]
                or data[3::size] != _LOW[sequence : sequence + count]
                or data[0::size].count(0x80) != count
                or 0 in data[size + HEADER_BYTES :: size]
            ):
                count = _count(data, size, count)
        if count * size < total:
            data = data[: count * size]
        kind = data[(count - 1) * size + 1]
    return Run(
        data, size if count > 1 else len(data), count, sequence, picture >> 32, ssrc, payload_type, kind >= MARKER
    )


@lru_cache(512)
def bodies(head: int, size: int, count: int) -> Callable[..., tuple[bytes, ...]]:
    """Takes so many pieces of `size` bytes out of bytes, each from behind a head, in one step."""
    return Struct(f"{head}x{size}s" * count).unpack_from


@lru_cache(512)
def _pictures(size: int, count: int) -> Callable[[bytes], tuple[int, ...]]:
    """Timestamp and SSRC of so many packets, each as one number."""
    return Struct(">" + f"4xQ{size - HEADER_BYTES}x" * (count - 1) + "4xQ").unpack_from


def _count(data: bytes, size: int, count: int) -> int:
    """How many of the packets belong to one run with the first, looked at one by one."""
    _, kind, sequence, picture = _HEADER.unpack_from(data)
    for number in range(1, count):
        at = number * size
        if kind >= MARKER or at + HEADER_BYTES > len(data):
            return number
        first, kind, its_sequence, its_picture = _HEADER.unpack_from(data, at)
        if (
            first != 0x80
            or kind & 0x7F != data[1]
            or 192 <= kind <= 223
            or its_sequence != sequence + number & 0xFFFF
            or its_picture != picture
            or data.startswith(_PACK_CODE, at + HEADER_BYTES)
        ):
            return number
    return count
