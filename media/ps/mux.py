"""Frames into a program stream as annex C of GB/T 28181 wants it: one pack a video frame, its sound behind it."""

from __future__ import annotations

from collections.abc import Sequence

from media.frame import Codec, Frame


class Muxer:
    """One program: at most one video and one audio stream."""

    def __init__(self, video: Codec | None, audio: Codec | None = None) -> None:
        self.video = video
        self.audio = audio

    def pack(self, frame: Frame, audio: Sequence[Frame] = ()) -> bytes:
        """One pack: header, on a key frame system header and stream map, the frame's PES, then the sound's."""
        return b""
