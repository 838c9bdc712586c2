"""Where in its time a recording stands, by what comes of it: the sender's own clock, and ours between two looks."""

from __future__ import annotations

from dataclasses import dataclass

LOOK_BACK_S = 3.0
"""Over so long it is measured how fast a recording really runs."""
FOREBEAR_S = 1.5
"""So much older than now may what was counted be: a media process tells about once a second."""
IGNORED = (0.7, 1.4)
"""A recording that runs so near the usual speed though another was asked for, runs at the usual one."""
MORE_PICTURES = 1.5
"""A recorder that stamps fast play in real time sends that many more pictures a second, at least."""


@dataclass(slots=True)
class _Look:
    at: float
    leg_s: float
    frames: int


class Odometer:
    """Told of every look at the counters by `look`; `position` is UNIX seconds of the recording.

    A leg is a stretch at one speed from one place on: `begin` starts one, and the counters of an earlier leg, which
    may still be told for a moment, mean nothing. Times of ours are monotonic seconds.
    """

    def __init__(self, position: float, now: float) -> None:
        self._is_in_step = False
        self._base = position
        self._speed = 1.0
        self._leg = 0
        self._looks: list[_Look] = []
        self._began_at = now
        self._usual_fps: float | None = None
        self._stood_at: float | None = None

    @property
    def speed(self) -> float:
        """What was asked for."""
        return self._speed

    def begin(self, position: float, speed: float, now: float, *, is_new_leg: bool = True) -> None:
        """The recording goes on at `position`; `is_new_leg` when its counters begin anew there, too."""
        self._base, self._speed = position, speed
        self._leg += is_new_leg
        self._looks = []
        self._began_at = now
        self._stood_at = None

    def begin_anew(self, position: float, now: float, *, is_in_step: bool = False) -> None:
        """Another call: its counters begin at the first leg. `is_in_step`: whatever its speed, its clock runs as it is
        shown, as that of our own recordings does."""
        self._leg = 0
        self._is_in_step = is_in_step
        self.begin(position, 1.0, now, is_new_leg=False)

    def stand(self, now: float) -> None:
        """It was paused."""
        self._stood_at = self.position(now)

    def go_on(self, now: float) -> None:
        """It was paused and goes on; what was measured before the pause is no measure after it."""
        self._stood_at = None
        self._looks = self._looks[-1:]
        self._began_at = now
        if self._looks:
            self._looks[0].at = now

    def look(self, leg: int, leg_s: float, frames: int, now: float) -> None:
        """What was counted. A look that says nothing new is none: the counters are told now and then."""
        if leg != self._leg or self._stood_at is not None:
            return
        if self._looks and (leg_s, frames) == (self._looks[-1].leg_s, self._looks[-1].frames):
            return
        self._looks.append(_Look(now, leg_s, frames))
        while len(self._looks) > 2 and now - self._looks[1].at > LOOK_BACK_S:
            del self._looks[0]
        if self._speed == 1.0 and self._lasted_s >= 2.0:
            self._usual_fps = self._fps

    def position(self, now: float) -> float:
        """Where it stands, as far as is known."""
        if self._stood_at is not None:
            return self._stood_at
        if not self._looks:
            return self._base
        last = self._looks[-1]
        sign = -1.0 if self._speed < 0 else 1.0
        stretch = abs(self._speed) if self.is_restamped else 1.0
        since = min(max(0.0, now - last.at), FOREBEAR_S) * abs(self.real_speed)
        return self._base + sign * (last.leg_s * stretch + since)

    @property
    def real_speed(self) -> float:
        """How fast it really runs; what was asked for as long as that cannot be said."""
        rate = self._rate
        if rate is None:
            return self._speed
        if self._is_in_step:
            return self._speed * min(rate, 1.0)
        return self._speed if self.is_restamped else (-rate if self._speed < 0 else rate)

    @property
    def ignores_speed(self) -> bool:
        """Whether it took another speed and runs at the usual one all the same."""
        if self._is_in_step:
            return False
        rate = self._rate
        asked = abs(self._speed)
        if rate is None or IGNORED[0] <= asked <= IGNORED[1]:
            return False
        return IGNORED[0] <= rate <= IGNORED[1] and not self.is_restamped

    @property
    def is_restamped(self) -> bool:
        """Whether its time stamps run in real time while it shows more of itself: some recorders do so."""
        if self._is_in_step:
            return True
        rate, usual, fps = self._rate, self._usual_fps, self._fps
        if rate is None or usual is None or fps is None or abs(self._speed) < 2.0:
            return False
        return IGNORED[0] <= rate <= IGNORED[1] and fps >= usual * MORE_PICTURES

    @property
    def _lasted_s(self) -> float:
        return self._looks[-1].at - self._looks[0].at if len(self._looks) > 1 else 0.0

    @property
    def _rate(self) -> float | None:
        """How fast the sender's clock runs; None before that can be said."""
        lasted_s = self._lasted_s
        if lasted_s < 1.8:
            return None
        return (self._looks[-1].leg_s - self._looks[0].leg_s) / lasted_s

    @property
    def _fps(self) -> float | None:
        lasted_s = self._lasted_s
        return (self._looks[-1].frames - self._looks[0].frames) / lasted_s if lasted_s >= 1.8 else None
