"""Where a moving thing was, and which of its many places are worth keeping. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

METRES_A_DEGREE = 111_320.0


@dataclass(frozen=True, slots=True)
class KeptFix:
    """One place of a thing: UNIX milliseconds, degrees WGS-84, km/h, degrees clockwise from north, metres."""

    owner: str
    code: str
    at_ms: int
    longitude: float
    latitude: float
    speed: float | None = None
    direction: float | None = None
    altitude: float | None = None


FIX_FIELDS = ("owner", "code", "at_ms", "longitude", "latitude", "speed", "direction", "altitude")


@dataclass(frozen=True, slots=True)
class Thinning:
    """A place is kept when the thing moved `far_m` from the last one kept, turned by `turn_deg` having moved at all, or
    when `rest_s` went by."""

    far_m: float = 15.0
    turn_deg: float = 25.0
    rest_s: float = 60.0

    def keeps(self, last: KeptFix | None, fix: KeptFix) -> bool:
        """Whether `fix` is worth a row behind `last`; one that is older or of the same moment is not."""
        if last is None:
            return True
        if fix.at_ms <= last.at_ms:
            return False
        if fix.at_ms - last.at_ms >= self.rest_s * 1000:
            return True
        moved = metres_between(last, fix)
        if moved >= self.far_m:
            return True
        if last.direction is None or fix.direction is None or moved < self.far_m / 5:
            return False
        turned = abs(fix.direction - last.direction) % 360
        return min(turned, 360 - turned) >= self.turn_deg


def metres_between(one: KeptFix, other: KeptFix) -> float:
    """How far two places are from each other; good for the few kilometres between two fixes."""
    north = (other.latitude - one.latitude) * METRES_A_DEGREE
    middle = math.radians((one.latitude + other.latitude) / 2)
    east = (other.longitude - one.longitude) * METRES_A_DEGREE * math.cos(middle)
    return math.hypot(north, east)


def length_m(track: Sequence[KeptFix]) -> float:
    """How long the way through all of them is."""
    return sum(metres_between(one, other) for one, other in pairwise(track))


def simplified(track: Sequence[KeptFix], most: int) -> list[KeptFix]:
    """At most about `most` places by which the line still looks the same: those that stand out farthest are kept
    (Ramer, Douglas and Peucker), first and last always."""
    if len(track) <= max(2, most):
        return list(track)
    low, high = 0.0, 50_000.0
    best = [track[0], track[-1]]
    for _ in range(24):
        middle = (low + high) / 2
        kept = _outstanding(track, middle)
        if len(kept) > most:
            low = middle
        else:
            high, best = middle, kept
    return best


def _outstanding(track: Sequence[KeptFix], within_m: float) -> list[KeptFix]:
    marks = bytearray(len(track))
    marks[0] = marks[-1] = 1
    spans = [(0, len(track) - 1)]
    while spans:
        first, last = spans.pop()
        farthest, place = within_m, 0
        for at in range(first + 1, last):
            away = _away_m(track[first], track[last], track[at])
            if away > farthest:
                farthest, place = away, at
        if place:
            marks[place] = 1
            spans += ((first, place), (place, last))
    return [fix for fix, mark in zip(track, marks, strict=True) if mark]


def _away_m(one: KeptFix, other: KeptFix, fix: KeptFix) -> float:
    """How far `fix` lies beside the straight way from `one` to `other`."""
    shrink = math.cos(math.radians(one.latitude))
    ax = (other.longitude - one.longitude) * shrink
    ay = other.latitude - one.latitude
    bx = (fix.longitude - one.longitude) * shrink
    by = fix.latitude - one.latitude
    length = ax * ax + ay * ay
    along = min(1.0, max(0.0, (ax * bx + ay * by) / length)) if length else 0.0
    return math.hypot(bx - along * ax, by - along * ay) * METRES_A_DEGREE
