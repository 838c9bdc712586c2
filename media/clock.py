"""One clock for viewers across the sessions of a source: a new call goes on where the last one broke off, and a
recording that is played fast or slowly is shown in the time that really goes by."""

from __future__ import annotations

from media.frame import Frame

STEP_90K = 3_600
MEASURE_S = 1.0
"""So long is looked at the sender's clock before it is said how fast it really runs."""
SLOWEST, FASTEST = 1 / 32, 64.0
STILL_S = 3.0
"""No picture for so long: it was paused, and nothing is measured across that."""


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

    def lend(self) -> tuple[int, int] | None:
        """What is added to every time, and the latest time; None where a new session is to be joined."""
        return (self._offset, self._latest) if self._is_joined and self._latest is not None else None

    def take_back(self, latest: int) -> None:
        """So far whoever placed frames in our place has come."""
        self._latest = latest

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


class Pacer:
    """Brings pictures that come faster or more slowly than their time stamps say into the time that goes by here.

    A recording at four times the speed has stamps that run four times as fast as our clock, and a player that believes
    them falls behind for ever; other recorders stamp what they send in real time. So the sender's clock is measured
    against ours, and what it gains is taken out. Backwards, only key frames are shown, as they come (media.md 6.4).
    """

    def __init__(self) -> None:
        self.scale = 1.0
        self._rate = 1.0
        self._raw: int | None = None
        self._at = 0.0
        self._out = 0.0
        self._since_raw = 0
        self._since_at = 0.0

    def set_scale(self, scale: float) -> None:
        """What the sender was asked for, and took: believed until it is measured."""
        self.scale = scale
        self._rate = min(max(abs(scale), SLOWEST), FASTEST)
        self._since_at = -1.0

    @property
    def is_silent(self) -> bool:
        """Whether there is no sound: at any speed but the usual one it would be none."""
        return self.scale != 1.0

    def place(self, frame: Frame, now: float) -> bool:
        """Re-time a picture in place; false for one that is not shown."""
        if self.scale < 0 and not frame.key:
            return False
        raw = frame.dts_90k
        if self._raw is None:
            self._out = float(raw)
        elif self.scale < 0:
            self._out += max(1.0, (now - self._at) * 90_000)
        else:
            self._measure(raw, now)
            self._out += max(1.0, (raw - self._raw) / self._rate)
        self._raw, self._at = raw, now
        self._move(frame, int(self._out))
        return True

    def follow(self, frame: Frame) -> None:
        """Re-time sound in place, as the picture beside it."""
        if self._raw is not None:
            self._move(frame, int(self._out + (frame.dts_90k - self._raw) / self._rate))

    def _move(self, frame: Frame, dts: int) -> None:
        ahead = int((frame.pts_90k - frame.dts_90k) / self._rate)
        frame.dts_90k = dts
        frame.pts_90k = dts + ahead

    def _measure(self, raw: int, now: float) -> None:
        if self.scale == 1.0:
            self._rate = 1.0
            return
        if self._since_at < 0 or now - self._at > STILL_S:
            self._since_raw, self._since_at = raw, now
            return
        lasted_s = now - self._since_at
        if lasted_s >= MEASURE_S:
            rate = (raw - self._since_raw) / 90_000 / lasted_s
            if rate > 0:
                self._rate = min(max(rate, SLOWEST), FASTEST)
            self._since_raw, self._since_at = raw, now
