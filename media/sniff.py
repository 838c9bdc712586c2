"""What is carried: the payload of RTP packets told by its first bytes, whatever the SDP said (media.md 4.8, 8.2)."""

from __future__ import annotations

from enum import StrEnum


class Carriage(StrEnum):
    """How frames lie in RTP payloads."""

    PS = "PS"
    H264 = "H.264"
    H265 = "H.265"
    TS = "TS"
    AAC = "AAC"
    G711A = "G.711A"
    G711U = "G.711U"
    UNKNOWN = "unknown"


def carriage_of(payload: bytes | memoryview) -> Carriage:
    """What the payload looks like; UNKNOWN for the middle of anything."""
    return Carriage.UNKNOWN
