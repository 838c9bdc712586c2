"""Access units into video frames: which codec they are, which are keys, what is held back, and when they play."""

from __future__ import annotations

from media.annexb import (
    H264_IDR,
    H264_PPS,
    H264_SEI,
    H264_SPS,
    START_CODE,
    is_key_nal,
    is_slice,
    nal_type,
    parameter_sets,
    parameters_of,
    starts_picture,
)
from media.frame import Codec, Frame
from media.rtp import Unwrapper
from media.sps import is_intra_slice
from media.timeline import GAP_LIMIT_90K, DecodingTimes, Timeline, TimelineState

NALS_BEFORE_SLICE = 256  # more units than this before the first slice are noise
_PATIENCE_90K = 900_000  # 10 s without an IDR: then an intra picture with parameter sets will do (media.md 5.1)
_SECOND_90K = 90_000
_LOOK_CLOSELY = 32  # so many first access units are searched for several pictures in one, then each 64th
_HEAD = 32  # a delimiter and the first parameter set begin within these
_H265_VPS_BEGINNING = b"\x00\x00\x01\x40\x01"
_H264_SPS_BEGINNINGS = (b"\x00\x00\x01\x67", b"\x00\x00\x01\x27", b"\x00\x00\x01\x47")
_RASL = frozenset({8, 9})
_LEADING = frozenset({6, 7, 8, 9})
_VCL_WITHOUT_NALS = (Codec.MPEG4, Codec.SVAC)

PicturesState = tuple[bool, int, tuple[int, int, int, int | None], TimelineState]
"""Whether it is H.265, the units so far; the last RTP time, the last PTS as it came, both clocks; the timeline."""


def first_slice(codec: Codec, data: bytes, start: int = 0) -> tuple[int, int]:
    """Where the first slice's NAL header stands at or after `start` (-1: nowhere), and where to search on."""
    position = data.find(START_CODE, start)
    for _ in range(NALS_BEFORE_SLICE):
        if position < 0 or position + 3 >= len(data):
            return -1, max(start, len(data) - 3) if position < 0 else position
        if is_slice(codec, data[position + 3]):
            return position + 3, position + 3
        start = position + 3
        position = data.find(START_CODE, start)
    return -1, start


class Pictures:
    """One video track behind any demultiplexer.

    `codec` is None until the bytes have proved it; `hint` is what the stream map or the SDP said. While `need_key` is
    true frames that are no keys are withheld. Parameter sets are remembered and put before every key frame without.
    """

    def __init__(self, *, hint: Codec | None = None, freeze_after_loss: bool = True) -> None:
        self.codec: Codec | None = None
        self.hint = hint
        self.need_key = True
        self.frames = 0
        self.key_frames = 0
        self.withheld = 0
        self.damaged = 0
        self.timeline = Timeline()
        self._freeze = freeze_after_loss
        self._h264_seen: set[int] = set()
        self._h265_seen: set[int] = set()
        self._unproven = 0
        self._sets: dict[int, tuple[bytes, ...]] = {}
        self.key_head = b""
        """What the last key frame began with, up to its first slice's type; nothing where that is to be read again."""
        self._after_gap = False
        self._waiting_since: int | None = None
        self._open_gop = False
        self._may_switch = True
        self._skip_leading = False
        self._units = 0
        self._several = False
        self._pts = Unwrapper(33)
        self._dts = Unwrapper(33)
        self._rtp = Unwrapper(32)
        self._decoding = DecodingTimes()
        self._last_pts: int | None = None
        self._pts_changes = 0
        self._rtp_at_change: int | None = None
        self._by_rtp = False

    @property
    def likely_codec(self) -> Codec:
        """The proven codec, or the best guess at it."""
        return self.codec or self.hint or Codec.H264

    def learn_from(self, before: Pictures) -> None:
        """The same stream was read by `before`: its codec and its parameter sets still hold, which some cameras send
        only once (P24)."""
        self.codec, self.hint = before.codec, before.hint
        self._sets = dict(before._sets)

    def break_off(self, *, damaged: bool) -> None:
        """Something is missing here: wait for a key frame, if that is the policy."""
        self.damaged += damaged
        self._after_gap = True
        if self._freeze and not self.need_key:
            self.need_key = True
            self._waiting_since = None

    def take(
        self, data: bytes, pts: int | None, dts: int | None, rtp: int | None, *, key_hint: bool = False
    ) -> list[Frame]:
        """One access unit with its times as the wire has them: the frame, several, or none."""
        self._may_switch = True
        return self._take(data, pts, dts, rtp, key_hint)

    def _take(
        self, data: bytes, pts: int | None, dts: int | None, rtp: int | None, key_hint: bool = False
    ) -> list[Frame]:
        codec = self.codec
        if codec is None:
            codec = self._prove(data)
            if codec is None:
                return []
        if codec in _VCL_WITHOUT_NALS:
            return self._gated(codec, data, key_hint or _is_mpeg4_key(codec, data), pts, dts, rtp)
        if self._looks_changed(data) and self._changed_codec(data):
            return self._take(data, pts, dts, rtp)
        slice_at, _ = first_slice(codec, data)
        if slice_at < 0:
            self._remember(codec, parameter_sets(codec, data))
            return []
        self._units += 1
        if self._several or self._units <= _LOOK_CLOSELY or self._units & 63 == 0:
            starts = further_pictures(codec, data, slice_at)
            if starts:
                self._several = True
                return self._take_several(codec, data, [0, *starts], pts, dts, rtp)
        return self._take_one(codec, data, slice_at, pts, dts, rtp)

    def _take_several(
        self, codec: Codec, data: bytes, starts: list[int], pts: int | None, dts: int | None, rtp: int | None
    ) -> list[Frame]:
        # The PES time is the first picture's; the others follow it at the usual distance.
        frames: list[Frame] = []
        ends = [*starts[1:], len(data)]
        for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
            part = data[start:end]
            slice_at, _ = first_slice(codec, part)
            if slice_at >= 0:
                late = index * self.timeline.usual_90k
                times = [None if time is None else time + late for time in (pts, dts, rtp)]
                frames += self._take_one(codec, part, slice_at, *times)
        return frames

    def _take_one(
        self, codec: Codec, data: bytes, slice_at: int, pts: int | None, dts: int | None, rtp: int | None
    ) -> list[Frame]:
        kind = nal_type(codec, data[slice_at : slice_at + 1])
        key = is_key_nal(codec, kind)
        if slice_at > 4:
            sets = parameter_sets(codec, data)
            if sets:
                self._remember(codec, sets)
            if not key and codec is Codec.H264:
                key = self._is_entry(data, slice_at, sets)
        else:
            sets = ()
        if codec is Codec.H265:
            if key:
                self._skip_leading = self.need_key and (kind == 21 or kind in (16, 17))
            elif kind in _RASL and self._skip_leading:
                self.withheld += 1
                self._place(pts, dts, rtp)
                return []
            elif kind not in _LEADING:
                self._skip_leading = False
        if key:
            whole = self._with_sets(codec, data, sets)
            self.key_head = data[: slice_at + 1] if whole is data else b""
            data = whole
        return self._gated(codec, data, key, pts, dts, rtp)

    def _gated(
        self, codec: Codec, data: bytes, key: bool, pts: int | None, dts: int | None, rtp: int | None
    ) -> list[Frame]:
        out_pts, out_dts = self._place(pts, dts, rtp)
        if key:
            self.need_key = False
            self._waiting_since = None
            self.key_frames += 1
        elif self.need_key:
            self.withheld += 1
            if self._waiting_since is None:
                self._waiting_since = out_dts
            return []
        self.frames += 1
        return [Frame(codec, data, out_pts, out_dts, key)]

    # ---- lent

    def lend(self) -> PicturesState | None:
        """Where it stands, for one who takes ordinary pictures in its place; None while they need a closer look."""
        line, rtp, pts, last_pts = self.timeline.lend(), self._rtp.last, self._pts.last, self._last_pts
        if line is None or rtp is None or pts is None or last_pts is None:
            return None
        if self.codec not in (Codec.H264, Codec.H265) or self._units < _LOOK_CLOSELY:
            return None
        if self.need_key or self._after_gap or self._several or self._open_gop or self._skip_leading or self._by_rtp:
            return None
        return self.codec is Codec.H265, self._units, (rtp, last_pts, pts, self._dts.last), line

    def take_back(
        self, pictures: int, keys: int, units: int, clocks: tuple[int, int, int, int | None], line: TimelineState
    ) -> None:
        """Where whoever had it left it, so many pictures and key frames among them later."""
        self.key_frames += keys
        self._units = units
        self._rtp.last, self._last_pts, self._pts.last, self._dts.last = clocks
        self.timeline.take_back(line)
        if pictures:
            self.frames += pictures
            self._pts_changes += pictures
            self._rtp_at_change = self._rtp.last

    # ---- codec

    def _prove(self, data: bytes) -> Codec | None:
        position = data.find(START_CODE)
        mpeg4 = 0
        for _ in range(NALS_BEFORE_SLICE):
            if position < 0 or position + 4 >= len(data):
                break
            first, second = data[position + 3], data[position + 4]
            if first < 0x80:
                self._h264_seen.add(first & 0x1F)
                if not first & 1 and not second & 0xF8 and second & 7:
                    self._h265_seen.add(first >> 1)
            elif first in (0xB0, 0xB5, 0xB6):
                mpeg4 |= 1 << (first - 0xB0)
            position = data.find(START_CODE, position + 3)
        self._remember(Codec.H264, parameter_sets(Codec.H264, data))
        self._remember(Codec.H265, parameter_sets(Codec.H265, data))
        self._unproven += 1
        if self._h265_seen >= {32, 33, 34} and self._readable(Codec.H265):
            return self._settle(Codec.H265)
        h264 = self._h264_seen >= {H264_SPS, H264_PPS} and self._readable(Codec.H264)
        # Without one IDR in a long time the stream map's word, or plain patience, must do (open GOP, media.md 5.1).
        if h264 and (H264_IDR in self._h264_seen or (self._unproven > 50 and not self._h265_seen >= {33, 34})):
            return self._settle(Codec.H264)
        if mpeg4 & 0x40 and (mpeg4 & 0x21 or self.hint is Codec.MPEG4):
            return self._settle(Codec.MPEG4)
        if self.hint is Codec.SVAC and self._unproven >= 5:
            return self._settle(Codec.SVAC)
        return None

    def _settle(self, codec: Codec) -> Codec:
        self.codec = codec
        parameters = parameters_of(codec, self._known_sets(codec))
        if parameters is not None and parameters.fps and self.timeline.last is None:
            self.timeline.usual_90k = round(90_000 / parameters.fps)
        return codec

    def _readable(self, codec: Codec) -> bool:
        return parameters_of(codec, self._known_sets(codec)) is not None

    def _looks_changed(self, data: bytes) -> bool:
        """Whether a parameter set of the other codec stands in front."""
        head = data[:_HEAD]
        if self.codec is Codec.H264:
            return _H265_VPS_BEGINNING in head
        return any(first in head for first in _H264_SPS_BEGINNINGS)

    def _changed_codec(self, data: bytes) -> bool:
        """Whether a camera switched codec in mid-stream: the parameter sets of the other one, and readable."""
        other = Codec.H265 if self.codec is Codec.H264 else Codec.H264
        if not self._may_switch:
            return False
        sets = _leading_sets(other, data)
        if parameters_of(other, sets) is None:
            return False
        self._may_switch = False
        self.codec = other
        self._sets.clear()
        self._remember(other, sets)
        self.need_key = True
        return True

    # ---- parameter sets (P24: sent once and never again)

    def _remember(self, codec: Codec, sets: tuple[bytes, ...]) -> None:
        self.key_head = b""
        for kind in {nal_type(codec, nal) for nal in sets}:
            key = kind if codec is Codec.H264 else kind | 64
            self._sets[key] = tuple(nal for nal in sets if nal_type(codec, nal) == kind)

    def _known_sets(self, codec: Codec) -> tuple[bytes, ...]:
        kinds = (H264_SPS, H264_PPS) if codec is Codec.H264 else (32 | 64, 33 | 64, 34 | 64)
        return tuple(nal for kind in kinds for nal in self._sets.get(kind, ()))

    def _with_sets(self, codec: Codec, data: bytes, sets: tuple[bytes, ...]) -> bytes:
        wanted = (H264_SPS, H264_PPS) if codec is Codec.H264 else (32, 33, 34)
        present = {nal_type(codec, nal) for nal in sets}
        if len(present) == len(wanted):
            return data
        return b"".join(b"\x00\x00\x00\x01" + nal for nal in self._known_sets(codec)) + data

    def _is_entry(self, data: bytes, slice_at: int, sets: tuple[bytes, ...]) -> bool:
        """Whether an H.264 picture without IDR may serve as a key because the stream has no better ones."""
        if not self._open_gop:
            if not self.need_key or self._waiting_since is None or self.timeline.last is None:
                return False
            if self.timeline.last - self._waiting_since < _PATIENCE_90K:
                return False
        entry = (bool(sets) and is_intra_slice(data[slice_at : slice_at + 16])) or _has_recovery_point(data, slice_at)
        self._open_gop = self._open_gop or entry
        return entry

    # ---- clocks

    def _place(self, pts: int | None, dts: int | None, rtp: int | None) -> tuple[int, int]:
        rtp = None if rtp is None else self._rtp.unwrap(rtp)
        if rtp is not None:
            self._choose_clock(pts, rtp)
        if pts is None or (self._by_rtp and rtp is not None):
            if rtp is None:
                out = self.timeline.advance(self.timeline.usual_90k)
            else:
                dts = self._decoding.of(rtp)
                out = self.timeline.place(dts, after_gap=self._after_gap)
                self._after_gap = False
                return out + max(rtp - dts, 0), out
            self._after_gap = False
            return out, out
        pts = self._pts.unwrap(pts)
        lead = 0
        if dts is not None:
            lead = pts - self._dts.unwrap(dts)
            if abs(lead) > GAP_LIMIT_90K:
                # Hikvision wraps PTS at 33 bits and DTS at 32: measure the lead modulo 2^32 (P14).
                lead = ((lead + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
                if abs(lead) > GAP_LIMIT_90K:
                    lead = 0
        out = self.timeline.place(pts - lead, after_gap=self._after_gap)
        self._after_gap = False
        return out + max(lead, 0), out

    def _choose_clock(self, pts: int | None, rtp: int) -> None:
        """RTP time takes over when PTS stands still or is absent for a second, and gives back when PTS runs."""
        if pts is not None and pts != self._last_pts:
            self._pts_changes += 1
            self._rtp_at_change = rtp
            if self._pts_changes >= 3:
                self._by_rtp = False
        else:
            self._pts_changes = 0
            if self._rtp_at_change is None:
                self._rtp_at_change = rtp
            elif rtp - self._rtp_at_change >= _SECOND_90K:
                self._by_rtp = True
        self._last_pts = pts


def further_pictures(codec: Codec, data: bytes, slice_at: int, limit: int = NALS_BEFORE_SLICE) -> list[int]:
    """Where further pictures start behind `slice_at`, inside a first one: at the zeros of their start codes."""
    starts: list[int] = []
    has_slice = True
    position = data.find(START_CODE, slice_at)
    while position >= 0 and position + 6 <= len(data) and (len(starts) < limit or not has_slice):
        at = position + 3
        if len(starts) < limit and has_slice and starts_picture(codec, data, at):
            starts.append(position - 1 if position and data[position - 1] == 0 else position)
            has_slice = False
        if is_slice(codec, data[at]):
            has_slice = True
        position = data.find(START_CODE, at)
    if starts and not has_slice:
        starts.pop()
    return starts


def _leading_sets(codec: Codec, data: bytes) -> tuple[bytes, ...]:
    # In the other codec's numbers a parameter set may look like a slice, so each NAL unit is asked for itself.
    wanted = (H264_SPS, H264_PPS) if codec is Codec.H264 else (32, 33, 34)
    found = []
    for part in data[:65536].split(START_CODE, 17)[1:17]:
        nal = part.rstrip(b"\x00")
        if nal and nal[0] < 0x80 and nal_type(codec, nal) in wanted and len(nal) < 4096:
            found.append(nal)
    return tuple(found)


def _has_recovery_point(data: bytes, slice_at: int) -> bool:
    position = data.find(START_CODE, 0, slice_at)
    while position >= 0 and position + 4 < slice_at:
        if data[position + 3] & 0x1F == H264_SEI and data[position + 4] == 6:
            return True
        position = data.find(START_CODE, position + 3, slice_at)
    return False


def _is_mpeg4_key(codec: Codec, data: bytes) -> bool:
    # ISO/IEC 14496-2 6.2.5: vop_coding_type follows the start code of the VOP; 0 is intra.
    at = data.find(b"\x00\x00\x01\xb6")
    return codec is Codec.MPEG4 and at >= 0 and at + 4 < len(data) and not data[at + 4] & 0xC0
