"""FLV for HTTP and WebSocket viewers: one muxer a stream, its tags shared by all who watch."""

from __future__ import annotations

from media.aac import AacFormat
from media.annexb import VideoParameters
from media.frame import Codec, Frame


class FlvMuxer:
    """Tags of one stream; a viewer gets `header()`, then tags from a key frame on."""

    def __init__(
        self, video: VideoParameters | None, audio: AacFormat | Codec | None = None, *, enhanced: bool = True
    ) -> None:
        self.video = video
        self.audio = audio
        self.enhanced = enhanced

    def header(self) -> bytes:
        """File header, metadata and sequence headers, as they stand now."""
        return b""

    def tag(self, frame: Frame) -> bytes:
        """The frame's tag; a key frame with new parameter sets brings its sequence header along."""
        return b""
