"""Files of a recording joined into one without coding anything anew: all as it was, and times that run on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from media.aac import format_of
from media.annexb import VideoParameters, video_parameters
from media.frame import Codec, Frame
from media.outlets.recording import Mp4Form, ProgramForm, Sound
from media.plane import Clip, RecordingForm
from media.sources.reel import Taken, reel
from media.timeline import STEP_LIMIT_90K

PIECE = 512 * 1024
HOLE_90K = 2 * 90_000
"""Where nothing was recorded for longer, the next picture follows at once: nobody wants to watch a hole."""
STEP_90K = 3_600
FOR_SOUND = 200


class OtherPicture(Exception):
    """Codec or picture size changed within the span; the message says when (UNIX seconds)."""


def join(folder: str, clips: Sequence[Clip], from_ms: int, to_ms: int, form: RecordingForm) -> Iterator[bytes]:
    """One MP4 or program stream of what was taken in a span, in pieces. Blocks.

    Raises Unusable for a file that cannot be read. A film whose picture changes on the way ends there when the first
    pieces are out; `check` says so before.
    """
    taken = reel(folder, clips, from_ms)
    first: list[Taken] = []
    for each in taken:
        first.append(each)
        if len(first) >= FOR_SOUND:
            break
    video, sound = _tracks(first)
    if video is None:
        return
    container = Mp4Form(video, sound) if form is RecordingForm.MP4 else ProgramForm(video, sound)
    gathered = [container.head()]
    size = len(gathered[0])
    clock = _Clock()
    for each in (*first, *taken):
        if each.at_ms >= to_ms:
            break
        frame = each.frame
        if frame.key and frame.codec.is_video:
            now = video_parameters(frame.codec, frame.data)
            if now is not None and now.configuration != video.configuration:
                break
        body = container.body(clock.placed(each))
        if body:
            gathered.append(body)
            size += len(body)
        if size >= PIECE:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def check(folder: str, clips: Sequence[Clip]) -> None:
    """Whether they can be one film: raises OtherPicture, and Unusable for a file that cannot be read."""
    before: VideoParameters | None = None
    for clip in clips:
        frame = next((each.frame for each in reel(folder, (clip,), clip.start_ms) if each.frame.codec.is_video), None)
        now = video_parameters(frame.codec, frame.data) if frame is not None else None
        if before is not None and now is not None and now.configuration != before.configuration:
            raise OtherPicture(str(clip.start_ms // 1000))
        before = now or before


class _Clock:
    """Times from 0 on, and no holes."""

    def __init__(self) -> None:
        self._shift_90k: int | None = None
        self._last_90k = 0
        self._usual_90k = STEP_90K

    def placed(self, taken: Taken) -> Frame:
        frame, at = taken.frame, round(taken.at_ms * 90)
        if self._shift_90k is None:
            self._shift_90k = at
        if frame.codec.is_video and self._last_90k:
            step = at - self._shift_90k - self._last_90k
            # A file may begin a little early, by a clock that is not the camera's: no two pictures at one moment.
            if not (self._usual_90k // 2 if taken.is_first else 0) <= step <= HOLE_90K:
                self._shift_90k = at - self._last_90k - self._usual_90k
            elif 0 < step < STEP_LIMIT_90K:
                self._usual_90k = step
        dts = max(0, at - self._shift_90k)
        if frame.codec.is_video:
            self._last_90k = dts
        return Frame(frame.codec, frame.data, dts + frame.pts_90k - frame.dts_90k, dts, frame.key)


def _tracks(taken: Sequence[Taken]) -> tuple[VideoParameters | None, Sound | None]:
    video = next(
        (found for each in taken if each.frame.key and (found := video_parameters(each.frame.codec, each.frame.data))),
        None,
    )
    heard = next((each.frame for each in taken if not each.frame.codec.is_video), None)
    if heard is None:
        return video, None
    return video, Sound(heard.codec, format_of(heard.data) if heard.codec is Codec.AAC else None)
