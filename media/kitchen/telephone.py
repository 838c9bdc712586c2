"""AAC as G.711 A-law: browsers take no AAC by WebRTC, and all of them take that."""

from __future__ import annotations

import logging
from typing import Any

from media.frame import Frame
from media.g711 import linear_to_alaw

try:
    import av
except ImportError:  # a build without FFmpeg: such sound is not offered
    av = None  # type: ignore[assignment]  # a module's name that may stand for nothing

log = logging.getLogger(__name__)

RATE_HZ = 8000
PIECE_BYTES = 2 * RATE_HZ // 50


def is_possible() -> bool:
    return av is not None


class Telephone:
    """Frames of AAC (ADTS) in, A-law at 8 kHz out, mono. Never raises on what a camera sent: that is silence."""

    def __init__(self) -> None:
        # PyAV's contexts carry no useful types of their own.
        self._decoder: Any = av.CodecContext.create("aac", "r")
        self._resampler: Any = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        self._rest = b""
        self.failures = 0

    def heard(self, frame: Frame) -> bytes:
        """Whole pieces of 20 ms; what is over goes with the next."""
        made = bytearray(self._rest)
        try:
            for packet in self._decoder.parse(frame.data):
                for sound in self._decoder.decode(packet):
                    for piece in self._resampler.resample(sound):
                        made += bytes(piece.planes[0])[: piece.samples * 2]
        except (av.FFmpegError, ValueError):
            self.failures += 1
            # Another rate or another number of channels in the middle: both begin anew.
            self._decoder = av.CodecContext.create("aac", "r")
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
        whole = len(made) // PIECE_BYTES * PIECE_BYTES
        self._rest = bytes(made[whole:])
        return linear_to_alaw(bytes(made[:whole]))
