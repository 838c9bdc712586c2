"""Frames as RTP payloads for a browser (RFC 6184): made once a stream, sent to all who take it."""

from __future__ import annotations

from media.annexb import H264_AUD, H264_FILLER, H264_PPS, H264_SPS, nal_units, parameter_sets
from media.frame import Codec

MOST = 1180
"""With RTP's header, its extensions and SRTP's tag a datagram stays under 1280 bytes, which every network carries."""
FU_A = 28
STAP_A = 24
SOUND_BYTES = 160
"""20 ms of G.711."""


def h264_payloads(data: bytes, sets: tuple[bytes, ...], *, is_key: bool) -> list[bytes]:
    """An access unit in payloads; a key frame goes with its parameter sets, as a browser may begin at it."""
    units = [unit for unit in nal_units(data) if unit[0] & 0x1F not in (H264_AUD, H264_FILLER)]
    if is_key and not parameter_sets(Codec.H264, data):
        units = [*sets, *units]
    payloads: list[bytes] = []
    small: list[bytes] = []
    for unit in units:
        if unit[0] & 0x1F in (H264_SPS, H264_PPS) and len(unit) < 256:
            small.append(unit)
            continue
        payloads += _together(small)
        small = []
        payloads += [unit] if len(unit) <= MOST else _cut(unit)
    return payloads + _together(small)


def _together(units: list[bytes]) -> list[bytes]:
    """Several small units in one payload, as long as they fit (RFC 6184 5.7.1)."""
    if len(units) < 2 or sum(len(unit) + 2 for unit in units) >= MOST:
        return units
    head = max(unit[0] & 0x60 for unit in units) | STAP_A
    return [bytes((head,)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)]


def _cut(unit: bytes) -> list[bytes]:
    """A large unit in pieces of about one size (RFC 6184 5.8)."""
    indicator, kind = unit[0] & 0xE0 | FU_A, unit[0] & 0x1F
    size = -(-(len(unit) - 1) // -(-(len(unit) - 1) // (MOST - 2)))
    starts = range(1, len(unit), size)
    return [
        bytes((indicator, kind | (0x80 if at == 1 else 0) | (0x40 if at + size >= len(unit) else 0)))
        + unit[at : at + size]
        for at in starts
    ]


def sound_payloads(data: bytes) -> list[bytes]:
    """A run of G.711 in pieces of 20 ms; the last may be shorter."""
    return [data[at : at + SOUND_BYTES] for at in range(0, len(data), SOUND_BYTES)]
