"""RTP packets (RFC 3550 5.1): read, written, and the arithmetic of their counters."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

_HEADER = Struct(">BBHII")
read_header = _HEADER.unpack_from
"""`read_header(packet)` is (first byte, marker and payload type, sequence, timestamp, ssrc); needs 12 bytes."""

MARKER = 0x80


@dataclass(slots=True)
class RtpPacket:
    """A packet taken apart; `payload` is without padding, and looks into the bytes it came in or is a copy of them."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes | memoryview


def is_rtp(packet: bytes | memoryview) -> bool:
    """Version 2, long enough, and not RTCP (second byte 192 to 223, RFC 5761 4)."""
    return len(packet) >= 12 and packet[0] & 0xC0 == 0x80 and not 192 <= packet[1] <= 223


def is_rtcp(packet: bytes | memoryview) -> bool:
    """Version 2 and a packet type of RTCP (RFC 5761 4)."""
    return len(packet) >= 8 and packet[0] & 0xC0 == 0x80 and 192 <= packet[1] <= 223


def payload_of(packet: bytes | memoryview) -> bytes | memoryview | None:
    """The payload behind CSRCs and extension and before the padding; None when they lie beyond the packet."""
    size = len(packet)
    if size < 12:
        return None
    first = packet[0]
    if first == 0x80:
        return packet[12:]
    if first & 0xC0 != 0x80:
        return None
    start = 12 + 4 * (first & 0x0F)
    if first & 0x10:
        if start + 4 > size:
            return None
        start += 4 + 4 * (packet[start + 2] << 8 | packet[start + 3])
    if first & 0x20:
        padding = packet[size - 1]
        if padding == 0:
            return None
        size -= padding
    return packet[start:size] if start <= size else None


def parse(packet: bytes | memoryview) -> RtpPacket | None:
    """The packet, or None for what is no RTP: too short, another version, RTCP, or parts beyond its end."""
    if len(packet) < 12:
        return None
    first, kind, sequence, timestamp, ssrc = read_header(packet)
    if first == 0x80 and not 192 <= kind <= 223:
        return RtpPacket(kind & 0x7F, kind >= MARKER, sequence, timestamp, ssrc, packet[12:])
    if not is_rtp(packet):
        return None
    payload = payload_of(packet)
    if payload is None:
        return None
    return RtpPacket(kind & 0x7F, kind >= MARKER, sequence, timestamp, ssrc, payload)


def sequence_distance(earlier: int, later: int) -> int:
    """How far `later` lies behind `earlier` in 16-bit sequence space: -32768 to 32767."""
    return ((later - earlier + 0x8000) & 0xFFFF) - 0x8000


class Unwrapper:
    """A counter of `bits` bits made endless: the value nearest to the last one.

    >>> clock = Unwrapper(32)
    >>> clock.unwrap(0xFFFFFFFF), clock.unwrap(1)
    (4294967295, 4294967297)
    """

    def __init__(self, bits: int) -> None:
        self._modulus = 1 << bits
        self._half = 1 << (bits - 1)
        self.last: int | None = None
        """The value before, endless."""

    def unwrap(self, value: int) -> int:
        last = self.last
        if last is not None:
            value = last + ((value - last + self._half) % self._modulus) - self._half
        self.last = value
        return value


class Packetiser:
    """Frames into RTP packets: one timestamp a frame, the marker on its last packet, the sequence without a gap."""

    def __init__(self, ssrc: int, payload_type: int = 96, *, payload_limit: int = 1400, sequence: int = 0) -> None:
        if not 0 <= ssrc <= 0xFFFFFFFF or not 0 <= payload_type <= 127 or payload_limit < 1:
            raise ValueError(f"no RTP stream: SSRC {ssrc}, payload type {payload_type}, limit {payload_limit}")
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.payload_limit = payload_limit
        self.sequence = sequence & 0xFFFF

    def packets(self, frame: bytes, timestamp: int) -> list[bytes]:
        """The frame cut at the payload limit; `timestamp` is taken modulo 2^32. No bytes, no packets."""
        packets = []
        last = len(frame) - self.payload_limit
        timestamp &= 0xFFFFFFFF
        for start in range(0, len(frame), self.payload_limit):
            kind = self.payload_type | (MARKER if start >= last else 0)
            header = _HEADER.pack(0x80, kind, self.sequence, timestamp, self.ssrc)
            packets.append(header + frame[start : start + self.payload_limit])
            self.sequence = (self.sequence + 1) & 0xFFFF
        return packets
