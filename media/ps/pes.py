"""Heads of PES packets: times as they stand in bytes, and the MPEG-1 form (ISO/IEC 13818-1 2.4.3.6)."""

from __future__ import annotations

from dataclasses import dataclass

# Stuffing up to 16, a buffer size of 2, two times of 5: more there cannot be in front of an MPEG-1 payload.
MPEG1_HEADER_LIMIT = 28


@dataclass(slots=True)
class Times:
    """What one PES header says; 33-bit values, None for what it does not say."""

    pts: int | None
    dts: int | None


def timestamp(data: bytes, at: int) -> int:
    """33 bits in 5 bytes; marker bits are not checked, cameras forget them."""
    return (
        (data[at] & 0x0E) << 29
        | data[at + 1] << 22
        | (data[at + 2] & 0xFE) << 14
        | data[at + 3] << 7
        | data[at + 4] >> 1
    )


def mpeg1_header(data: bytes, at: int, end: int, times: Times) -> int:
    """Where the payload begins, -1 for no such header; `times` is filled in."""
    for _ in range(16):
        if at < end and data[at] == 0xFF:
            at += 1
    if at + 2 <= end and data[at] & 0xC0 == 0x40:
        at += 2
    if at >= end:
        return -1
    first = data[at]
    if first & 0xF0 == 0x20 and at + 5 <= end:
        times.pts = timestamp(data, at)
        return at + 5
    if first & 0xF0 == 0x30 and at + 10 <= end:
        times.pts, times.dts = timestamp(data, at), timestamp(data, at + 5)
        return at + 10
    return at + 1 if first == 0x0F else -1


def timestamp_bytes(prefix: int, time: int) -> bytes:
    """The five bytes of a time; `prefix` is 0x20 for a PTS alone, 0x30 for the PTS and 0x10 for the DTS of a pair."""
    time &= 0x1FFFFFFFF
    return bytes(
        (
            prefix | (time >> 29 & 0x0E) | 1,
            time >> 22 & 0xFF,
            (time >> 14 & 0xFE) | 1,
            time >> 7 & 0xFF,
            (time << 1 & 0xFE) | 1,
        )
    )
