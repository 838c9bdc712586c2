"""The program stream map (ISO/IEC 13818-1 2.5.4, GB/T 28181-2022 annex C): which stream id carries which codec."""

from __future__ import annotations

from collections.abc import Mapping

from media.frame import Codec

# ISO/IEC 13818-1 table 2-34 and GB/T 28181-2022 C.2.
CODECS: dict[int, Codec] = {
    0x10: Codec.MPEG4,
    0x1B: Codec.H264,
    0x24: Codec.H265,
    0x80: Codec.SVAC,
    0x0F: Codec.AAC,
    0x90: Codec.G711A,
    0x91: Codec.G711U,
    0x92: Codec.G722_1,
    0x93: Codec.G723_1,
    0x99: Codec.G729,
    0x9B: Codec.SVACA,
}
FOREIGN_PICTURES = {0x01: "MPEG-1 video", 0x02: "MPEG-2 video", 0x33: "H.266"}
"""Pictures by ISO/IEC 13818-1 that nobody of this trade plays."""
STREAM_TYPES: dict[Codec, int] = {codec: kind for kind, codec in CODECS.items()}


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1
        table.append(crc & 0xFFFFFFFF)
    return table


_CRC = _crc_table()


def crc32(data: bytes) -> int:
    """CRC-32/MPEG-2: over a map with its own CRC it is 0.

    >>> hex(crc32(b"123456789"))
    '0x376e6e7'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ _CRC[crc >> 24 ^ byte]
    return crc


def parse(body: bytes) -> tuple[dict[int, int], bool]:
    """Stream types by stream id from what follows the length field, and whether all its fields agreed.

    Never looks at the CRC (cameras write 0), never believes an inner length over the outer one (P4), and passes over
    type 0 (P18).
    """
    found: dict[int, int] = {}
    size = len(body)
    if size < 6:
        return found, False
    info = body[2] << 8 | body[3]
    position = 4 + info
    if position + 2 > size:
        return found, False
    declared = body[position] << 8 | body[position + 1]
    position += 2
    # A length that contradicts the outer one is not used at all; the last four bytes are the CRC.
    sound = position + declared + 4 == size
    end = position + declared if sound else max(size - 4, position)
    while position + 4 <= end:
        kind, sid = body[position], body[position + 1]
        if kind and sid >= 0xBD:
            found[sid] = kind
        length = body[position + 2] << 8 | body[position + 3]
        position += 4 + length
        if position > end:
            sound = False
    return found, sound


def build(streams: Mapping[int, int]) -> bytes:
    """The whole map, start code and CRC included, for stream types by stream id."""
    entries = b"".join(bytes((kind, sid, 0, 0)) for sid, kind in streams.items())
    body = b"\xe1\xff\x00\x00" + len(entries).to_bytes(2, "big") + entries
    unit = b"\x00\x00\x01\xbc" + (len(body) + 4).to_bytes(2, "big") + body
    return unit + crc32(unit).to_bytes(4, "big")
