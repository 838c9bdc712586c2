"""FLV for HTTP and WebSocket viewers: one muxer a stream, its tags shared by all who watch (media.md 7.2)."""

from __future__ import annotations

from struct import Struct

from media.aac import AacFormat, format_of, raw_frames
from media.annexb import VideoParameters, parameter_sets, parameters_of, to_length_prefixed
from media.frame import Codec, Frame

AUDIO_TAG, VIDEO_TAG, SCRIPT_TAG = 8, 9, 18
_G711_SOUND = {Codec.G711A: b"\x72", Codec.G711U: b"\x82"}
_G711_FORMAT = {Codec.G711A: 7, Codec.G711U: 8}
_AVC, _HEVC, _AAC = 7, 12, 10
_HVC1 = b"hvc1"
_PREVIOUS_SIZE = Struct(">I")


class FlvMuxer:
    """Tags of one stream; a viewer gets `header()`, then tags from a key frame on.

    Times count from the first frame tagged. `enhanced` writes H.265 by FourCC (Enhanced RTMP), otherwise as codec id
    12, which older players know. `audio` is an AAC format, a G.711 codec for players that decode it, or None.
    """

    def __init__(
        self, video: VideoParameters | None, audio: AacFormat | Codec | None = None, *, enhanced: bool = True
    ) -> None:
        if isinstance(audio, Codec) and audio not in _G711_SOUND:
            raise ValueError(f"FLV carries AAC and G.711, not {audio}")
        if video is not None and video.codec not in (Codec.H264, Codec.H265):
            raise ValueError(f"FLV carries H.264 and H.265, not {video.codec}")
        self.video = video
        self.audio = audio
        self.enhanced = enhanced
        self._origin_90k: int | None = None
        self._last_ms = 0

    def header(self) -> bytes:
        """File header, metadata and sequence headers, as they stand now."""
        flags = (1 if self.video else 0) | (4 if self.audio else 0)
        parts = [b"FLV\x01", bytes((flags,)), b"\x00\x00\x00\x09\x00\x00\x00\x00"]
        parts.append(_tag(SCRIPT_TAG, 0, self._metadata()))
        if self.video is not None:
            parts.append(self.video_sequence(0))
        if isinstance(self.audio, AacFormat):
            parts.append(self.audio_sequence(0))
        return b"".join(parts)

    def tag(self, frame: Frame) -> bytes:
        """The frame's tag; a key frame with new parameter sets brings its sequence header along.

        Empty for a frame of no track here.
        """
        if self._origin_90k is None:
            self._origin_90k = frame.dts_90k
        # Milliseconds cannot go below zero: sound a little older than the first picture starts with it.
        at_ms = max((frame.dts_90k - self._origin_90k) // 90, 0)
        if frame.codec.is_video:
            if self.video is None:
                return b""
            return self._video_tag(frame, at_ms)
        if frame.codec is Codec.AAC and isinstance(self.audio, AacFormat):
            return self._aac_tags(frame, at_ms, self.audio)
        if frame.codec is self.audio:
            return _tag(AUDIO_TAG, at_ms, _G711_SOUND[frame.codec] + frame.data)
        return b""

    def video_sequence(self, at_ms: int) -> bytes:
        """The tag that carries the decoder configuration."""
        video = self.video
        if video is None:
            return b""
        if video.codec is Codec.H264:
            return _tag(VIDEO_TAG, at_ms, b"\x17\x00\x00\x00\x00" + video.configuration)
        if self.enhanced:
            return _tag(VIDEO_TAG, at_ms, b"\x90" + _HVC1 + video.configuration)
        return _tag(VIDEO_TAG, at_ms, b"\x1c\x00\x00\x00\x00" + video.configuration)

    def audio_sequence(self, at_ms: int) -> bytes:
        """The tag that carries the AudioSpecificConfig; empty without AAC."""
        if not isinstance(self.audio, AacFormat):
            return b""
        return _tag(AUDIO_TAG, at_ms, b"\xaf\x00" + self.audio.config)

    def _video_tag(self, frame: Frame, at_ms: int) -> bytes:
        before = b""
        if frame.key and self._learn(frame):
            before = self.video_sequence(at_ms)
        if self.video is None or frame.codec is not self.video.codec:
            return b""
        nals = to_length_prefixed(frame.codec, frame.data)
        if not nals:
            return before
        offset_ms = (frame.pts_90k - frame.dts_90k) // 90
        offset = (offset_ms & 0xFFFFFF).to_bytes(3, "big")
        if frame.codec is Codec.H264:
            head = (b"\x17\x01" if frame.key else b"\x27\x01") + offset
        elif not self.enhanced:
            head = (b"\x1c\x01" if frame.key else b"\x2c\x01") + offset
        elif offset_ms:
            head = (b"\x91" if frame.key else b"\xa1") + _HVC1 + offset
        else:
            head = (b"\x93" if frame.key else b"\xa3") + _HVC1
        return before + _tag(VIDEO_TAG, at_ms, head + nals)

    def _learn(self, frame: Frame) -> bool:
        video = self.video
        sets = parameter_sets(frame.codec, frame.data)
        if not sets or (video is not None and video.codec is frame.codec and sets == video.sets):
            return False
        parameters = parameters_of(frame.codec, sets)
        if parameters is None or (video is not None and parameters.configuration == video.configuration):
            return False
        self.video = parameters
        return True

    def _aac_tags(self, frame: Frame, at_ms: int, audio: AacFormat) -> bytes:
        parts = []
        form = format_of(frame.data)
        if form is not None and form != audio:
            self.audio = audio = form
            parts.append(self.audio_sequence(at_ms))
        for index, raw in enumerate(raw_frames(frame.data)):
            parts.append(_tag(AUDIO_TAG, at_ms + index * 1024 * 1000 // audio.rate_hz, b"\xaf\x01" + raw))
        return b"".join(parts)

    def _metadata(self) -> bytes:
        """onMetaData in AMF0: a name and an ECMA array."""
        facts: list[tuple[str, float]] = [("duration", 0.0)]
        video, audio = self.video, self.audio
        if video is not None:
            facts += [("width", float(video.width)), ("height", float(video.height))]
            if video.fps:
                facts.append(("framerate", video.fps))
            legacy = _AVC if video.codec is Codec.H264 else _HEVC
            by_fourcc = video.codec is Codec.H265 and self.enhanced
            facts.append(("videocodecid", float(int.from_bytes(_HVC1, "big") if by_fourcc else legacy)))
        if isinstance(audio, AacFormat):
            facts += [("audiocodecid", float(_AAC)), ("audiosamplerate", float(audio.rate_hz))]
        elif audio is not None:
            facts += [("audiocodecid", float(_G711_FORMAT[audio])), ("audiosamplerate", 8000.0)]
        parts = [b"\x02\x00\x0aonMetaData\x08", len(facts).to_bytes(4, "big")]
        for name, value in facts:
            parts += (len(name).to_bytes(2, "big"), name.encode(), b"\x00", _DOUBLE.pack(value))
        parts.append(b"\x00\x00\x09")
        return b"".join(parts)


_DOUBLE = Struct(">d")


def _tag(kind: int, at_ms: int, data: bytes) -> bytes:
    size = len(data)
    head = bytes((kind,)) + size.to_bytes(3, "big") + (at_ms & 0xFFFFFF).to_bytes(3, "big")
    return b"".join((head, bytes((at_ms >> 24 & 0xFF, 0, 0, 0)), data, _PREVIOUS_SIZE.pack(size + 11)))
