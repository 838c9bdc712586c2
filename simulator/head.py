"""A camera's motor head: it turns at the speed it was told until it is told to stop, and remembers presets."""

from __future__ import annotations

from dataclasses import dataclass

# Full speed crosses the whole scene in this many seconds.
_SWEEP_S = 6.0
_ZOOM_SWEEP_S = 4.0
MAX_ZOOM = 4.0


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a head looks: `pan` 0 (left) to 1 (right), `tilt` 0 (up) to 1 (down), `zoom` 1 (wide) to `MAX_ZOOM`."""

    pan: float = 0.5
    tilt: float = 0.5
    zoom: float = 1.0


class Head:
    """Turns by the clock it is handed: no timers, no tasks.

    Speeds are fractions of full speed, -1 to 1; positive is right, up and tele (GB/T 28181-2022 A.3.2).
    """

    def __init__(self, aim: Aim = Aim()) -> None:
        self._aim = aim
        self._speed = (0.0, 0.0, 0.0)
        self._since = 0.0
        self.presets: dict[int, tuple[str, Aim]] = {}

    def at(self, now: float) -> Aim:
        """Where it looks at `now` (seconds, any clock that only goes forward)."""
        elapsed = max(0.0, now - self._since)
        pan, tilt, zoom = self._speed
        return Aim(
            pan=_within(self._aim.pan + pan * elapsed / _SWEEP_S, 0.0, 1.0),
            tilt=_within(self._aim.tilt - tilt * elapsed / _SWEEP_S, 0.0, 1.0),
            zoom=_within(self._aim.zoom + zoom * elapsed * (MAX_ZOOM - 1) / _ZOOM_SWEEP_S, 1.0, MAX_ZOOM),
        )

    def turn(self, pan: float, tilt: float, zoom: float, now: float) -> None:
        self._aim = self.at(now)
        self._speed = (pan, tilt, zoom)
        self._since = now

    def stop(self, now: float) -> None:
        self.turn(0.0, 0.0, 0.0, now)

    def set_preset(self, number: int, now: float, name: str = "") -> None:
        self.presets[number] = (name or f"Preset {number}", self.at(now))

    def call_preset(self, number: int, now: float) -> bool:
        """Look where preset `number` looks; false when there is none."""
        if number not in self.presets:
            return False
        self._aim, self._speed, self._since = self.presets[number][1], (0.0, 0.0, 0.0), now
        return True

    def delete_preset(self, number: int) -> None:
        self.presets.pop(number, None)


def _within(value: float, low: float, high: float) -> float:
    return min(high, max(low, value))
