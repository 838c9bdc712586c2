"""The clock that viewers see: it only goes forward, whatever the camera's clock does (media.md 3.5)."""

from __future__ import annotations

from media.frame import Frame

JUMP_90K = 45_000
"""A step of more than half a second is a jump, unless the one before it was as long (a camera of few pictures)."""
APART_90K = 90_000
"""Sound more than a second off the picture is put back beside it; the picture is master (media.md P23)."""
NOMINAL_90K = 3_600


class OutputClock:
    """Re-times frames in place. Jumps, steps back and breaks in the stream become one ordinary step.

    A break is closed rather than kept: whoever watched stands at its edge and goes on without having fallen behind.
    """

    def __init__(self) -> None:
        self.repairs = 0
        self._step = NOMINAL_90K
        self._video_in: int | None = None
        self._video_out = 0
        self._video_delta = 0
        self._offset = 0
        self._audio_offset = 0
        self._audio_out: int | None = None

    def restart(self) -> None:
        """The next frame belongs to a new session of the same camera, with a clock of its own."""
        self._video_in = None

    def video(self, frame: Frame) -> None:
        came = frame.dts_90k
        if self._video_in is None:
            self._anchor(came)
        else:
            delta = came - self._video_in
            if 0 < delta <= JUMP_90K or (delta > 0 and abs(delta - self._video_delta) * 4 <= delta):
                self._step = delta
            else:
                self._anchor(came)
                self.repairs += 1
            self._video_delta = delta
        self._video_in = came
        frame.pts_90k += self._offset
        frame.dts_90k = came + self._offset
        self._video_out = frame.dts_90k

    def audio(self, frame: Frame) -> None:
        out = frame.pts_90k + self._audio_offset
        last = self._audio_out
        if abs(out - self._video_out) > APART_90K or (last is not None and out <= last):
            wanted = self._video_out if last is None else max(self._video_out, last + 1)
            self._audio_offset += wanted - out
            out = wanted
            self.repairs += 1
        self._audio_out = frame.pts_90k = frame.dts_90k = out

    def _anchor(self, came: int) -> None:
        if self._video_out:
            self._offset = self._video_out + self._step - came
        self._audio_offset = self._offset
