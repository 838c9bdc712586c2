"""Who may steer a camera now: one hand at a time, the higher rank first (signalling 9.7).

Whoever steers holds the camera for some seconds beyond the last command; an operator may hold it longer on purpose.
A higher rank takes it over, an equal or lower one waits, and is told who holds it and until when.

The order, highest first, unless the settings say otherwise: administrators here, operators here, platforms above.
Between two platforms of one rank the larger ControlPriority of their messages (2016 sample) decides.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum

from gb28181 import ptz
from gb28181.manscdp.control import DeviceControl
from registry.events import SteeringChanged

MOST_HOLDS = 10_000
"""Cameras held at a time; beyond that those whose time is over are forgotten first."""
WORTH_TELLING_S = 1.0
"""A hold that grew by less is no news."""


@dataclass(frozen=True, slots=True)
class SteeringSettings:
    """Who may take a camera from whom, and for how long it is held. Larger ranks win; times are seconds."""

    hold_s: float = 15.0
    """Whoever steers keeps the camera for so long after the last command."""
    longest_hold_s: float = 3600.0
    """An operator may hold a camera on purpose for at most this long."""
    administrators: int = 300
    """The rank of administrators here."""
    operators: int = 200
    """The rank of operators here, and of programs with an operator's key."""
    uppers: int = 100
    """The rank of platforms above."""
    uppers_by_code: tuple[tuple[str, int], ...] = ()
    """(prefix of a code, rank) for platforms above with a rank of their own; the longest prefix wins."""

    def __post_init__(self) -> None:
        if not 1.0 <= self.hold_s <= 300.0:
            raise ValueError(f"hold_s is 1 to 300 seconds, not {self.hold_s:g}")
        if not self.hold_s <= self.longest_hold_s <= 86_400:
            raise ValueError(f"longest_hold_s is hold_s to 86400 seconds, not {self.longest_hold_s:g}")

    def rank_of_upper(self, code: str) -> int:
        """
        >>> SteeringSettings(uppers_by_code=(("4400", 250),)).rank_of_upper("44000000002000000001")
        250
        """
        fitting = [(len(prefix), rank) for prefix, rank in self.uppers_by_code if code.startswith(prefix)]
        return max(fitting)[1] if fitting else self.uppers


@dataclass(frozen=True, slots=True)
class Steerer:
    """Who wants to steer: `key` says who it is, `name` what others are shown. `priority` decides within a rank."""

    key: str
    name: str
    rank: int
    priority: int = 0

    def outranks(self, other: Steerer) -> bool:
        return (self.rank, self.priority) > (other.rank, other.priority)


@dataclass(frozen=True, slots=True)
class Hold:
    """A camera in somebody's hand until `until` (UNIX seconds); `on_purpose` when it was asked for by itself."""

    owner: str
    code: str
    steerer: Steerer
    until: float
    on_purpose: bool = False


class SteeringHeld(Exception):
    """Another steers this camera; `hold` says who, and until when."""

    def __init__(self, hold: Hold) -> None:
        at = time.strftime("%H:%M:%S", time.localtime(hold.until))
        super().__init__(f"{hold.code} is steered by {hold.steerer.name} until {at}")
        self.hold = hold


class Grip(Enum):
    """What a control is to the hand on a camera."""

    NONE = "none"
    """It steers nothing."""
    TAKES = "takes"
    ENDS = "ends"
    """It ends a motion: only whoever holds the camera, or anybody when none does, may."""


def grip_of(control: DeviceControl) -> Grip:
    """Of digits that we cannot read we assume that they move something."""
    if control.ptz is not None:
        try:
            command = ptz.decode(control.ptz)
        except ValueError:
            return Grip.TAKES
        return Grip.ENDS if command in (ptz.Stop(), ptz.FocusIris()) else Grip.TAKES
    steering = (control.zoom_in, control.zoom_out, control.home_position, control.precise, control.track)
    return Grip.TAKES if any(part is not None for part in steering) else Grip.NONE


class Arbitration:
    """The holds of all cameras. No timers: a hold is over when its time is. `tell` hears whenever one changes hands,
    grows or is given back."""

    def __init__(
        self,
        settings: SteeringSettings = SteeringSettings(),
        tell: Callable[[SteeringChanged], None] = lambda event: None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._tell = tell
        self._clock = clock
        self._holds: dict[tuple[str, str], Hold] = {}
        self._told: dict[tuple[str, str], float] = {}

    def __repr__(self) -> str:
        return f"<Arbitration of {len(self.holds())} cameras in hand>"

    def holds(self) -> tuple[Hold, ...]:
        """Every hold whose time is not over."""
        now = self._clock()
        return tuple(hold for hold in self._holds.values() if hold.until > now)

    def of(self, owner: str, code: str) -> Hold | None:
        """Who holds a camera now."""
        hold = self._holds.get((owner, code))
        return hold if hold is not None and hold.until > self._clock() else None

    def check(self, owner: str, code: str, steerer: Steerer, grip: Grip = Grip.TAKES) -> None:
        """Raises SteeringHeld when another holds the camera who does not yield to this one. To an end of motion nobody
        yields: it is no reason to take a camera over."""
        hold = self.of(owner, code)
        if grip is Grip.NONE or hold is None or hold.steerer.key == steerer.key:
            return
        if grip is Grip.ENDS or not steerer.outranks(hold.steerer):
            raise SteeringHeld(hold)

    @contextmanager
    def turn(self, owner: str, code: str, steerer: Steerer, grip: Grip = Grip.TAKES) -> Iterator[None]:
        """One command: the hand is on the camera before it is sent, and off again when it could not be sent and held
        nothing before. Raises SteeringHeld."""
        self.check(owner, code, steerer, grip)
        if grip is not Grip.TAKES:
            yield
            return
        before = self.of(owner, code)
        mine = before if before is not None and before.steerer.key == steerer.key else None
        until = self._clock() + self.settings.hold_s
        if mine is not None:
            self._put(replace(mine, steerer=steerer, until=max(mine.until, until)), before)
        else:
            self._put(Hold(owner, code, steerer, until), before)
        taken = self._holds[owner, code]
        try:
            yield
        except BaseException:
            if mine is None and self._holds.get((owner, code)) is taken:
                self.give_back(owner, code, steerer)
            raise

    def hold(self, owner: str, code: str, steerer: Steerer, seconds: float) -> Hold:
        """Keep a camera on purpose, at most `longest_hold_s`. Raises SteeringHeld."""
        self.check(owner, code, steerer)
        until = self._clock() + min(max(seconds, self.settings.hold_s), self.settings.longest_hold_s)
        hold = Hold(owner, code, steerer, until, on_purpose=True)
        self._put(hold, self.of(owner, code))
        return hold

    def give_back(self, owner: str, code: str, steerer: Steerer) -> None:
        """Let go before the time is over; a higher rank may let go for another. Raises SteeringHeld."""
        self.check(owner, code, steerer)
        hold = self.of(owner, code)
        if hold is None:
            return
        del self._holds[owner, code]
        self._told.pop((owner, code), None)
        lost_by = hold.steerer.key if hold.steerer.key != steerer.key else ""
        self._tell(SteeringChanged(owner, code, lost_by=lost_by, taken_by=steerer.name if lost_by else ""))

    def _put(self, hold: Hold, before: Hold | None) -> None:
        place = hold.owner, hold.code
        if len(self._holds) >= MOST_HOLDS and place not in self._holds:
            self._sweep()
        self._holds[place] = hold
        same = before is not None and before.steerer.key == hold.steerer.key and before.on_purpose is hold.on_purpose
        if same and abs(hold.until - self._told.get(place, 0.0)) < WORTH_TELLING_S:
            return
        self._told[place] = hold.until
        lost_by = before.steerer.key if before is not None and before.steerer.key != hold.steerer.key else ""
        self._tell(
            SteeringChanged(
                hold.owner,
                hold.code,
                holder=hold.steerer.key,
                name=hold.steerer.name,
                until=hold.until,
                on_purpose=hold.on_purpose,
                lost_by=lost_by,
                taken_by=hold.steerer.name if lost_by else "",
            )
        )

    def _sweep(self) -> None:
        now = self._clock()
        over = [place for place, hold in self._holds.items() if hold.until <= now]
        for place in over or sorted(self._holds, key=lambda each: self._holds[each].until)[:1]:
            del self._holds[place]
            self._told.pop(place, None)
