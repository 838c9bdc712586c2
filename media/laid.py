"""Runs and frames as a lane leaves them: one piece of memory until somebody wants them one by one."""

from __future__ import annotations

from typing import Any

from media.frame import Codec, Frame
from media.run import Run


class Laid:
    """What came between two moments at which the state was ours. Never changes."""

    # Any: the Stretch of media/native/lane.c, which is there or not.
    def __init__(self, stretch: Any, frames: int, video: Codec, sound: Codec | None) -> None:
        self.frame_count = frames
        self._stretch = stretch
        self._codecs = video, sound

    def runs(self, start: int = 0) -> list[Run]:
        """The packets, from that run on."""
        found: list[Run] = self._stretch.runs(Run, start) if self._stretch is not None else []
        return found

    def frames(self) -> list[Frame]:
        """The frames that were not given out as they came."""
        found: list[Frame] = self._stretch.frames(Frame, *self._codecs) if self._stretch is not None else []
        return found


def elsewhere() -> Laid:
    """Stands for what somebody who is ahead keeps, until he is asked for it."""
    return Laid(None, 0, Codec.H264, None)
