"""One clock for viewers across the sessions of a source: a new call goes on where the last one broke off."""

from __future__ import annotations

from media.frame import Frame

STEP_90K = 3_600


class OutputClock:
    """Re-times frames in place. The demultiplexers keep the clock of one session steady; this joins sessions.

    A break is closed rather than kept: whoever watched stands at its edge and goes on without having fallen behind.
    """

    def __init__(self) -> None:
        self._offset = 0
        self._latest: int | None = None
        self._is_joined = True

    def restart(self) -> None:
        """The next frame begins a new session with a clock of its own."""
        self._is_joined = self._latest is None

    def place(self, frame: Frame) -> None:
        if not self._is_joined:
            assert self._latest is not None
            self._offset = self._latest + STEP_90K - frame.dts_90k
            self._is_joined = True
        if self._offset:
            frame.pts_90k += self._offset
            frame.dts_90k += self._offset
        if self._latest is None or frame.dts_90k > self._latest:
            self._latest = frame.dts_90k
