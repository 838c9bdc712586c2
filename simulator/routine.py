"""Motions that a head goes through by itself: a tour over presets, a sweep between limits, the following of a target.

Each is a function of the seconds since it began; a head that is told something else forgets it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from simulator.aim import Aim

FASTEST_TRAVEL_S = 0.2
SLOWEST_TRAVEL_S = 3.0
FASTEST_SWEEP_S = 0.5
SLOWEST_SWEEP_S = 30.0
MOST_SPEED = 0xFFF
FOLLOW_S = 8.0
"""A target crosses the picture and comes back in so long."""


@dataclass(frozen=True, slots=True)
class Tour:
    """From preset to preset, resting `dwell_s` at each; `travel_s` is the way between two."""

    start: Aim
    points: tuple[Aim, ...]
    dwell_s: float
    travel_s: float

    def at(self, seconds: float) -> Aim:
        if not self.points:
            return self.start
        if seconds < self.travel_s:
            return between(self.start, self.points[0], seconds / self.travel_s)
        leg = self.dwell_s + self.travel_s
        done, rest = divmod(seconds - self.travel_s, leg)
        here = self.points[int(done) % len(self.points)]
        if rest < self.dwell_s:
            return here
        return between(here, self.points[(int(done) + 1) % len(self.points)], (rest - self.dwell_s) / self.travel_s)


@dataclass(frozen=True, slots=True)
class Sweep:
    """To the left limit first, as the picture then moves from right to left, and back again for ever (A.3.7)."""

    start: Aim
    left: float
    right: float
    crossing_s: float

    def at(self, seconds: float) -> Aim:
        width = max(self.right - self.left, 1e-6)
        # The way so far, in widths, as if the head had come from the right limit.
        way = (min(self.right, max(self.left, self.start.pan)) - self.left) / width
        place = (1 - way + seconds / self.crossing_s) % 2
        return replace(self.start, pan=self.right - width * (place if place <= 1 else 2 - place))


@dataclass(frozen=True, slots=True)
class Following:
    """A target that walks to and fro around where it was first seen."""

    start: Aim

    def at(self, seconds: float) -> Aim:
        pan = self.start.pan + 0.15 * math.sin(2 * math.pi * seconds / FOLLOW_S)
        return replace(self.start, pan=min(1.0, max(0.0, pan)))


Routine = Tour | Sweep | Following


def travel_s(speed: int) -> float:
    """The way between two presets at a cruise speed of 0 to 4095; 0 is the device's own."""
    return _by_speed(speed, SLOWEST_TRAVEL_S, FASTEST_TRAVEL_S)


def crossing_s(speed: int) -> float:
    """The way from limit to limit at a scan speed of 0 to 4095; 0 is the device's own."""
    return _by_speed(speed, SLOWEST_SWEEP_S, FASTEST_SWEEP_S)


def _by_speed(speed: int, slowest: float, fastest: float) -> float:
    share = (speed or MOST_SPEED // 2) / MOST_SPEED
    return slowest + (fastest - slowest) * min(1.0, share)


def between(one: Aim, other: Aim, share: float) -> Aim:
    share = min(1.0, max(0.0, share))
    return Aim(
        one.pan + (other.pan - one.pan) * share,
        one.tilt + (other.tilt - one.tilt) * share,
        one.zoom + (other.zoom - one.zoom) * share,
    )
