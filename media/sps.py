"""Sequence parameter sets of H.264 and H.265: size, sample format and rate of the pictures (and slice headers)."""

from __future__ import annotations

from dataclasses import dataclass


def unescape(nal: bytes) -> bytes:
    """The payload without emulation prevention bytes (00 00 03 becomes 00 00)."""
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")


class BitReader:
    """Bits of a payload, most significant first; reading past the end raises ValueError."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def bits(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("parameter set ends early")
        return (self._value >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        return self.bits(1) == 1

    def skip(self, count: int) -> None:
        self.bits(count)

    def unsigned(self) -> int:
        """ue(v), ISO/IEC 14496-10 9.1."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("no Exp-Golomb number is that long")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """se(v), ISO/IEC 14496-10 9.1.1."""
        number = self.unsigned()
        return (number + 1) // 2 if number & 1 else -(number // 2)


@dataclass(slots=True)
class Picture:
    """What a sequence parameter set says; depths are bits above 8, `chroma` is chroma_format_idc, fps 0.0 unsaid."""

    width: int
    height: int
    chroma: int
    luma_depth: int
    chroma_depth: int
    fps: float


def _checked(picture: Picture) -> Picture:
    if not (0 < picture.width <= 16384 and 0 < picture.height <= 16384):
        raise ValueError(f"a picture of {picture.width} x {picture.height}")
    if picture.luma_depth > 8 or picture.chroma_depth > 8 or picture.chroma > 3:
        raise ValueError("no such sample format")
    return picture


_H264_HIGH = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


def h264_picture(sps: bytes) -> Picture:
    """Picture facts of an SPS, cropping applied. Raises ValueError."""
    read = BitReader(unescape(sps[1:]))
    profile = read.bits(8)
    read.skip(16)
    read.unsigned()
    chroma, luma_depth, chroma_depth, separate = 1, 0, 0, False
    if profile in _H264_HIGH:
        chroma = read.unsigned()
        separate = chroma == 3 and read.flag()
        luma_depth, chroma_depth = read.unsigned(), read.unsigned()
        read.skip(1)
        if read.flag():
            for index in range(12 if chroma == 3 else 8):
                if read.flag():
                    _skip_h264_scaling_list(read, 16 if index < 6 else 64)
    read.unsigned()
    order = read.unsigned()
    if order == 0:
        read.unsigned()
    elif order == 1:
        read.skip(1)
        read.signed()
        read.signed()
        cycle = read.unsigned()
        if cycle > 255:
            raise ValueError("no such picture order cycle")
        for _ in range(cycle):
            read.signed()
    read.unsigned()
    read.skip(1)
    width = (read.unsigned() + 1) * 16
    units = read.unsigned() + 1
    frames_only = read.flag()
    if not frames_only:
        read.skip(1)
    height = units * 16 * (1 if frames_only else 2)
    read.skip(1)
    if read.flag():
        left, right, top, bottom = (read.unsigned() for _ in range(4))
        mono = chroma == 0 or separate
        step_x = 2 if chroma in (1, 2) and not mono else 1
        step_y = (2 if chroma == 1 and not mono else 1) * (1 if frames_only else 2)
        width -= (left + right) * step_x
        height -= (top + bottom) * step_y
    return _checked(Picture(width, height, chroma, luma_depth, chroma_depth, _h264_fps(read)))


def _skip_h264_scaling_list(read: BitReader, size: int) -> None:
    last, following = 8, 8
    for _ in range(size):
        if following:
            following = (last + read.signed()) & 0xFF
        last = following or last


def _h264_fps(read: BitReader) -> float:
    # What lies behind the picture size is a hint only: cameras write broken VUI and still send good pictures.
    try:
        if not read.flag():
            return 0.0
        if read.flag() and read.bits(8) == 255:
            read.skip(32)
        if read.flag():
            read.skip(1)
        if read.flag():
            read.skip(4)
            if read.flag():
                read.skip(24)
        if read.flag():
            read.unsigned()
            read.unsigned()
        if read.flag():
            units, scale = read.bits(32), read.bits(32)
            return _sane_fps(scale, 2 * units)
    except ValueError:
        pass
    return 0.0


def _sane_fps(scale: int, units: int) -> float:
    if not units:
        return 0.0
    fps = scale / units
    return round(fps, 3) if 0.05 <= fps <= 480 else 0.0


def h265_picture(sps: bytes) -> Picture:
    """Picture facts of an SPS, conformance window applied. Raises ValueError."""
    read = BitReader(unescape(sps[2:]))
    read.skip(4)
    layers = read.bits(3)
    read.skip(1)
    _skip_profile_tier_level(read, layers)
    read.unsigned()
    chroma = read.unsigned()
    separate = chroma == 3 and read.flag()
    width, height = read.unsigned(), read.unsigned()
    if read.flag():
        left, right, top, bottom = (read.unsigned() for _ in range(4))
        mono = chroma == 0 or separate
        width -= (left + right) * (2 if chroma in (1, 2) and not mono else 1)
        height -= (top + bottom) * (2 if chroma == 1 and not mono else 1)
    luma_depth, chroma_depth = read.unsigned(), read.unsigned()
    return _checked(Picture(width, height, chroma, luma_depth, chroma_depth, _h265_fps(read, layers)))


def _skip_profile_tier_level(read: BitReader, layers: int) -> None:
    read.skip(96)
    present = [(read.flag(), read.flag()) for _ in range(layers)]
    if layers:
        read.skip(2 * (8 - layers))
    for profile, level in present:
        read.skip((88 if profile else 0) + (8 if level else 0))


def _h265_fps(read: BitReader, layers: int) -> float:
    try:
        order_bits = read.unsigned() + 4
        for _ in range(layers + 1 if read.flag() else 1):
            read.unsigned()
            read.unsigned()
            read.unsigned()
        for _ in range(6):
            read.unsigned()
        if read.flag() and read.flag():
            _skip_h265_scaling_lists(read)
        read.skip(2)
        if read.flag():
            read.skip(8)
            read.unsigned()
            read.unsigned()
            read.skip(1)
        _skip_h265_reference_sets(read)
        if read.flag():
            count = read.unsigned()
            if count > 32:
                raise ValueError("too many long-term pictures")
            read.skip(count * (order_bits + 1))
        read.skip(2)
        if not read.flag():
            return 0.0
        if read.flag() and read.bits(8) == 255:
            read.skip(32)
        if read.flag():
            read.skip(1)
        if read.flag():
            read.skip(4)
            if read.flag():
                read.skip(24)
        if read.flag():
            read.unsigned()
            read.unsigned()
        read.skip(3)
        if read.flag():
            for _ in range(4):
                read.unsigned()
        if read.flag():
            units, scale = read.bits(32), read.bits(32)
            return _sane_fps(scale, units)
    except ValueError:
        pass
    return 0.0


def _skip_h265_scaling_lists(read: BitReader) -> None:
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not read.flag():
                read.unsigned()
                continue
            if size > 1:
                read.signed()
            for _ in range(min(64, 1 << (4 + (size << 1)))):
                read.signed()


def _skip_h265_reference_sets(read: BitReader) -> None:
    count = read.unsigned()
    if count > 64:
        raise ValueError("too many reference picture sets")
    pictures = 0
    for index in range(count):
        if index and read.flag():
            read.skip(1)
            read.unsigned()
            kept = 0
            for _ in range(pictures + 1):
                if read.flag() or read.flag():
                    kept += 1
            pictures = kept
        else:
            negative, positive = read.unsigned(), read.unsigned()
            pictures = negative + positive
            if pictures > 32:
                raise ValueError("too many reference pictures")
            for _ in range(pictures):
                read.unsigned()
                read.skip(1)


def h265_vps_fps(vps: bytes) -> float:
    """Pictures a second by the video parameter set, 0.0 when it does not say."""
    try:
        read = BitReader(unescape(vps[2:]))
        read.skip(12)
        layers = read.bits(3)
        read.skip(17)
        _skip_profile_tier_level(read, layers)
        for _ in range(layers + 1 if read.flag() else 1):
            read.unsigned()
            read.unsigned()
            read.unsigned()
        highest = read.bits(6)
        extra_sets = read.unsigned()
        if extra_sets > 1023:
            raise ValueError("too many layer sets")
        read.skip(extra_sets * (highest + 1))
        if read.flag():
            units, scale = read.bits(32), read.bits(32)
            return _sane_fps(scale, units)
    except ValueError:
        pass
    return 0.0


def is_intra_slice(nal: bytes) -> bool:
    """Whether an H.264 slice says that the whole picture is intra coded (slice_type 2, 4, 7, 9)."""
    try:
        read = BitReader(nal[1:13])
        read.unsigned()
        return read.unsigned() in (2, 4, 7, 9)
    except ValueError:
        return False
