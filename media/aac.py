"""AAC in ADTS (ISO/IEC 13818-7 6.2) and its AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1)."""

from __future__ import annotations

from dataclasses import dataclass

RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
SAMPLES_PER_FRAME = 1024


@dataclass(frozen=True, slots=True)
class AacFormat:
    """What a decoder must know beforehand."""

    object_type: int
    rate_hz: int
    channels: int

    @property
    def config(self) -> bytes:
        """AudioSpecificConfig, two bytes."""
        index = RATES_HZ.index(self.rate_hz)
        return ((self.object_type << 11) | (index << 7) | (self.channels << 3)).to_bytes(2, "big")

    @property
    def mime(self) -> str:
        """RFC 6381 codec string: mp4a.40.2 for AAC-LC."""
        return f"mp4a.40.{self.object_type}"
