"""G.711 to AAC for browsers, which play no G.711: one encoder a source, made when somebody wants to hear it."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

from media import g711
from media.aac import AacFormat, with_header
from media.frame import Codec, Frame

try:
    import av
except ImportError:  # a build without FFmpeg: everything works but there is no sound in browsers
    av = None  # type: ignore[assignment]  # a module's name that may stand for nothing

log = logging.getLogger(__name__)

RATE_HZ = 8000
TIME_BASE = Fraction(1, RATE_HZ)
BIT_RATE = 24_000
BLOCK = 1024
"""Samples of a frame of AAC."""
BLOCK_BYTES = 4 * BLOCK
DRIFT_90K = 18_000
"""Sound whose stamps leave the count of its samples by 0.2 s is put back on its stamps."""

AAC_8K = AacFormat(object_type=2, rate_hz=RATE_HZ, channels=1)


def can_transcode(codec: Codec) -> bool:
    """Whether `codec` can be made playable here."""
    return av is not None and codec in (Codec.G711A, Codec.G711U)


class AacFromG711:
    """Frames of G.711 in, frames of AAC (ADTS, 8 kHz, mono) out; each 1024 samples, 128 ms. Never raises on data."""

    format = AAC_8K

    def __init__(self) -> None:
        if av is None:
            raise RuntimeError("PyAV is not installed: no sound for browsers from G.711")
        # PyAV's contexts carry no useful types of their own.
        context: Any = av.CodecContext.create("aac", "w")
        context.sample_rate = RATE_HZ
        context.layout = "mono"
        context.format = "fltp"
        context.bit_rate = BIT_RATE
        context.time_base = TIME_BASE
        context.options = {"aac_coder": "fast"}  # less than half the work, and no worse on a telephone's band
        context.open()
        self._context = context
        self._gathered = bytearray()
        self._samples_in = 0
        self._samples_out = 0
        self._start_90k: int | None = None
        self.failures = 0

    def feed(self, frame: Frame) -> list[Frame]:
        """AAC frames that are ready now; their clock follows the samples, anchored at the stamps."""
        samples = len(frame.data)
        if not samples:
            return []
        expected = None if self._start_90k is None else self._start_90k + self._samples_in * 45 // 4
        if expected is None or abs(frame.pts_90k - expected) > DRIFT_90K:
            self._start_90k = frame.pts_90k - self._samples_in * 45 // 4
        self._samples_in += samples
        to_floats = g711.alaw_to_floats if frame.codec is Codec.G711A else g711.ulaw_to_floats
        self._gathered += to_floats(frame.data)
        made: list[Frame] = []
        while len(self._gathered) >= BLOCK_BYTES:
            block = bytes(self._gathered[:BLOCK_BYTES])
            del self._gathered[:BLOCK_BYTES]
            made += self._encoded(block)
        return made

    def _encoded(self, block: bytes) -> list[Frame]:
        """What becomes of the next 1024 samples."""
        sound = av.AudioFrame(format="fltp", layout="mono", samples=BLOCK)
        sound.sample_rate = RATE_HZ
        sound.pts = self._samples_out
        sound.time_base = TIME_BASE
        plane = sound.planes[0]
        plane.update(block.ljust(plane.buffer_size, b"\0"))
        self._samples_out += BLOCK
        try:
            packets = self._context.encode(sound)
        except av.FFmpegError:
            # Nothing a camera sends should bring this about; the sound is left out, the picture goes on.
            self.failures += 1
            return []
        # The encoder primes with a frame of silence before sample 0, which would have the time of the frame behind it.
        return [self._frame_of(packet) for packet in packets if packet.pts >= 0]

    def _frame_of(self, packet: Any) -> Frame:
        raw = bytes(packet)
        assert self._start_90k is not None
        pts = self._start_90k + int(packet.pts) * 45 // 4
        return Frame(Codec.AAC, with_header(AAC_8K, raw), pts, pts)
