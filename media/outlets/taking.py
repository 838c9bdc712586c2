"""A recording of a device taken home: every picture of it, into MP4 and PS at once, and on from where it broke off.

The files' clock is that of the whole recording, so that what another call brings lies behind what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from media.annexb import VideoParameters, video_parameters
from media.frame import Frame
from media.outlets.pen import Pen
from media.outlets.recording import Habits, Mp4Form, ProgramForm, Sound, State, trouble_of
from media.outlets.taking_files import Mark, TakingFiles
from media.plane import PlaneEvent, RecorderStatistics, TakingEnded, TakingWish, Trouble

HAND_OVER_S = 0.8
HAND_OVER_BYTES = 512 * 1024
MARK_EVERY_90K = 90_000
"""A group of pictures that begins so soon after the last mark gets none of its own."""
NEAR_90K = 1_800
"""A picture that is so near the mark is the one that stood there."""


class Taker:
    """Feed `frame` with all frames of the source; call `tick` now and then, `close` at its end.

    Memory is bounded. A disk that fails, or is slower than the stream, ends it, with the reason in `TakingEnded`: a gap
    would be worse, and what is there can be gone on from.
    """

    def __init__(
        self,
        name: str,
        inlet: str,
        wish: TakingWish,
        folder: Path,
        *,
        habits: Habits,
        pen: Pen,
        sound: Callable[[], Sound | None],
        tell: Callable[[PlaneEvent], None],
    ) -> None:
        self.name = name
        self.inlet = inlet
        self.wish = wish
        self.state = State.AWAITING_KEY
        self.bytes = 0
        self.frames = 0
        self._habits = habits
        self._pen = pen
        self._sound = sound
        self._tell = tell
        self._files = TakingFiles(folder, habits.keep_free_bytes)
        self._video: VideoParameters | None = None
        self._mp4: Mp4Form | None = None
        self._ps: ProgramForm | None = None
        self._first_raw: int | None = None
        self._has_opened = False
        self._resumed: Mark | None = None
        self._early: list[tuple[Frame, float]] = []
        self._early_bytes = 0
        self._at_90k = self._usual_90k = 0
        self._marked_90k = -MARK_EVERY_90K
        self._gathered: list[tuple[bytes, bytes]] = []
        self._gathered_bytes = 0
        self._gathered_since = 0.0
        self._waiting_bytes = 0
        self._busy = 0
        self._has_ended = False
        self._trouble: Trouble | None = None
        self._why = ""
        keeps_90k = round(wish.keeps_s * 90_000) + NEAR_90K
        self._give(lambda: self._files.open(keeps_90k), self._opened)

    # --- what comes in ---------------------------------------------------------------------------------------

    def frame(self, frame: Frame, now: float) -> None:
        """The next frame of the source. What comes before the files are open waits for them."""
        if self.state is State.CLOSED or self._trouble is not None:
            return
        kept = Frame(frame.codec, frame.data, frame.pts_90k, frame.dts_90k, frame.key)
        if not self._has_opened:
            self._early.append((kept, now))
            self._early_bytes += len(frame.data)
            if self._early_bytes > self._habits.queue_bytes:
                self._fail(Trouble.TOO_SLOW, "the files could not be opened in time")
            return
        self._put(kept, now)

    def tick(self, now: float) -> None:
        """A few times a second."""
        if self._gathered and now - self._gathered_since >= HAND_OVER_S:
            self._hand_over()

    def cut(self) -> None:
        """The source breaks off here; whatever comes next belongs to another call."""

    def close(self) -> None:
        """Write what is there, mark its end, and tell; harmless when closed."""
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._hand_over()
        at_90k, frames = self._at_90k + self._usual_90k, self._total
        if self.frames and self._trouble is None:
            self._give(lambda: self._files.mark(at_90k, frames, is_end=True), self._wrote_mark)
        self._give(self._files.close, self._closed)

    @property
    def is_written(self) -> bool:
        """Whether nothing waits for the writer any more."""
        return self._has_ended

    def statistics(self) -> RecorderStatistics:
        return RecorderStatistics(
            outlet=self.name,
            recording=self.wish.name,
            state=str(self.state),
            trouble=self._trouble,
            segments=0,
            bytes=self.bytes,
            frames=self._total,
            dropped=0,
            failures=int(self._trouble is not None),
            queued_bytes=self._waiting_bytes + self._gathered_bytes,
            seconds=self._seconds,
        )

    @property
    def _total(self) -> int:
        """Pictures in the files, those of earlier calls included."""
        return self.frames + (self._resumed.frames if self._resumed is not None else 0)

    @property
    def _seconds(self) -> float:
        if self.frames:
            return (self._at_90k + self._usual_90k) / 90_000
        return self._resumed.at_90k / 90_000 if self._resumed is not None else 0.0

    # --- pictures --------------------------------------------------------------------------------------------

    def _put(self, frame: Frame, now: float) -> None:
        if self._first_raw is None:
            if not frame.key:
                return
            self._first_raw = frame.dts_90k
        at = round(self.wish.begins_s * 90_000) + frame.dts_90k - self._first_raw
        if self.state is State.AWAITING_KEY and not self._begins(frame, at, now):
            return
        assert self._mp4 is not None and self._ps is not None
        ahead = frame.pts_90k - frame.dts_90k
        placed = Frame(frame.codec, frame.data, at + ahead, at, frame.key)
        if frame.codec.is_video:
            if frame.key and at - self._marked_90k >= MARK_EVERY_90K:
                self._mark(at)
            if at > self._at_90k and self.frames:
                self._usual_90k = min(at - self._at_90k, 45_000)
            self._at_90k = max(at, self._at_90k)
            self.frames += 1
        if self.frames:
            self._gather(self._mp4.body(placed), self._ps.body(placed), now)

    def _begins(self, frame: Frame, at: int, now: float) -> bool:
        """Whether this is the key frame with which it begins, or goes on."""
        if not frame.codec.is_video or not frame.key:
            return False
        if self._resumed is not None and at < self._resumed.at_90k - NEAR_90K:
            return False  # it is there already
        video = video_parameters(frame.codec, frame.data)
        if video is None:
            return False
        heard = self._sound()
        self._video = video
        self._mp4, self._ps = Mp4Form(video, heard), ProgramForm(video, heard)
        self._at_90k = at
        self.state = State.RECORDING
        self._give(self._files.begin, self._wrote_mark)
        if self._resumed is None or not self._resumed.frames:
            self._gather(self._mp4.head(), self._ps.head(), now)
        return True

    def _mark(self, at: int) -> None:
        """Here a group begins: with what is gathered, all before it is whole."""
        self._hand_over()
        self._marked_90k = at
        frames = self._total
        self._give(lambda: self._files.mark(at, frames), self._wrote_mark)

    # --- to the writer ---------------------------------------------------------------------------------------

    def _gather(self, mp4: bytes, ps: bytes, now: float) -> None:
        if not self._gathered:
            self._gathered_since = now
        self._gathered.append((mp4, ps))
        self._gathered_bytes += len(mp4) + len(ps)
        if self._waiting_bytes + self._gathered_bytes > self._habits.queue_bytes:
            self._fail(Trouble.TOO_SLOW, f"{self._waiting_bytes} bytes wait for a disk that is slower than the stream")
        elif self._gathered_bytes >= HAND_OVER_BYTES or now - self._gathered_since >= HAND_OVER_S:
            self._hand_over()

    def _hand_over(self) -> None:
        parts, size = self._gathered, self._gathered_bytes
        self._gathered, self._gathered_bytes = [], 0
        if not parts or self._trouble is not None:
            return
        self._waiting_bytes += size
        mp4, ps = b"".join(part[0] for part in parts), b"".join(part[1] for part in parts)
        self._give(lambda: self._files.write(mp4, ps), lambda _, failure: self._wrote(size, failure))

    def _give(self, work: Callable[[], object], then: Callable[[object, OSError | None], None]) -> None:
        self._pen.give(work, then)

    def _opened(self, mark: object, failure: OSError | None) -> None:
        if failure is not None:
            self._fail(trouble_of(failure), failure.strerror or str(failure))
            return
        self._has_opened = True
        self._resumed = mark if isinstance(mark, Mark) else None
        early, self._early = self._early, []
        for frame, now in early:
            self._put(frame, now)

    def _wrote(self, size: int, failure: OSError | None) -> None:
        self._waiting_bytes -= size
        if failure is not None:
            self._fail(trouble_of(failure), failure.strerror or str(failure))
        else:
            self.bytes += size

    def _wrote_mark(self, _: object, failure: OSError | None) -> None:
        if failure is not None:
            self._fail(trouble_of(failure), failure.strerror or str(failure))

    def _closed(self, _: object, failure: OSError | None) -> None:
        self._has_ended = True
        self._tell(TakingEnded(self.inlet, self.wish.name, self._seconds, self._total, self._trouble, self._why))

    def _fail(self, trouble: Trouble, why: str) -> None:
        """It goes no further; whoever wished it hears so when it is closed."""
        if self._trouble is None:
            self._trouble, self._why = trouble, why
            self._gathered, self._gathered_bytes, self._early = [], 0, []

    def __repr__(self) -> str:
        return f"<Taker {self.name} {self.state} {self.wish.name} at {self._seconds:.1f} s>"
