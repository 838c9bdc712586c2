"""A run of RTP packets: what came off a socket at once, kept and handed on as one piece of memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from media.rtp import MARKER, RtpPacket, read_header

HEADER_BYTES = 12


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

    def payload(self) -> bytes:
        """All payloads back to back."""
        data, size = self.data, self.size
        if self.count == 1:
            return data[HEADER_BYTES:]
        view = memoryview(data)
        return b"".join([view[start + HEADER_BYTES : start + size] for start in range(0, len(data), size)])


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
