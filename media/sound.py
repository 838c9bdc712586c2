"""Runs of audio bytes into audio frames: which codec they are, where AAC frames end, and when they play."""

from __future__ import annotations

from media.aac import ADTS_FRAME_LIMIT, RATES_HZ, SAMPLES_PER_FRAME, adts_length, is_adts
from media.frame import Codec, Frame
from media.rtp import Unwrapper
from media.timeline import STEP_LIMIT_90K, Timeline, TimelineState

G711_TICKS_PER_BYTE = 90_000 / 8_000
_PROOF_BYTES = 8_000  # a second of G.711
_CLOCK_WINDOW_BYTES = 16_000
_APART_90K = 90_000  # sound and picture further apart than a second: the sound's clock is wrong (P23)
_G711 = (Codec.G711A, Codec.G711U)
SoundState = tuple[int, int, int, int | None, TimelineState]
"""Of G.711: the clock, the last run's length, the bytes and the beginning of the clock's window; the timeline."""
_BYTES_PER_SECOND = {Codec.G722_1: 3000, Codec.G723_1: 800, Codec.G729: 1000, Codec.SVACA: 3000}


class Sound:
    """One audio track behind any demultiplexer.

    `codec` is what the bytes or, failing that, the stream map said; until it is known the track is mute.
    """

    def __init__(self, *, hint: Codec | None = None) -> None:
        self.codec: Codec | None = None
        self.hint = hint
        self.frames = 0
        self.damaged = 0
        self.timeline = Timeline(3600)
        self._clock = Unwrapper(33)
        self._rest = b""
        self._duration = 0
        self._fresh = False
        self._seen_bytes = 0
        self._seen_first: int | None = None
        self._a_like = 0
        self._u_like = 0
        self._window_bytes = 0
        self._window_start: int | None = None
        self._in_samples = False
        self._scale_base = 0
        self._picture_90k: int | None = None

    def take(self, data: bytes, pts: int | None) -> list[Frame]:
        """The payload of one PES or packet; `pts` is its 33-bit time or None."""
        if not data:
            return []
        time = None if pts is None else self._clock.unwrap(pts)
        if data[0] == 0xFF and self.codec is not Codec.AAC and is_adts(data):
            self.codec = Codec.AAC
        codec = self.codec or self._prove(data, time)
        if codec is None:
            return []
        if codec is Codec.AAC:
            data = self._whole_adts(data)
            if not data:
                return []
        elif codec in _G711 and time is not None:
            time = self._in_90k(time, len(data))
        previous, self._duration = self._duration, self._length_90k(data)
        if time is None:
            out = self.timeline.advance(previous or self._duration)
        else:
            if previous:
                self.timeline.usual_90k = previous
            last = self.timeline.last
            # Sound may pause, so any step forward is believed; if it was wrong, `follow` puts it right.
            out = self.timeline.place(time, after_gap=True)
            if last is not None and self._is_leap(last, out):
                out = last + max(previous or self._duration, 1)
                self.timeline.shift_to(out)
        self._fresh = True
        self.frames += 1
        return [Frame(codec, data, out, out)]

    def hear_of(self, codec: Codec) -> None:
        """The stream map says so. Its first word is a hint; a new one says that the camera was set otherwise, and holds
        until the bytes say something else, as AAC does."""
        is_new = self.hint is not None and codec is not self.hint
        self.hint = codec
        if is_new and codec is not Codec.AAC and self.codec is not codec:
            self.codec = None
            self._rest = b""
            self._window_start = None
            self._in_samples = False

    def learn_from(self, before: Sound) -> None:
        """The same stream was read by `before`."""
        self.codec, self.hint = before.codec, before.hint

    def follow(self, picture_dts: int) -> None:
        """The picture is master: sound that has come to lie more than a second beside it is put back."""
        self.note_picture(picture_dts)
        last = self.timeline.last
        if self._fresh and last is not None and abs(last - picture_dts) > _APART_90K:
            self.timeline.shift_to(picture_dts)
        self._fresh = False

    def note_picture(self, picture_dts: int) -> None:
        """So far the pictures have come."""
        self._picture_90k = picture_dts

    def _is_leap(self, last: int, out: int) -> bool:
        """Whether a long step leads away from the picture: then the sender's clock was set, and nothing paused."""
        picture = self._picture_90k
        return out - last > STEP_LIMIT_90K and picture is not None and out - picture > _APART_90K

    def lend(self) -> SoundState | None:
        """Where it stands, for one who takes ordinary G.711 in its place; None while it is anything else."""
        line, clock = self.timeline.lend(), self._clock.last
        if self.codec not in _G711 or line is None or clock is None or self._in_samples:
            return None
        return clock, self._duration, self._window_bytes, self._window_start, line

    @property
    def is_fresh(self) -> bool:
        """Whether sound has come that no picture has been beside yet."""
        return self._fresh

    def take_back(self, frames: int, is_fresh: bool, state: SoundState) -> None:
        """Where whoever had it left it, so many frames later."""
        self.frames += frames
        self._fresh = is_fresh
        self._clock.last, self._duration, self._window_bytes, self._window_start, line = state
        self.timeline.take_back(line)

    def break_off(self) -> None:
        """Something is missing here."""
        self._rest = b""
        self._window_start = None

    def _prove(self, data: bytes, time: int | None) -> Codec | None:
        hint = self.hint
        if hint is not None and hint is not Codec.AAC:
            self.codec = hint
            return hint
        # AAC is believed only when ADTS has been seen; G.711 without any word for it when 8000 bytes last a second.
        if hint is Codec.AAC:
            return None
        if _is_mpeg_audio(data):
            self._seen_bytes, self._seen_first = -4 * _PROOF_BYTES, None
        if self._seen_first is None:
            self._seen_first = time
        self._a_like += data.count(b"\xd5") + data.count(b"\x55")
        self._u_like += data.count(b"\xff") + data.count(b"\x7f")
        if self._seen_first is not None and time is not None and self._seen_bytes >= _PROOF_BYTES:
            seconds = (time - self._seen_first) / 90_000
            if 0.8 <= self._seen_bytes / 8_000 / max(seconds, 0.001) <= 1.2:
                self.codec = Codec.G711U if self._u_like > self._a_like else Codec.G711A
            else:
                self._seen_bytes, self._seen_first = 0, time
        self._seen_bytes += len(data)
        return self.codec

    def _whole_adts(self, data: bytes) -> bytes:
        if self._rest:
            data = self._rest + data
            self._rest = b""
        end = 0
        while end < len(data):
            length = adts_length(data, end)
            if not length:
                if len(data) - end < 7 and data[end] == 0xFF:
                    self._rest = data[end:]
                else:
                    self.damaged += 1
                break
            if end + length > len(data):
                self._rest = data[end:]
                break
            end += length
        if len(self._rest) > ADTS_FRAME_LIMIT:
            self._rest = b""
        return data[:end]

    def _length_90k(self, data: bytes) -> int:
        if self.codec is Codec.AAC:
            rate = RATES_HZ[data[2] >> 2 & 0x0F]
            count, position = 0, 0
            while length := adts_length(data, position):
                position += length
                count += 1
            return count * SAMPLES_PER_FRAME * 90_000 // rate
        if self.codec in _G711:
            return len(data) * 45 // 4
        return len(data) * 90_000 // _BYTES_PER_SECOND.get(self.codec or Codec.G729, 1000)

    def _in_90k(self, time: int, size: int) -> int:
        """Some recorders count G.711 PTS in samples, 8000 a second (P14): two seconds of them give it away."""
        if self._window_start is None:
            self._window_start, self._window_bytes = time, 0
        elif self._window_bytes >= _CLOCK_WINDOW_BYTES:
            ratio = (time - self._window_start) / self._window_bytes
            in_samples = 0.8 <= ratio <= 1.2
            if in_samples != self._in_samples and (in_samples or ratio > 8):
                self._in_samples, self._scale_base = in_samples, time
            self._window_start, self._window_bytes = time, 0
        self._window_bytes += size
        if self._in_samples:
            return self._scale_base + (time - self._scale_base) * 45 // 4
        return time


_MPEG_KBIT = (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_MPEG_KBIT_3 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_HZ = (44100, 48000, 32000)


def _is_mpeg_audio(data: bytes) -> bool:
    """Two headers of MPEG-1 layer II or III (ISO/IEC 11172-3 2.4.1.3) at the distance that the first one tells."""
    at = data.find(b"\xff")
    while 0 <= at < len(data) - 4:
        second, third = data[at + 1], data[at + 2]
        layer3 = second & 0xFE == 0xFA
        rate, bits = third >> 2 & 3, third >> 4
        if (layer3 or second & 0xFE == 0xFC) and rate != 3 and 0 < bits < 15:
            kbit = (_MPEG_KBIT_3 if layer3 else _MPEG_KBIT)[bits]
            following = at + 144_000 * kbit // _MPEG_HZ[rate] + (third >> 1 & 1)
            if data.startswith(data[at : at + 2], following):
                return True
        at = data.find(b"\xff", at + 1)
    return False
