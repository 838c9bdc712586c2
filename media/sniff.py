"""What is carried: the payload of RTP packets told by its first bytes, whatever the SDP said (media.md 4.8, 8.2)."""

from __future__ import annotations

from enum import StrEnum

from media.aac import is_adts
from media.sps import h264_picture, h265_picture


class Carriage(StrEnum):
    """How frames lie in RTP payloads; the value is what eyes read."""

    PS = "PS"
    H264 = "H.264"
    H265 = "H.265"
    TS = "TS"
    DHAV = "DHAV"
    ADTS = "ADTS"
    UNKNOWN = "unknown"


_TS_PACKET = 188


def carriage_of(payload: bytes | memoryview) -> Carriage:
    """What the payload surely is; UNKNOWN for the middle of anything and for all that might be chance."""
    head = bytes(payload[:64])
    if len(head) < 4:
        return Carriage.UNKNOWN
    if head.startswith(b"\x00\x00\x01"):
        # A pack, or the stream map or system header of one; 00 00 01 67 is Annex-B that a camera put in unpacked.
        return Carriage.PS if head[3] in (0xBA, 0xBB, 0xBC) else Carriage.UNKNOWN
    if head.startswith((b"DHAV", b"DAHUA")):
        return Carriage.DHAV
    size = len(payload)
    if head[0] == 0x47 and size % _TS_PACKET == 0 and all(payload[at] == 0x47 for at in range(0, size, _TS_PACKET)):
        return Carriage.TS
    if _is_h265(payload):
        return Carriage.H265
    if _is_h264(payload):
        return Carriage.H264
    if head[0] == 0xFF and is_adts(payload):
        return Carriage.ADTS
    return Carriage.UNKNOWN


def _is_h264(payload: bytes | memoryview) -> bool:
    """A sequence parameter set that makes sense, alone or first in a STAP-A (RFC 6184 5.6, 5.7.1)."""
    kind = payload[0] & 0x9F
    start, end = 0, len(payload)
    if kind == 24 and len(payload) > 4:
        start, end = 3, 3 + (payload[1] << 8 | payload[2])
    if end > len(payload) or end - start < 6 or end - start > 4096 or payload[start] & 0x9F != 7:
        return False
    try:
        h264_picture(bytes(payload[start:end]))
    except ValueError:
        return False
    return True


def _is_h265(payload: bytes | memoryview) -> bool:
    """A video or sequence parameter set of the base layer, alone or first in an AP (RFC 7798 4.4.1, 4.4.2)."""
    start, end = 0, len(payload)
    if payload[0] == 0x60 and payload[1] == 1 and len(payload) > 6:
        start, end = 4, 4 + (payload[2] << 8 | payload[3])
    if end > len(payload) or end - start < 8 or end - start > 4096 or payload[start + 1] != 1:
        return False
    nal = bytes(payload[start:end])
    if nal[0] == 0x40:
        # ISO/IEC 23008-2 7.3.2.1: base layer flags 11, reserved 0xFFFF behind.
        return nal[2] & 0x0F == 0x0C and nal[4:6] == b"\xff\xff"
    if nal[0] != 0x42:
        return False
    try:
        h265_picture(nal)
    except ValueError:
        return False
    return True
