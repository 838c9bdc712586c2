"""Fragmented MP4 for Media Source Extensions (ISO/IEC 14496-12): one fragment a frame, shared by all who watch."""

from __future__ import annotations

from media.aac import AacFormat
from media.annexb import VideoParameters
from media.frame import Frame


class Fmp4Muxer:
    """Fragments of one stream; a viewer gets `init_segment()`, then fragments from a key frame on.

    When `fragment` meets new parameter sets it makes a new init segment and `generation` grows by one: send
    `init_segment()` to all viewers before that fragment.
    """

    def __init__(self, video: VideoParameters | None, audio: AacFormat | None = None) -> None:
        self.video = video
        self.audio = audio
        self.generation = 0

    @property
    def mime(self) -> str:
        """As MediaSource wants it: video/mp4; codecs="avc1.42C00A,mp4a.40.2"."""
        return "video/mp4"

    def init_segment(self) -> bytes:
        return b""

    def fragment(self, frame: Frame) -> bytes:
        """moof and mdat of this frame; empty for a frame of no track here."""
        return b""
