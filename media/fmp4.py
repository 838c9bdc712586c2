"""Fragmented MP4 for Media Source Extensions (ISO/IEC 14496-12): one fragment a frame, shared by all who watch."""

from __future__ import annotations

from struct import Struct

from media.aac import SAMPLES_PER_FRAME, AacFormat, format_of, raw_frames
from media.annexb import VideoParameters, parameter_sets, parameters_of, to_length_prefixed
from media.frame import Codec, Frame

VIDEO_TIMESCALE = 90_000
_USUAL_90K = 3600
_SYNC, _NOT_SYNC = 0x02000000, 0x01010000
_TRUN_VIDEO = 0xF01  # data offset; duration, size, flags, composition offset a sample
_TRUN_AUDIO = 0x301  # data offset; duration, size a sample
_APART_PARTS = 10  # sound further than a tenth of a second from its clock is put right

# moof of one video sample: a template with holes, because it is written for every frame of every stream.
_VIDEO_MOOF = Struct(">I4sI4sIII4sI4sIII4sIQI4sIIIIIIi")
_MDAT = Struct(">I4s")


class Fmp4Muxer:
    """Fragments of one stream; a viewer gets `init_segment()`, then fragments from a key frame on.

    When `fragment` meets new parameter sets it makes a new init segment and `generation` grows by one: send
    `init_segment()` to all viewers before that fragment.

    Decode times are continuous whatever the sender's clock does (MSE throws away all up to the next key frame after a
    hole): a frame's duration is the distance between it and the frame before, so nothing waits for the next frame,
    and the times run at most one frame's jitter beside the sender's.
    """

    def __init__(self, video: VideoParameters | None, audio: AacFormat | None = None) -> None:
        if video is not None and video.codec not in (Codec.H264, Codec.H265):
            raise ValueError(f"browsers play H.264 and H.265 in MP4, not {video.codec}")
        self.video = video
        self.audio = audio
        self.generation = 0
        self._sequence = 0
        self._video_next: int | None = None
        self._video_last_dts = 0
        self._audio_next: int | None = None
        self._init: bytes | None = None

    @property
    def video_track(self) -> int:
        return 1

    @property
    def audio_track(self) -> int:
        return 2 if self.video is not None else 1

    @property
    def mime(self) -> str:
        """As MediaSource wants it: video/mp4; codecs="avc1.42C00A,mp4a.40.2"."""
        codecs = ",".join(track.mime for track in (self.video, self.audio) if track is not None)
        return f'{"video" if self.video else "audio"}/mp4; codecs="{codecs}"'

    def init_segment(self) -> bytes:
        """ftyp and moov for the tracks as they stand now."""
        if self._init is None:
            self._init = _ftyp() + self._moov()
        return self._init

    def fragment(self, frame: Frame) -> bytes:
        """moof and mdat of this frame; empty for a frame of no track here."""
        if frame.codec.is_video:
            return self._video_fragment(frame) if self.video is not None else b""
        if frame.codec is Codec.AAC and self.audio is not None:
            return self._audio_fragment(frame, self.audio)
        return b""

    def _video_fragment(self, frame: Frame) -> bytes:
        if frame.key:
            self._learn(frame)
        video = self.video
        if video is None or frame.codec is not video.codec:
            return b""
        data = to_length_prefixed(frame.codec, frame.data)
        if not data:
            return b""
        dts = frame.dts_90k
        if self._video_next is None:
            duration = round(90_000 / video.fps) if video.fps else _USUAL_90K
            time = dts
        else:
            duration = max(dts - self._video_last_dts, 1)
            time = self._video_next
        self._video_last_dts = dts
        self._video_next = time + duration
        self._sequence += 1
        flags = _SYNC if frame.key else _NOT_SYNC
        size = len(data)
        offset = frame.pts_90k - dts
        head = _VIDEO_MOOF.pack(
            *(104, b"moof", 16, b"mfhd", 0, self._sequence & 0xFFFFFFFF),
            *(80, b"traf", 16, b"tfhd", 0x020000, 1),
            *(20, b"tfdt", 0x01000000, max(time, 0)),
            *(36, b"trun", _TRUN_VIDEO if offset >= 0 else _TRUN_VIDEO | 0x01000000, 1, 112),
            *(duration, size, flags, offset),
        )
        return b"".join((head, _MDAT.pack(size + 8, b"mdat"), data))

    def _learn(self, frame: Frame) -> None:
        video = self.video
        sets = parameter_sets(frame.codec, frame.data)
        if not sets or (video is not None and video.codec is frame.codec and sets == video.sets):
            return
        parameters = parameters_of(frame.codec, sets)
        if parameters is None or (video is not None and parameters.configuration == video.configuration):
            return
        self.video = parameters
        self._renew()

    def _renew(self) -> None:
        self._init = None
        self.generation += 1

    def _audio_fragment(self, frame: Frame, audio: AacFormat) -> bytes:
        form = format_of(frame.data)
        if form is not None and form != audio:
            if form.rate_hz != audio.rate_hz:
                self._audio_next = None
            self.audio = audio = form
            self._renew()
        raws = raw_frames(frame.data)
        if not raws:
            return b""
        rate = audio.rate_hz
        due = frame.dts_90k * rate // VIDEO_TIMESCALE
        time = due if self._audio_next is None else self._audio_next
        durations = [SAMPLES_PER_FRAME] * len(raws)
        astray = due - time
        if abs(astray) > rate // _APART_PARTS:
            # The correction goes into this duration, so that the times stay continuous.
            durations[-1] = max(SAMPLES_PER_FRAME + astray, 1)
        self._audio_next = time + sum(durations)
        self._sequence += 1
        samples = b"".join(
            duration.to_bytes(4, "big") + len(raw).to_bytes(4, "big")
            for duration, raw in zip(durations, raws, strict=True)
        )
        trun_size = 20 + len(samples)
        moof_size = 8 + 16 + 8 + 16 + 20 + trun_size
        trun = _full(b"trun", 0, _TRUN_AUDIO, _u32(len(raws)), _u32(moof_size + 8), samples)
        tfhd = _full(b"tfhd", 0, 0x020000, _u32(self.audio_track))
        tfdt = _full(b"tfdt", 1, 0, max(time, 0).to_bytes(8, "big"))
        moof = _box(b"moof", _full(b"mfhd", 0, 0, _u32(self._sequence & 0xFFFFFFFF)), _box(b"traf", tfhd, tfdt, trun))
        return moof + _box(b"mdat", *raws)

    def _moov(self) -> bytes:
        traks, trexs = [], []
        if self.video is not None:
            traks.append(_video_trak(self.video_track, self.video))
            trexs.append(_trex(self.video_track))
        if self.audio is not None:
            traks.append(_audio_trak(self.audio_track, self.audio))
            trexs.append(_trex(self.audio_track))
        return _box(b"moov", _mvhd(len(traks) + 1), *traks, _box(b"mvex", *trexs))


# ---- boxes

_MATRIX = b"".join(value.to_bytes(4, "big") for value in (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000))


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _MDAT.pack(len(body) + 8, kind) + body


def _full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(kind, _u32(version << 24 | flags), *parts)


def _ftyp() -> bytes:
    return _box(b"ftyp", b"iso5", _u32(512), b"iso5iso6mp41")


def _mvhd(next_track: int) -> bytes:
    times = _u32(0) + _u32(0) + _u32(1000) + _u32(0)
    rest = _u32(0x00010000) + _u16(0x0100) + bytes(10) + _MATRIX + bytes(24) + _u32(next_track)
    return _full(b"mvhd", 0, 0, times, rest)


def _trex(track: int) -> bytes:
    return _full(b"trex", 0, 0, _u32(track), _u32(1), bytes(12))


def _trak(track: int, width: int, height: int, timescale: int, handler: bytes, header: bytes, entry: bytes) -> bytes:
    volume = _u16(0x0100 if handler == b"soun" else 0)
    place = bytes(8) + _u16(0) + _u16(0) + volume + _u16(0) + _MATRIX
    tkhd = _full(b"tkhd", 0, 3, bytes(8), _u32(track), bytes(8), place, _u32(width << 16), _u32(height << 16))
    mdhd = _full(b"mdhd", 0, 0, bytes(8), _u32(timescale), _u32(0), _u16(0x55C4), _u16(0))
    name = b"VideoHandler\x00" if handler == b"vide" else b"SoundHandler\x00"
    hdlr = _full(b"hdlr", 0, 0, bytes(4), handler, bytes(12), name)
    dinf = _box(b"dinf", _full(b"dref", 0, 0, _u32(1), _full(b"url ", 0, 1)))
    tables = (
        _full(b"stsd", 0, 0, _u32(1), entry),
        _full(b"stts", 0, 0, _u32(0)),
        _full(b"stsc", 0, 0, _u32(0)),
        _full(b"stsz", 0, 0, _u32(0), _u32(0)),
        _full(b"stco", 0, 0, _u32(0)),
    )
    return _box(b"trak", tkhd, _box(b"mdia", mdhd, hdlr, _box(b"minf", header, dinf, _box(b"stbl", *tables))))


def _video_trak(track: int, video: VideoParameters) -> bytes:
    kind, record = (b"avc1", b"avcC") if video.codec is Codec.H264 else (b"hvc1", b"hvcC")
    entry = _box(
        kind,
        bytes(6) + _u16(1) + bytes(16),
        _u16(video.width) + _u16(video.height) + _u32(0x00480000) + _u32(0x00480000) + _u32(0),
        _u16(1) + bytes(32) + _u16(24) + _u16(0xFFFF),
        _box(record, video.configuration),
    )
    header = _full(b"vmhd", 0, 1, bytes(8))
    return _trak(track, video.width, video.height, VIDEO_TIMESCALE, b"vide", header, entry)


def _audio_trak(track: int, audio: AacFormat) -> bytes:
    config = audio.config
    # ISO/IEC 14496-1 7.2.6: ES descriptor, decoder configuration (AAC, audio stream), its specific info, SL 2.
    decoder = b"\x04" + bytes((13 + 2 + len(config),)) + b"\x40\x15" + bytes(11) + b"\x05" + bytes((len(config),))
    inner = b"\x00\x00\x00" + decoder + config + b"\x06\x01\x02"
    esds = _full(b"esds", 0, 0, b"\x03" + bytes((len(inner),)) + inner)
    entry = _box(
        b"mp4a",
        bytes(6) + _u16(1) + bytes(8),
        _u16(audio.channels) + _u16(16) + bytes(4) + _u32(audio.rate_hz << 16 & 0xFFFFFFFF),
        esds,
    )
    return _trak(track, 0, 0, audio.rate_hz, b"soun", _full(b"smhd", 0, 0, bytes(4)), entry)
