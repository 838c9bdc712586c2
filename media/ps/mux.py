"""Frames into a program stream as annex C of GB/T 28181 wants it: one pack a video frame, its sound behind it."""

from __future__ import annotations

from collections.abc import Sequence

from media.frame import Codec, Frame
from media.ps import stream_map
from media.ps.pes import timestamp_bytes

VIDEO_SID, AUDIO_SID = 0xE0, 0xC0
SCR_LEAD_90K = 3600
MUX_RATE = 6106  # units of 50 bytes a second
_RATE_BOUND = 26234
_WITH_PTS, _WITHOUT_TIMES = 65535 - 8, 65535 - 3
_MAP_EVERY = 30


class Muxer:
    """One program: at most one video and one audio stream. Raises ValueError for a codec of the wrong sort."""

    def __init__(self, video: Codec | None, audio: Codec | None = None) -> None:
        if (video is not None and not video.is_video) or (audio is not None and audio.is_video):
            raise ValueError(f"a program of {video} pictures and {audio} sound")
        if video is None and audio is None:
            raise ValueError("a program needs pictures or sound")
        self.video = video
        self.audio = audio
        streams: dict[int, int] = {}
        if video is not None:
            streams[VIDEO_SID] = stream_map.STREAM_TYPES[video]
        if audio is not None:
            streams[AUDIO_SID] = stream_map.STREAM_TYPES[audio]
        self._heading = _system_header(video is not None, audio is not None) + stream_map.build(streams)
        self._packs_since_map = _MAP_EVERY

    def pack(self, frame: Frame, audio: Sequence[Frame] = ()) -> bytes:
        """One pack: header, on a key frame system header and stream map, the frame's PES, then the sound's.

        The map comes at least with every 30th pack, so that sound alone is understood too.
        """
        parts = [pack_header(max(frame.dts_90k - SCR_LEAD_90K, 0))]
        self._packs_since_map += 1
        if frame.key or (not frame.codec.is_video and self._packs_since_map > _MAP_EVERY):
            parts.append(self._heading)
            self._packs_since_map = 0
        parts += _pes(VIDEO_SID if frame.codec.is_video else AUDIO_SID, frame)
        for sound in audio:
            parts += _pes(AUDIO_SID, sound)
        return b"".join(parts)


def pack_header(scr_90k: int) -> bytes:
    """ISO/IEC 13818-1 2.5.3.3, without stuffing."""
    scr = scr_90k & 0x1FFFFFFFF
    word = 0x440004000401 | (scr >> 30) << 43 | (scr >> 15 & 0x7FFF) << 27 | (scr & 0x7FFF) << 11
    return b"\x00\x00\x01\xba" + word.to_bytes(6, "big") + (MUX_RATE << 2 | 3).to_bytes(3, "big") + b"\xf8"


def _system_header(video: bool, audio: bool) -> bytes:
    streams = (b"\xe0\xe1\x90" if video else b"") + (b"\xc0\xc0\x20" if audio else b"")
    rate = (1 << 23 | _RATE_BOUND << 1 | 1).to_bytes(3, "big")
    body = rate + bytes(((4 if audio else 0), 0xE0 | video, 0x7F)) + streams
    return b"\x00\x00\x01\xbb" + len(body).to_bytes(2, "big") + body


def _pes(sid: int, frame: Frame) -> list[bytes]:
    """The frame's PES packets; only the first carries times, a DTS only where it differs (B pictures)."""
    if frame.dts_90k == frame.pts_90k:
        head = b"\x84\x80\x05" + timestamp_bytes(0x20, frame.pts_90k)
    else:
        head = b"\x84\xc0\x0a" + timestamp_bytes(0x30, frame.pts_90k) + timestamp_bytes(0x10, frame.dts_90k)
    data = frame.data
    first = _WITH_PTS if len(head) == 8 else _WITH_PTS - 5
    begin = b"\x00\x00\x01" + bytes((sid,))
    parts = [begin, (len(head) + min(first, len(data))).to_bytes(2, "big"), head, data[:first]]
    for start in range(first, len(data), _WITHOUT_TIMES):
        piece = data[start : start + _WITHOUT_TIMES]
        parts += (begin, (len(piece) + 3).to_bytes(2, "big"), b"\x80\x00\x00", piece)
    return parts
