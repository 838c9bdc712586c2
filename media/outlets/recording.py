"""One recording: frames in, segments on disk out, and nobody waits for the disk."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from media.aac import AacFormat, format_of
from media.annexb import VideoParameters, video_parameters
from media.fmp4 import Fmp4Muxer
from media.frame import Codec, Frame
from media.outlets.pen import Pen
from media.outlets.segment import DiskFull, SegmentFile, write_line
from media.plane import (
    PlaneEvent,
    RecorderStatistics,
    RecordingForm,
    RecordingResumed,
    RecordingTrouble,
    RecordingWish,
    Segment,
    SegmentWritten,
    Trouble,
)
from media.ps.mux import Muxer
from media.ps.stream_map import STREAM_TYPES
from media.transcode import AAC_8K, AacFromG711, can_transcode

HAND_OVER_BYTES = 256 * 1024
RETRY_S = 5.0
"""After a failure of the disk a new segment is tried so much later."""
LOST_CLOCK_90K = 10 * 90_000
BELIEVED_MS = 500
"""Within one leg of the stream files follow each other by its clock; when that is so far from ours, ours holds."""
DRAWN_MS = 10
"""By no more than this a file begins off the stream's clock, so that it stays with ours: nobody sees that."""
MOST_ENDING = 8
"""Segments that may wait for the disk to make them safe before no other is begun."""


class State(StrEnum):
    """What a recording is doing; consoles print the value."""

    AWAITING_KEY = "awaiting-key-frame"
    RECORDING = "recording"
    TROUBLED = "troubled"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Habits:
    """How recordings are cut and kept safe; the words are those of PlaneSettings."""

    segment_s: float
    segment_bytes: int
    queue_bytes: int
    fsync_s: float
    keep_free_bytes: int
    write_s: float = 0.5
    """What is gathered goes to the writer so often: a process that is killed loses no more than this, and what the
    writer has not got to."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What is heard on the source: its codec, and its form when it is AAC."""

    codec: Codec
    form: AacFormat | None


class Container(Protocol):
    """How frames become bytes of a file. Times begin at 0."""

    def head(self) -> bytes: ...

    def body(self, frame: Frame) -> bytes: ...


class Recorder:
    """Feed `frame` with all frames of the source, re-timed; call `tick` now and then, `cut` where the source breaks.

    Begins at a key frame, and every segment does. Memory is bounded: when the disk is slower than the stream, all up
    to the next key frame is left out and counted. A disk that fails is told, and tried again with a new segment.
    `pen` writes; `keeper` makes what is written safe against a power cut, so that a disk which takes long over that
    holds up nobody's writing.
    """

    def __init__(
        self,
        name: str,
        inlet: str,
        wish: RecordingWish,
        folder: Path,
        *,
        habits: Habits,
        pen: Pen,
        keeper: Pen,
        sound: Callable[[], Sound | None],
        tell: Callable[[PlaneEvent], None],
        wall: Callable[[], float],
    ) -> None:
        self.name = name
        self.inlet = inlet
        self.wish = wish
        self.state = State.AWAITING_KEY
        self.segments = 0
        self.bytes = 0
        self.frames = 0
        self.dropped = 0
        self.failures = 0
        self._folder = folder
        self._habits = habits
        self._pen = pen
        self._keeper = keeper
        self._sound = sound
        self._tell = tell
        self._wall = wall
        self._file: SegmentFile | None = None
        self._container: Container | None = None
        self._video: VideoParameters | None = None
        self._heard: Sound | None = None
        self._base_90k = 0
        self._last_90k = 0
        self._written = 0
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._gathered_frames = 0
        self._gathered_since = 0.0
        self._waiting_bytes = 0
        self._ending = 0
        self._owed: list[Segment] = []
        """Whole segments for whose lines there was no room."""
        self._trouble: Trouble | None = None
        self._retry_at = float("-inf")
        self._last_start_ms = 0
        self._now = 0.0
        self._first_90k: int | None = None
        self._leg: tuple[int, int] | None = None
        """When the picture of a decoding time was taken; None at the beginning and after a break."""
        self._late_ms = 0
        self._open_ms = (0, 0)
        self._open_file = ""

    # --- what comes in ---------------------------------------------------------------------------------------

    def frame(self, frame: Frame, now: float) -> None:
        """The next frame of the source."""
        if self.state is State.CLOSED:
            return
        self._now = now
        if frame.codec.is_video:
            if frame.key:
                self._at_key(frame, now)
            elif self._file is not None and not 0 <= frame.dts_90k - self._last_90k <= LOST_CLOCK_90K:
                self.cut()
        if self._container is None:
            self.dropped += frame.codec.is_video and self._trouble is not None
            return
        at = frame.dts_90k - self._base_90k
        if at < 0:
            return  # sound of before the first picture
        body = self._container.body(Frame(frame.codec, frame.data, frame.pts_90k - self._base_90k, at, frame.key))
        if not body:
            return
        if frame.codec.is_video:
            self._last_90k = frame.dts_90k
            self._gathered_frames += 1
            self.frames += 1
        self._gather(body, now)

    def catch_up(self, kept: Sequence[Frame], now: float) -> None:
        """Pictures that came before we did; the last of them is of now."""
        pictures = [frame for frame in kept if frame.codec.is_video]
        for frame in pictures:
            self._late_ms = max(0, pictures[-1].dts_90k - frame.dts_90k) // 90
            self.frame(frame, now)
        self._late_ms = 0

    def tick(self, now: float) -> None:
        """A few times a second: what has been gathered for long goes to the writer."""
        if self._gathered and now - self._gathered_since >= self._habits.write_s:
            self._hand_over()

    def cut(self) -> None:
        """The source breaks off here: what comes next begins a segment of its own, at its own time."""
        self._leg = None
        self._turn_over()

    def _turn_over(self) -> None:
        self._hand_over()
        self._end_segment()

    def close(self) -> None:
        """Write what is there and no more; harmless when closed."""
        if self.state is not State.CLOSED:
            self.cut()
            self._pay_all()
            self.state = State.CLOSED

    @property
    def is_written(self) -> bool:
        """Whether nothing waits for the writer any more."""
        return not self._waiting_bytes and not self._ending

    def statistics(self) -> RecorderStatistics:
        return RecorderStatistics(
            outlet=self.name,
            recording=self.wish.recording,
            state=str(self.state),
            trouble=self._trouble,
            segments=self.segments,
            bytes=self.bytes,
            frames=self.frames,
            dropped=self.dropped,
            failures=self.failures,
            queued_bytes=self._waiting_bytes + self._gathered_bytes,
            open_from_ms=self._open_ms[0],
            open_to_ms=self._open_ms[1],
            open_file=self._open_file,
        )

    # --- segments --------------------------------------------------------------------------------------------

    def _at_key(self, frame: Frame, now: float) -> None:
        """A segment may begin here, and one that is long enough, or of other tracks, ends."""
        video = video_parameters(frame.codec, frame.data) or self._video
        if video is None or video.codec is not frame.codec:
            return
        heard = self._sound()
        if self._file is not None:
            lasted_s = (frame.dts_90k - self._base_90k) / 90_000
            is_long = lasted_s >= self._habits.segment_s or self._written >= self._habits.segment_bytes
            # Sound that pauses leaves its track standing; sound that is new wants one.
            is_other = video.configuration != (self._video and self._video.configuration) or (
                heard is not None and heard != self._heard
            )
            has_jumped = not 0 <= frame.dts_90k - self._last_90k <= LOST_CLOCK_90K
            if has_jumped:
                self.cut()
            elif is_long or is_other:
                self._turn_over()
            else:
                return
        if self._ending > MOST_ENDING:
            self._be_troubled(Trouble.TOO_SLOW, f"{self._ending} files wait for a disk that is slow to make them safe")
            return
        if now < self._retry_at or self._waiting_bytes > self._habits.queue_bytes // 2:
            return
        self._begin_segment(frame, video, heard, now)

    def _begin_segment(self, frame: Frame, video: VideoParameters, heard: Sound | None, now: float) -> None:
        self._video, self._heard = video, heard
        self._base_90k = self._last_90k = frame.dts_90k
        self._written = 0
        self._container = Mp4Form(video, heard) if self.wish.form is RecordingForm.MP4 else ProgramForm(video, heard)
        # Two segments never have one name, however short the first was or the clock was put back.
        self._last_start_ms = max(self._taken_ms(frame), self._last_start_ms + 1)
        self._file = SegmentFile(
            self._folder,
            self.wish.form,
            self._last_start_ms,
            fsync_s=self._habits.fsync_s,
            keep_free=self._habits.keep_free_bytes,
        )
        if self._trouble is None:
            self.state = State.RECORDING
        head = self._container.head()
        if head:
            self._gather(head, now)

    def _taken_ms(self, frame: Frame) -> int:
        """When a picture was taken: what the network did to its coming is not the picture's time."""
        if self._first_90k is None:
            self._first_90k = frame.dts_90k
        if self.wish.began_ms:
            return self.wish.began_ms + max(0, frame.dts_90k - self._first_90k) // 90
        came_ms = int(self._wall() * 1000) - self._late_ms
        taken_ms = came_ms
        if self._leg is not None:
            due_ms = self._leg[0] + (frame.dts_90k - self._leg[1]) // 90
            off_ms = came_ms - due_ms
            if abs(off_ms) < BELIEVED_MS:
                taken_ms = due_ms + max(-DRAWN_MS, min(off_ms // 4, DRAWN_MS))
        self._leg = taken_ms, frame.dts_90k
        return taken_ms

    def _end_segment(self) -> None:
        file, self._file, self._container = self._file, None, None
        if self.state is State.RECORDING:
            self.state = State.AWAITING_KEY
        if file is not None:
            self._let_go(file)

    def _let_go(self, file: SegmentFile) -> None:
        """Close it when all that was given of it is written."""
        self._ending += 1
        self._pen.give(file.end, lambda *_: self._close(file))

    def _close(self, file: SegmentFile) -> None:
        self._keeper.give(file.close, lambda segment, _: self._closed(file, segment))

    # --- to the writer ---------------------------------------------------------------------------------------

    def _gather(self, body: bytes, now: float) -> None:
        if not self._gathered:
            self._gathered_since = now
        self._gathered.append(body)
        self._gathered_bytes += len(body)
        if self._waiting_bytes + self._gathered_bytes > self._habits.queue_bytes:
            self._overflow()
        elif self._gathered_bytes >= HAND_OVER_BYTES or now - self._gathered_since >= self._habits.write_s:
            self._hand_over()

    def _hand_over(self) -> None:
        file, parts, frames, size = self._file, self._gathered, self._gathered_frames, self._gathered_bytes
        self._gathered, self._gathered_frames, self._gathered_bytes = [], 0, 0
        if file is None or not parts:
            return
        end_ms = file.start_ms + (self._last_90k - self._base_90k) // 90
        self._waiting_bytes += size
        self._written += size
        self._pen.give(
            lambda: file.write(parts, frames, end_ms),
            lambda was_written, failure: self._wrote(file, size, frames, end_ms, bool(was_written), failure),
        )

    def _overflow(self) -> None:
        """The disk is slower than the stream: leave out what is gathered, and all up to a key frame for which there
        is room again."""
        self.dropped += self._gathered_frames
        self.frames -= self._gathered_frames
        self._gathered, self._gathered_frames, self._gathered_bytes = [], 0, 0
        self._end_segment()
        waiting = self._waiting_bytes
        self._be_troubled(Trouble.TOO_SLOW, f"{waiting} bytes wait for a disk that is slower than the stream")

    def _wrote(
        self, file: SegmentFile, size: int, frames: int, end_ms: int, was_written: bool, failure: OSError | None
    ) -> None:
        self._waiting_bytes -= size
        if was_written:
            self.bytes += size
            self._open_ms, self._open_file = (file.start_ms, end_ms), file.name
            self._keep_safe(file)
            if self._trouble is Trouble.TOO_SLOW and self._waiting_bytes > self._habits.queue_bytes // 2:
                return  # it is still behind
            self._be_well()
            return
        self.dropped += frames
        self.frames -= frames
        if failure is not None:
            self._failed(file, failure)

    def _failed(self, file: SegmentFile, failure: OSError) -> None:
        """The disk did not take it; what of its segment is whole stays."""
        if self._file is file:
            self._let_go(file)
            self._file = self._container = None
            self.dropped += self._gathered_frames
            self.frames -= self._gathered_frames
            self._gathered, self._gathered_frames, self._gathered_bytes = [], 0, 0
            self._retry_at = self._now + RETRY_S
        self.failures += 1
        self._be_troubled(trouble_of(failure), failure.strerror or str(failure))

    def _keep_safe(self, file: SegmentFile) -> None:
        """After a piece was written: what is due with the disk, on the other thread."""
        if file.wants_safety:
            self._keeper.give(
                file.make_safe, lambda _, failure: None if failure is None else self._failed(file, failure)
            )
        self._pay_all()

    def _pay_all(self) -> None:
        owed, self._owed = self._owed, []
        for segment in owed:
            self._pay(segment)

    def _pay(self, segment: Segment) -> None:
        self._keeper.give(
            lambda: write_line(self._folder, segment),
            lambda _, failure: None if failure is None else self._owed.append(segment),
        )

    def _closed(self, file: SegmentFile, segment: Segment | None) -> None:
        self._ending -= 1
        if file.owes is not None:
            self._owed.append(file.owes)
        if segment is not None:
            self.segments += 1
            if self._open_ms[0] == segment.start_ms:
                self._open_ms, self._open_file = (0, 0), ""
            self._tell(SegmentWritten(self.inlet, self.name, self.wish.recording, segment))

    # --- trouble ---------------------------------------------------------------------------------------------

    def _be_troubled(self, trouble: Trouble, why: str) -> None:
        is_news = trouble is not self._trouble
        self._trouble = trouble
        if self.state is not State.CLOSED:
            self.state = State.TROUBLED
        if is_news:
            self._tell(RecordingTrouble(self.inlet, self.name, self.wish.recording, trouble, why))

    def _be_well(self) -> None:
        if self._trouble is None:
            return
        self._trouble = None
        if self.state is not State.CLOSED:
            self.state = State.RECORDING if self._file is not None else State.AWAITING_KEY
        self._tell(RecordingResumed(self.inlet, self.name, self.wish.recording))

    def __repr__(self) -> str:
        return f"<Recorder {self.name} {self.state} {self.wish.recording}>"


def trouble_of(error: OSError) -> Trouble:
    """Whose fault a failed write is."""
    if isinstance(error, DiskFull) or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Trouble.DISK_FULL
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Trouble.DENIED
    return Trouble.FAILED


class Mp4Form:
    """Fragments, one a picture, so that a file is whole up to its last one; sound as AAC."""

    def __init__(self, video: VideoParameters, sound: Sound | None) -> None:
        form = None
        self._transcoder: AacFromG711 | None = None
        if sound is not None and sound.codec is Codec.AAC:
            form = sound.form
        elif sound is not None and can_transcode(sound.codec):
            form = AAC_8K
            self._transcoder = AacFromG711()
        self._codec = sound.codec if sound is not None else None
        self._form = form
        self._muxer = Fmp4Muxer(video, form)

    def head(self) -> bytes:
        return self._muxer.init_segment()

    def body(self, frame: Frame) -> bytes:
        if frame.codec.is_video:
            return self._muxer.fragment(frame)
        if frame.codec is not self._codec or (frame.codec is Codec.AAC and format_of(frame.data) != self._form):
            return b""  # the head of this file speaks of other sound; the next file begins at the next key frame
        sounds = [frame] if self._transcoder is None else self._transcoder.feed(frame)
        return b"".join(map(self._muxer.fragment, sounds))


class ProgramForm:
    """A program stream, a pack a picture; sound as it came."""

    def __init__(self, video: VideoParameters, sound: Sound | None) -> None:
        codec = sound.codec if sound is not None and sound.codec in STREAM_TYPES else None
        self._muxer = Muxer(video.codec, codec)

    def head(self) -> bytes:
        return b""

    def body(self, frame: Frame) -> bytes:
        return self._muxer.pack(frame) if frame.codec in (self._muxer.video, self._muxer.audio) else b""
