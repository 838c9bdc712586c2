"""Photographs by FFmpeg's libraries: a key frame becomes a JPEG, and a JPEG of a stranger is held to be one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from media.frame import Codec
from media.plane import KeyFrame, Photograph

try:
    import av
except ImportError:  # a build without FFmpeg: everything works but pictures that must be decoded
    av = None  # type: ignore[assignment]  # a module's name that may stand for nothing

DECODERS = {Codec.H264: "h264", Codec.H265: "hevc", Codec.MPEG4: "mpeg4"}
MOST_PIXELS = 8192 * 8192
"""A larger picture is no camera's, and would take all our memory."""
THUMB_WIDTH, THUMB_QUALITY = 320, 70
JPEG_START = b"\xff\xd8\xff"


def develop(picture: KeyFrame, width: int, quality: int) -> Photograph:
    """A JPEG of it, no wider than `width` (0: as it is). Blocks. Raises ValueError for what cannot be decoded."""
    decoder = DECODERS.get(picture.codec)
    if decoder is None:
        raise ValueError(f"pictures of {picture.codec} cannot be decoded here")
    shown = _decoded(decoder, picture.data)
    jpeg, width, height = _jpeg(shown, width, quality)
    return Photograph(jpeg, _jpeg(shown, THUMB_WIDTH, THUMB_QUALITY)[0], width, height)


def judge(data: bytes) -> Photograph:
    """The JPEG itself, with a small one. Blocks. Raises ValueError when it is no whole JPEG."""
    if not data.startswith(JPEG_START):
        raise ValueError("it does not begin as a JPEG does")
    shown = _decoded("mjpeg", data)
    return Photograph(data, _jpeg(shown, THUMB_WIDTH, THUMB_QUALITY)[0], int(shown.width), int(shown.height))


# PyAV's frames and contexts carry no useful types of their own.
def _decoded(decoder: str, data: bytes) -> Any:
    if av is None:
        raise ValueError("PyAV is not installed: no picture can be decoded here")
    context: Any = av.CodecContext.create(decoder, "r")
    context.thread_count = 1  # a second thread would gain nothing on one picture
    context.options = {"max_pixels": str(MOST_PIXELS)}
    try:
        shown = [*context.decode(av.Packet(data)), *context.decode(None)]
    except av.FFmpegError as error:
        raise ValueError(f"the picture cannot be decoded: {error}") from None
    if not shown:
        raise ValueError("no picture came out of the decoder")
    return shown[0]


def _jpeg(shown: Any, width: int, quality: int) -> tuple[bytes, int, int]:
    """Never enlarged; both sides even, as the colours are shared by four points."""
    width = min(width or shown.width, shown.width) & ~1 or 2
    height = max(round(shown.height * width / shown.width) & ~1, 2)
    context: Any = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    context.time_base = Fraction(1, 25)
    scale = _scale_of(quality)
    context.qmin = context.qmax = scale
    context.thread_count = 1
    image = shown.reformat(width=width, height=height, format="yuvj420p")
    image.pts = 0
    try:
        packets = [*context.encode(image), *context.encode(None)]
    except av.FFmpegError as error:
        raise ValueError(f"no JPEG can be made of the picture: {error}") from None
    return b"".join(bytes(packet) for packet in packets), width, height


def _scale_of(quality: int) -> int:
    """FFmpeg's 2 (fine) to 31 (coarse) of the 100 to 1 that people say."""
    return round(31 - 29 * (min(max(quality, 1), 100) - 1) / 99)
