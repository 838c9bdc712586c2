"""AAC in ADTS (ISO/IEC 13818-7 6.2) and its AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
SAMPLES_PER_FRAME = 1024
ADTS_FRAME_LIMIT = 8191


@dataclass(frozen=True, slots=True)
class AacFormat:
    """What a decoder must know beforehand: object type 2 is LC; `channels` is the channel configuration, 1 to 7."""

    object_type: int
    rate_hz: int
    channels: int

    def __post_init__(self) -> None:
        if not 1 <= self.object_type <= 30 or self.rate_hz not in RATES_HZ or not 0 <= self.channels <= 7:
            raise ValueError(f"no AAC: object type {self.object_type}, {self.rate_hz} Hz, {self.channels} channels")

    @property
    def config(self) -> bytes:
        """AudioSpecificConfig, two bytes.

        >>> AacFormat(2, 48000, 2).config.hex()
        '1190'
        """
        index = RATES_HZ.index(self.rate_hz)
        return ((self.object_type << 11) | (index << 7) | (self.channels << 3)).to_bytes(2, "big")

    @property
    def mime(self) -> str:
        """RFC 6381 codec string: mp4a.40.2 for AAC-LC."""
        return f"mp4a.40.{self.object_type}"


def format_of_config(config: bytes) -> AacFormat | None:
    """The format an AudioSpecificConfig tells, None when it is not of the two-byte kind."""
    if len(config) < 2:
        return None
    number = config[0] << 8 | config[1]
    index = number >> 7 & 0x0F
    if index >= len(RATES_HZ) or not 1 <= number >> 11 <= 30:
        return None
    return AacFormat(number >> 11, RATES_HZ[index], number >> 3 & 0x0F) if (number >> 3 & 0x0F) <= 7 else None


def format_of_fmtp(said: Mapping[str, str]) -> AacFormat | None:
    """What an fmtp line says, given by its words (RFC 3640 3.3.6): only the high bit-rate mode, 13 bits of size and 3
    of index, is in use."""
    if said.get("mode", "AAC-hbr").lower() != "aac-hbr" or said.get("sizelength", "13") != "13":
        return None
    try:
        return format_of_config(bytes.fromhex(said.get("config", "")))
    except ValueError:
        return None


def fmtp_words(text: str) -> dict[str, str]:
    """The words of an fmtp line behind its payload number, their names in lower case.

    >>> fmtp_words("streamtype=5; mode=AAC-hbr; config=1588")["config"]
    '1588'
    """
    parts = (part.partition("=") for part in text.split(";"))
    return {key.strip().lower(): value.strip() for key, mark, value in parts if mark}


def adts_length(data: bytes | memoryview, start: int = 0) -> int:
    """Length of the ADTS frame whose header stands at `start`, 0 when no header stands there."""
    if len(data) - start < 7 or data[start] != 0xFF or data[start + 1] & 0xF6 != 0xF0:
        return 0
    if data[start + 2] >> 2 & 0x0F >= len(RATES_HZ):
        return 0
    length = (data[start + 3] & 3) << 11 | data[start + 4] << 3 | data[start + 5] >> 5
    return length if length > header_length(data, start) else 0


def header_length(data: bytes | memoryview, start: int = 0) -> int:
    """7, or 9 with a CRC (protection_absent 0)."""
    return 7 if data[start + 1] & 1 else 9


def is_adts(data: bytes | memoryview) -> bool:
    """Whether the bytes are a chain of ADTS frames, whole or with a cut last one after a whole first."""
    position, chained = 0, 0
    while position < len(data):
        length = adts_length(data, position)
        if not length:
            return chained > 0 and len(data) - position < 7 and data[position] == 0xFF
        position += length
        chained += 1
    return chained > 1 or (chained == 1 and position == len(data))


def format_of(adts: bytes | memoryview) -> AacFormat | None:
    """The format told by the first ADTS header."""
    if not adts_length(adts):
        return None
    channels = (adts[2] & 1) << 2 | adts[3] >> 6
    return AacFormat((adts[2] >> 6) + 1, RATES_HZ[adts[2] >> 2 & 0x0F], channels)


def raw_frames(adts: bytes) -> list[bytes]:
    """The AAC frames without their headers; stops at what is no whole ADTS frame."""
    frames = []
    position = 0
    while length := adts_length(adts, position):
        if position + length > len(adts):
            break
        frames.append(adts[position + header_length(adts, position) : position + length])
        position += length
    return frames


def with_header(form: AacFormat, frame: bytes) -> bytes:
    """A raw frame in ADTS. Raises ValueError when it is too long for one."""
    length = len(frame) + 7
    if length > ADTS_FRAME_LIMIT:
        raise ValueError(f"an ADTS frame has at most {ADTS_FRAME_LIMIT} bytes, not {length}")
    index = RATES_HZ.index(form.rate_hz)
    header = bytes(
        (
            0xFF,
            0xF1,
            (form.object_type - 1 & 3) << 6 | index << 2 | form.channels >> 2,
            (form.channels & 3) << 6 | length >> 11,
            length >> 3 & 0xFF,
            (length & 7) << 5 | 0x1F,
            0xFC,
        )
    )
    return header + frame
