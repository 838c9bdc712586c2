"""Pictures into RTP payloads as cameras without GB/T 28181 send them: RFC 6184 and RFC 7798, with fragments."""

from __future__ import annotations

from media.frame import Codec

LIMIT = 1400
_FU_A, _FU = 28, 49


def nal_units(data: bytes) -> list[bytes]:
    """The NAL units of an Annex-B picture."""
    return [unit.rstrip(b"\x00") for unit in data.split(b"\x00\x00\x01")[1:] if unit.rstrip(b"\x00")]


def payloads(codec: Codec, picture: bytes) -> list[bytes]:
    """One picture's payloads in order; the last one carries the marker."""
    return [part for unit in nal_units(picture) for part in _of_unit(codec, unit)]


def _of_unit(codec: Codec, unit: bytes) -> list[bytes]:
    if len(unit) <= LIMIT:
        return [unit]
    if codec is Codec.H264:
        indicator, kind, body = bytes((unit[0] & 0xE0 | _FU_A,)), unit[0] & 0x1F, unit[1:]
    else:
        indicator, kind, body = bytes((unit[0] & 0x81 | _FU << 1, unit[1])), unit[0] >> 1 & 0x3F, unit[2:]
    room = LIMIT - len(indicator) - 1
    parts = [body[at : at + room] for at in range(0, len(body), room)]
    last = len(parts) - 1
    return [
        indicator + bytes((kind | (0x80 if number == 0 else 0) | (0x40 if number == last else 0),)) + part
        for number, part in enumerate(parts)
    ]
