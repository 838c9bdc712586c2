"""A frame: what a demuxer gives and every outlet takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Codec(StrEnum):
    """Codecs we can carry; the value is what consoles and logs print."""

    is_video: bool

    H264 = "H.264"
    H265 = "H.265"
    MPEG4 = "MPEG-4"
    SVAC = "SVAC"
    G711A = "G.711A"
    G711U = "G.711U"
    AAC = "AAC"
    G722_1 = "G.722.1"
    G723_1 = "G.723.1"
    G729 = "G.729"
    SVACA = "SVAC audio"


# Asked for every frame, several times: told once, for the members of a StrEnum are slow to compare and to hash.
for _codec in Codec:
    _codec.is_video = _codec in (Codec.H264, Codec.H265, Codec.MPEG4, Codec.SVAC)


@dataclass(slots=True)
class Frame:
    """One access unit of video, or one run of whole audio frames.

    `data` is Annex-B for H.264 and H.265, ADTS for AAC, raw samples for G.711. `pts_90k` and `dts_90k` are
    unwrapped 90 kHz clocks (they never jump back at 2^33). `key` is true for a random access point.
    """

    codec: Codec
    data: bytes
    pts_90k: int
    dts_90k: int
    key: bool = False
