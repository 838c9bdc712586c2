"""Where a head looks, in shares of what it can see, in the degrees of the standard, and through a box in its picture.

What it can see is twice as wide and one and a half times as high as its picture at zoom 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from gb28181.manscdp.control import Box, PrecisePosition

MAX_ZOOM = 4.0
PAN_DEGREES = 180.0
"""Pan goes from 0 to this, clockwise."""
TILT_UP, TILT_DOWN = -30.0, 90.0
"""Tilt in degrees, down positive (GB/T 28181-2022 A.2.3.1.11)."""
_PICTURE_WIDE, _PICTURE_HIGH = 1 / 2, 2 / 3
"""The picture's share of all that can be seen, at zoom 1."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a head looks: `pan` 0 (left) to 1 (right), `tilt` 0 (up) to 1 (down), `zoom` 1 (wide) to `MAX_ZOOM`."""

    pan: float = 0.5
    tilt: float = 0.5
    zoom: float = 1.0

    @property
    def degrees(self) -> PrecisePosition:
        """The same as the standard tells it."""
        return PrecisePosition(
            round(self.pan * PAN_DEGREES, 2), round(TILT_UP + self.tilt * (TILT_DOWN - TILT_UP), 2), round(self.zoom, 2)
        )


def at_degrees(wanted: PrecisePosition, now: Aim) -> Aim:
    """What is asked for in degrees, as far as the head can go; what is not said stays as it is."""
    pan = now.pan if wanted.pan is None else wanted.pan / PAN_DEGREES
    tilt = now.tilt if wanted.tilt is None else (wanted.tilt - TILT_UP) / (TILT_DOWN - TILT_UP)
    zoom = now.zoom if wanted.zoom is None else wanted.zoom
    return Aim(within(pan, 0.0, 1.0), within(tilt, 0.0, 1.0), within(zoom, 1.0, MAX_ZOOM))


def through(box: Box, now: Aim, *, inward: bool) -> Aim:
    """Drag zoom: inward the boxed part fills the picture; outward the picture shrinks into the box. A box without
    size only centres."""
    if box.length <= 0 or box.width <= 0:
        return now
    x, y = box.mid_x / box.length, box.mid_y / box.width
    share = max(box.length_x / box.length, box.length_y / box.width)
    factor = 1.0 if share <= 0 else 1 / share if inward else share
    zoom = within(now.zoom * factor, 1.0, MAX_ZOOM)
    return Aim(
        _moved(now.pan, _PICTURE_WIDE, now.zoom, zoom, x, inward),
        _moved(now.tilt, _PICTURE_HIGH, now.zoom, zoom, y, inward),
        zoom,
    )


def _moved(place: float, share: float, zoom: float, new_zoom: float, at: float, inward: bool) -> float:
    """One axis: inward the box's middle becomes the picture's; outward the old middle comes to the box's."""
    before, after = share / zoom, share / new_zoom
    start = (1 - before) * place
    middle = start + before * at if inward else start + before / 2 - after * (at - 0.5)
    return within((middle - after / 2) / (1 - after), 0.0, 1.0)


def within(value: float, low: float, high: float) -> float:
    return min(high, max(low, value))
