"""A camera's motor head: it turns at the speed it was told until it is told to stop, remembers presets and routines."""

from __future__ import annotations

from dataclasses import dataclass, field

from gb28181.manscdp.control import Box, HomePosition, PrecisePosition
from simulator.aim import MAX_ZOOM, Aim, at_degrees, through, within
from simulator.routine import Following, Routine, Sweep, Tour, crossing_s, travel_s

__all__ = ["MAX_ZOOM", "Aim", "CruiseTrack", "Head", "ScanLine"]

# Full speed crosses the whole scene in this many seconds.
_SWEEP_S = 6.0
_ZOOM_SWEEP_S = 4.0
_LENS_SWEEP_S = 5.0
USUAL_DWELL_S = 5


@dataclass(slots=True)
class CruiseTrack:
    """A tour that can be started: the numbers of its presets in order."""

    name: str = ""
    points: list[int] = field(default_factory=list)
    speed: int = 0
    dwell_s: int = USUAL_DWELL_S


@dataclass(slots=True)
class ScanLine:
    """A sweep that can be started: its limits as pan."""

    left: float = 0.0
    right: float = 1.0
    speed: int = 0


class Head:
    """Turns by the clock it is handed: no timers, no tasks.

    Speeds are fractions of full speed, -1 to 1; positive is right, up and tele (GB/T 28181-2022 A.3.2).
    """

    def __init__(self, aim: Aim = Aim()) -> None:
        self._aim = aim
        self._speed = (0.0, 0.0, 0.0)
        self._since = 0.0
        self._routine: Routine | None = None
        self._lens = (0.5, 0.5)
        self._lens_speed = (0.0, 0.0)
        self._lens_since = 0.0
        self.presets: dict[int, tuple[str, Aim]] = {}
        self.cruises: dict[int, CruiseTrack] = {}
        self.scans: dict[int, ScanLine] = {}
        self.switches: dict[int, bool] = {}
        """Auxiliary switches by number; 1 is the wiper."""
        self.home: HomePosition | None = None
        self._home_since = 0.0
        self.tracking = "Stop"

    @property
    def routine(self) -> Routine | None:
        """What it goes through by itself now."""
        return self._routine

    def at(self, now: float) -> Aim:
        """Where it looks at `now` (seconds, any clock that only goes forward)."""
        elapsed = max(0.0, now - self._since)
        if self._routine is not None:
            return self._routine.at(elapsed)
        if self._is_home(now):
            return self._home_aim()
        pan, tilt, zoom = self._speed
        return Aim(
            pan=within(self._aim.pan + pan * elapsed / _SWEEP_S, 0.0, 1.0),
            tilt=within(self._aim.tilt - tilt * elapsed / _SWEEP_S, 0.0, 1.0),
            zoom=within(self._aim.zoom + zoom * elapsed * (MAX_ZOOM - 1) / _ZOOM_SWEEP_S, 1.0, MAX_ZOOM),
        )

    def lens_at(self, now: float) -> tuple[float, float]:
        """Focus (0 near to 1 far) and iris (0 closed to 1 open)."""
        elapsed = max(0.0, now - self._lens_since) / _LENS_SWEEP_S
        focus, iris = self._lens
        return (
            within(focus + self._lens_speed[0] * elapsed, 0.0, 1.0),
            within(iris + self._lens_speed[1] * elapsed, 0.0, 1.0),
        )

    def turn(self, pan: float, tilt: float, zoom: float, now: float) -> None:
        self._go(self.at(now), now, speed=(pan, tilt, zoom))

    def stop(self, now: float) -> None:
        """End every motion, of cruise and scan and following too."""
        self.turn(0.0, 0.0, 0.0, now)

    def turn_lens(self, focus: float, iris: float, now: float) -> None:
        self._lens = self.lens_at(now)
        self._lens_speed, self._lens_since = (focus, iris), now

    def set_preset(self, number: int, now: float, name: str = "") -> None:
        self.presets[number] = (name or f"Preset {number}", self.at(now))

    def call_preset(self, number: int, now: float) -> bool:
        """Look where preset `number` looks; false when there is none."""
        if number not in self.presets:
            return False
        self._go(self.presets[number][1], now)
        return True

    def delete_preset(self, number: int) -> None:
        self.presets.pop(number, None)

    def look(self, wanted: PrecisePosition, now: float) -> None:
        """Look there, or as far as it goes (2022: beyond the limit is the limit)."""
        self._go(at_degrees(wanted, self.at(now)), now)

    def zoom_through(self, box: Box, now: float, *, inward: bool) -> None:
        self._go(through(box, self.at(now), inward=inward), now)

    def cruise(self, group: int, now: float) -> bool:
        """Begin a tour over its presets that there are; false when there are none."""
        track = self.cruises.get(group)
        points = tuple(self.presets[number][1] for number in track.points if number in self.presets) if track else ()
        if track is None or not points:
            return False
        here = self.at(now)
        self._go(here, now, routine=Tour(here, points, max(0.1, track.dwell_s), travel_s(track.speed)))
        return True

    def scan(self, group: int, now: float) -> None:
        """Begin a sweep; without limits it goes as far as the head does."""
        line = self.scans.get(group, ScanLine())
        here = self.at(now)
        left, right = min(line.left, line.right), max(line.left, line.right)
        self._go(here, now, routine=Sweep(here, left, right, crossing_s(line.speed)))

    def track(self, mode: str, now: float, area: Box | None = None) -> None:
        """Follow a target, Auto or Manual from within a box, until Stop."""
        here = self.at(now)
        if mode == "Manual" and area is not None:
            here = through(Box(area.length, area.width, area.mid_x, area.mid_y, 0, 0), here, inward=True)
        self._go(here, now, routine=Following(here) if mode != "Stop" else None)
        self.tracking = mode

    def set_home(self, home: HomePosition, now: float) -> None:
        """Where it returns to after some rest, or that it does not."""
        if self._routine is None:
            self._aim, self._since = self.at(now), now
        self.home, self._home_since = home, now

    def _go(
        self,
        aim: Aim,
        now: float,
        *,
        speed: tuple[float, float, float] = (0.0, 0.0, 0.0),
        routine: Routine | None = None,
    ) -> None:
        self._aim, self._speed, self._since, self._routine = aim, speed, now, routine
        self.tracking = "Stop"

    def _is_home(self, now: float) -> bool:
        home = self.home
        if home is None or not home.enabled or self._speed != (0.0, 0.0, 0.0):
            return False
        return now - max(self._since, self._home_since) >= (home.reset_time_s or 0)

    def _home_aim(self) -> Aim:
        number = self.home.preset if self.home is not None else None
        return self.presets[number][1] if number in self.presets else self._aim
