"""The sound of a simulated camera: a steady G.711 A-law tone, cut into whatever is due."""

from __future__ import annotations

import math

from media.frame import Codec, Frame
from media.g711 import linear_to_alaw

RATE_HZ = 8000


class Tone:
    """An endless sine of `pitch_hz`; pitches that divide 8000 loop without a click."""

    def __init__(self, pitch_hz: int = 400, loudness: float = 0.2) -> None:
        period = RATE_HZ // math.gcd(RATE_HZ, pitch_hz)
        samples = [round(loudness * 32767 * math.sin(2 * math.pi * pitch_hz * n / RATE_HZ)) for n in range(period)]
        loop = linear_to_alaw(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
        self._loop = loop * (2 * RATE_HZ // len(loop) + 1)
        self._period = period
        self._sent = 0

    def until(self, pts_90k: int) -> Frame | None:
        """The samples due between the last call and `pts_90k`, None when none are; at most a second at once."""
        due = min(pts_90k * RATE_HZ // 90000 - self._sent, RATE_HZ)
        if due <= 0:
            return None
        start = self._sent % self._period
        frame_pts = self._sent * 90000 // RATE_HZ
        self._sent += due
        return Frame(Codec.G711A, self._loop[start : start + due], frame_pts, frame_pts, key=True)
