"""Annex-B byte streams of H.264 and H.265: NAL units, parameter sets, and what MP4 and FLV want of them."""

from __future__ import annotations

from dataclasses import dataclass

from media.frame import Codec


@dataclass(frozen=True, slots=True)
class VideoParameters:
    """What the parameter sets say; `configuration` is the avcC or hvcC record, `mime` the RFC 6381 codec string."""

    codec: Codec
    width: int
    height: int
    fps: float
    mime: str
    configuration: bytes


def nal_units(data: bytes) -> list[bytes]:
    """The NAL units without start codes and trailing zeros."""
    return []


def video_parameters(codec: Codec, data: bytes) -> VideoParameters | None:
    """Parameters of a key frame that carries its parameter sets; None when they are missing or unreadable."""
    return None


def to_length_prefixed(codec: Codec, data: bytes) -> bytes:
    """NAL units with 4-byte lengths; delimiters, filler and parameter sets left out."""
    return b""
