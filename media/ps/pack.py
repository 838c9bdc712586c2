"""What an RTP payload shows of the pack that begins with it: nothing, some pack, or the pack of a key frame.

Whoever hands packets on without unpacking them asks this, once a packet; only packs are looked into.
"""

from __future__ import annotations

from enum import IntEnum

PACK_CODE = b"\x00\x00\x01\xba"
_START = b"\x00\x00\x01"
_SYSTEM, _MAP = 0xBB, 0xBC
_PADDING_OR_PRIVATE = frozenset({0xBD, 0xBE, 0xBF})
_LOOKED_INTO = 4096
"""A pack's headers and its picture's first NAL units lie well within."""

# H.265 names a NAL unit by an even byte (RFC 7798 1.1.4), the slices of H.264 and its SPS by an odd one, so the two
# need not be told apart beforehand. 16 to 21 are random access pictures, 32 to 34 their parameter sets.
_H265_KEYS = frozenset(kind << 1 for kind in (*range(16, 22), 32, 33, 34))
_H265_SLICES = frozenset(kind << 1 for kind in range(10)) - {0x06}  # 0x06 is H.264's SEI
_H264_KEYS = frozenset({5, 7})


class Begins(IntEnum):
    """What begins with a payload."""

    NOTHING = 0
    PACK = 1
    KEY_FRAME = 2


def begins(payload: bytes | memoryview) -> Begins:
    """What begins with these bytes. Never raises on what a camera sent.

    The picture's first NAL units decide; where they do not lie in this payload a system header or stream map does,
    which most cameras put before key frames only.
    """
    if payload[:4] != PACK_CODE:
        return Begins.NOTHING
    head = bytes(payload[:_LOOKED_INTO])
    size = len(head)
    at = _after_pack_header(head)
    has_heading = False
    while at + 9 <= size and head[at : at + 3] == _START:
        sid = head[at + 3]
        if 0xE0 <= sid <= 0xEF:
            is_key = _is_key_picture(head, at + 9 + head[at + 8])
            return Begins.KEY_FRAME if (has_heading if is_key is None else is_key) else Begins.PACK
        if sid in (_SYSTEM, _MAP):
            has_heading = True
        elif not (sid in _PADDING_OR_PRIVATE or 0xC0 <= sid <= 0xDF):
            break
        at += 6 + (head[at + 4] << 8 | head[at + 5])
    return Begins.KEY_FRAME if has_heading else Begins.PACK


def lacks_parameter_sets(payload: bytes | memoryview) -> bool:
    """Whether the picture in this beginning of a key frame's pack begins with a slice, its parameter sets being known
    from before (P24). False where that is not to be seen."""
    head = bytes(payload[:_LOOKED_INTO])
    at = head.find(_START)
    while at >= 0 and at + 5 <= len(head):
        first, second = head[at + 3], head[at + 4]
        if first & 0x9F == 7 or (second == 1 and first >> 1 in (32, 33, 34)):
            return False
        if first & 0x9F == 5 or (1 <= second <= 7 and 16 <= first >> 1 <= 21 and not first & 1):
            return True
        at = head.find(_START, at + 3)
    return False


def _after_pack_header(head: bytes) -> int:
    if head[4:7] == _START:
        return 4  # some recorders leave the header's body out before H.265
    if len(head) > 13 and head[4] & 0xC0 == 0x40:
        return 14 + (head[13] & 7)
    return 12


def _is_key_picture(head: bytes, at: int) -> bool | None:
    """What the first telling NAL unit from `at` on says; None when there is none here."""
    at = head.find(_START, at)
    while at >= 0 and at + 5 <= len(head):
        first, second = head[at + 3], head[at + 4]
        if first & 1:
            kind = first & 0x1F
            if kind in _H264_KEYS:
                return True
            if kind == 1:
                return False
        elif second == 1 and first in _H265_KEYS:
            return True
        elif 1 <= second <= 7 and first in _H265_SLICES:
            return False
        at = head.find(_START, at + 3)
    return None
