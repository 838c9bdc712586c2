"""A sender's clock made fit to play: it runs on steadily, whatever the sender's does (media.md 3.5)."""

from __future__ import annotations

from heapq import heappush, heappushpop

STEP_LIMIT_90K = 45_000  # 500 ms: a longer step without a known reason is a jump
GAP_LIMIT_90K = 900_000  # 10 s: no gap that we know of is believed to be longer
MOST_OVERTAKEN = 4  # H.264 and H.265 as cameras use them have 1 to 3
PROOF, PROVED_WITHIN = 3, 32  # so many steps backwards within so many pictures are no accident
_WINDOW = 16

TimelineState = tuple[int, int, int, list[int]]
"""The usual step, the last time given and its raw one, the steps learnt from."""


class Timeline:
    """Decoding times of one track, 90 kHz: strictly growing but for `shift_to`, jumps made the usual frame duration.

    The first time is taken as it is. What follows advances by the sender's own steps as long as they are credible.
    """

    def __init__(self, usual_90k: int = 3600) -> None:
        self.usual_90k = usual_90k
        self.last: int | None = None
        self.repairs = 0
        self._last_raw = 0
        self._odd_step = 0
        self._steps: list[int] = []

    def place(self, raw: int, *, after_gap: bool = False) -> int:
        """Our time for the sender's unwrapped time `raw`; `after_gap` says that frames are known to be missing."""
        last = self.last
        if last is None:
            self.last, self._last_raw = raw, raw
            return raw
        step = raw - self._last_raw
        self._last_raw = raw
        if not self._is_credible(step, after_gap):
            self.repairs += 1
            step = self.usual_90k
        self.last = last + step
        return self.last

    def advance(self, step_90k: int) -> int:
        """Our time for a frame that carries none, `step_90k` after the last one."""
        self._last_raw += step_90k
        self.last = (self.last or 0) + max(step_90k, 1)
        return self.last

    def shift_to(self, time: int) -> None:
        """Continue at `time`, though that be behind what has been given out."""
        self.last = time

    def lend(self) -> TimelineState | None:
        """Where it stands, for one who goes on in its place as long as the steps are short; None before the first."""
        return None if self.last is None else (self.usual_90k, self.last, self._last_raw, list(self._steps))

    def take_back(self, state: TimelineState) -> None:
        """Where whoever had it left it."""
        self.usual_90k, self.last, self._last_raw, self._steps = state

    def _is_credible(self, step: int, after_gap: bool) -> bool:
        if not 0 < step <= GAP_LIMIT_90K:
            return False
        if step <= STEP_LIMIT_90K:
            self._learn(step)
            return True
        if after_gap or step <= 4 * self.usual_90k:
            if not after_gap:
                self._learn(step)
            return True
        # Two long steps of about one length are a slow camera (1 picture a second), not a jump.
        if not self._steps or abs(step - self._odd_step) * 2 <= self._odd_step:
            self._steps.clear()
            self._learn(step)
            return True
        self._odd_step = step
        return False

    def _learn(self, step: int) -> None:
        steps = self._steps
        if not steps:
            self.usual_90k = step
        steps.append(step)
        if len(steps) >= _WINDOW:
            steps.sort()
            self.usual_90k = steps[_WINDOW // 2]
            del steps[1:]
            steps[0] = self.usual_90k


class DecodingTimes:
    """Decoding times for pictures of whom only is told when they are shown, in the order in which they are decoded.

    Pictures that refer to later ones are shown before those: a step backwards, again and again. Once that is proved,
    so many pictures as were seen to overtake each other are waited out; until then the two times are the same.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.is_proved = False
        self._ahead: list[int] = []
        self._last: int | None = None
        self._shown = 0
        self._backwards = 0
        self._seen = 0

    def of(self, shown: int) -> int:
        """The decoding time of the next picture. It grows, if not before the proof or where the clock jumps back."""
        last = self._last
        if last is None or not -STEP_LIMIT_90K < shown - last <= GAP_LIMIT_90K:
            self._ahead = [shown] * self.depth
            last = None
        elif not self.is_proved:
            self._look(shown)
        elif shown <= last and self.depth < MOST_OVERTAKEN:
            # Nothing is let go this time; a tick on, so that time does not stand still.
            self.depth += 1
            heappush(self._ahead, shown)
            self._last = last + 1
            return last + 1
        time = heappushpop(self._ahead, shown)
        if self.is_proved and last is not None and time <= last:
            time = last + 1
        self._last, self._shown = time, shown
        return time

    def _look(self, shown: int) -> None:
        self._seen += 1
        self._backwards += shown < self._shown
        self.is_proved = self._backwards >= PROOF
        if self._seen >= PROVED_WITHIN:
            self._seen = self._backwards = 0
