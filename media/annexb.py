"""Annex-B byte streams of H.264 and H.265: NAL units, parameter sets, and what MP4 and FLV want of them."""

from __future__ import annotations

from dataclasses import dataclass

from media.frame import Codec
from media.sps import h264_picture, h265_picture, h265_vps_fps, unescape

START_CODE = b"\x00\x00\x01"

# NAL unit types: ISO/IEC 14496-10 table 7-1 and ISO/IEC 23008-2 table 7-1.
H264_IDR, H264_SEI, H264_SPS, H264_PPS, H264_AUD, H264_FILLER = 5, 6, 7, 8, 9, 12
H265_VPS, H265_SPS, H265_PPS, H265_AUD, H265_FILLER = 32, 33, 34, 35, 38

_H264_PARAMETERS = frozenset({H264_SPS, H264_PPS})
_H265_PARAMETERS = frozenset({H265_VPS, H265_SPS, H265_PPS})
_H264_LEFT_OUT = _H264_PARAMETERS | {H264_AUD, H264_FILLER}
_H265_LEFT_OUT = _H265_PARAMETERS | {H265_AUD, H265_FILLER}

# A record with more, or longer, sets than these is no camera's; they bound what one frame can make us keep.
_SETS_LIMIT = 16
_SET_BYTES_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class VideoParameters:
    """What the parameter sets say.

    `fps` is 0.0 when they do not say. `configuration` is the avcC or hvcC record (ISO/IEC 14496-15 5.3.3, 8.3.3),
    `mime` the RFC 6381 codec string, `sets` the parameter sets themselves in sending order.
    """

    codec: Codec
    width: int
    height: int
    fps: float
    mime: str
    configuration: bytes
    sets: tuple[bytes, ...] = ()


def nal_units(data: bytes) -> list[bytes]:
    """The NAL units without start codes and trailing zeros (trailing_zero_8bits)."""
    return [nal for part in data.split(START_CODE)[1:] if (nal := part.rstrip(b"\x00"))]


def nal_type(codec: Codec, nal: bytes) -> int:
    """The unit's type in its codec's own numbers."""
    return nal[0] & 0x1F if codec is Codec.H264 else (nal[0] >> 1) & 0x3F


def is_key_nal(codec: Codec, kind: int) -> bool:
    """A slice of a random access picture: IDR, or BLA, IDR and CRA of H.265."""
    return kind == H264_IDR if codec is Codec.H264 else 16 <= kind <= 21


def to_length_prefixed(codec: Codec, data: bytes) -> bytes:
    """NAL units with 4-byte lengths; delimiters, filler and parameter sets left out, SEI kept."""
    parts: list[bytes] = []
    if codec is Codec.H264:
        for nal in data.split(START_CODE)[1:]:
            nal = nal.rstrip(b"\x00")
            if nal and nal[0] & 0x1F not in _H264_LEFT_OUT:
                parts.append(len(nal).to_bytes(4, "big"))
                parts.append(nal)
    else:
        for nal in data.split(START_CODE)[1:]:
            nal = nal.rstrip(b"\x00")
            if nal and nal[0] >> 1 & 0x3F not in _H265_LEFT_OUT:
                parts.append(len(nal).to_bytes(4, "big"))
                parts.append(nal)
    return b"".join(parts)


def parameter_sets(codec: Codec, data: bytes) -> tuple[bytes, ...]:
    """The distinct parameter sets before the first slice, in order; bounded in number and size."""
    wanted = _H264_PARAMETERS if codec is Codec.H264 else _H265_PARAMETERS
    last_slice = 5 if codec is Codec.H264 else 31
    found: list[bytes] = []
    position = data.find(START_CODE)
    while position >= 0 and len(found) < _SETS_LIMIT:
        start = position + 3
        if start >= len(data):
            break
        kind = data[start] & 0x1F if codec is Codec.H264 else (data[start] >> 1) & 0x3F
        if (1 if codec is Codec.H264 else 0) <= kind <= last_slice:
            break
        position = data.find(START_CODE, start)
        if kind in wanted:
            nal = data[start : position if position >= 0 else len(data)].rstrip(b"\x00")
            if len(nal) <= _SET_BYTES_LIMIT and nal not in found:
                found.append(nal)
    return tuple(found)


def video_parameters(codec: Codec, data: bytes) -> VideoParameters | None:
    """Parameters of a key frame that carries its parameter sets; None when they are missing or unreadable."""
    return parameters_of(codec, parameter_sets(codec, data))


def parameters_of(codec: Codec, sets: tuple[bytes, ...]) -> VideoParameters | None:
    """The same from the sets themselves, without start codes."""
    try:
        if codec is Codec.H264:
            return _h264_parameters(sets)
        if codec is Codec.H265:
            return _h265_parameters(sets)
    except ValueError:
        return None
    return None


def _h264_parameters(sets: tuple[bytes, ...]) -> VideoParameters | None:
    sps = [nal for nal in sets if len(nal) >= 4 and nal[0] & 0x1F == H264_SPS]
    pps = [nal for nal in sets if len(nal) >= 2 and nal[0] & 0x1F == H264_PPS]
    if not sps or not pps:
        return None
    first = sps[0]
    picture = h264_picture(first)
    record = bytearray((1, first[1], first[2], first[3], 0xFF, 0xE0 | len(sps)))
    for nal in sps:
        record += len(nal).to_bytes(2, "big") + nal
    record.append(len(pps))
    for nal in pps:
        record += len(nal).to_bytes(2, "big") + nal
    if first[1] in (100, 110, 122, 144):
        record += bytes((0xFC | picture.chroma, 0xF8 | picture.luma_depth, 0xF8 | picture.chroma_depth, 0))
    mime = f"avc1.{first[1]:02X}{first[2]:02X}{first[3]:02X}"
    return VideoParameters(Codec.H264, picture.width, picture.height, picture.fps, mime, bytes(record), (*sps, *pps))


def _h265_parameters(sets: tuple[bytes, ...]) -> VideoParameters | None:
    by_kind = {
        kind: [nal for nal in sets if len(nal) >= 3 and nal[0] >> 1 & 0x3F == kind]
        for kind in (H265_VPS, H265_SPS, H265_PPS)
    }
    if not all(by_kind.values()):
        return None
    sps = by_kind[H265_SPS][0]
    picture = h265_picture(sps)
    payload = unescape(sps[2:])
    if len(payload) < 13:
        return None
    profile = payload[1:13]
    fps = picture.fps or h265_vps_fps(by_kind[H265_VPS][0])
    layers, nested = (payload[0] >> 1 & 7) + 1, payload[0] & 1
    record = bytearray((1, *profile, 0xF0, 0, 0xFC, 0xFC | picture.chroma))
    record += bytes((0xF8 | picture.luma_depth, 0xF8 | picture.chroma_depth, 0, 0, layers << 3 | nested << 2 | 3, 3))
    for kind, nals in by_kind.items():
        record += bytes((0x80 | kind, 0, len(nals)))
        for nal in nals:
            record += len(nal).to_bytes(2, "big") + nal
    ordered = tuple(nal for nals in by_kind.values() for nal in nals)
    return VideoParameters(Codec.H265, picture.width, picture.height, fps, _h265_mime(profile), bytes(record), ordered)


def _h265_mime(profile: bytes) -> str:
    """ISO/IEC 14496-15 annex E.3, from the 12 bytes of the general profile, tier and level."""
    space = ("", "A", "B", "C")[profile[0] >> 6]
    tier = "H" if profile[0] & 0x20 else "L"
    reversed_flags = int(f"{int.from_bytes(profile[1:5], 'big'):032b}"[::-1], 2)
    constraints = "".join(f".{byte:X}" for byte in profile[5:11].rstrip(b"\x00"))
    return f"hvc1.{space}{profile[0] & 0x1F}.{reversed_flags:X}.{tier}{profile[11]}{constraints}"


def starts_picture(codec: Codec, data: bytes | memoryview, start: int) -> bool:
    """Whether the NAL unit at `start` cannot belong to a picture that has a slice already.

    True for a first slice and for what stands before one: delimiter, parameter sets, prefix SEI
    (ISO/IEC 14496-10 7.4.1.2.3, ISO/IEC 23008-2 7.4.2.4.4). The bytes up to the first slice bit must be there.
    """
    if codec is Codec.H264:
        kind = data[start] & 0x1F
        if kind in (1, 2, 5):
            return bool(data[start + 1] & 0x80)
        return 6 <= kind <= 9 or 14 <= kind <= 18
    kind = data[start] >> 1 & 0x3F
    if kind <= 31:
        return bool(data[start + 2] & 0x80)
    return H265_VPS <= kind <= H265_AUD or kind == 39 or 41 <= kind <= 44 or 48 <= kind <= 55


def is_slice(codec: Codec, first_byte: int) -> bool:
    """Whether a NAL unit that begins with this byte carries picture data."""
    return 1 <= first_byte & 0x1F <= 5 if codec is Codec.H264 else first_byte >> 1 & 0x3F <= 31
