"""A lower platform's life with its upper as a table: register, refresh, follow a redirection, be lost, come back.

Pure: what was heard and `now` come in, orders and effects go out; `agent` carries them out. Times are seconds of one
clock (GB/T 28181-2022 9.1, 9.6, annex on redirection; signalling reference 3.6.5, 3.6.6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Standing(StrEnum):
    OFF = "off"
    TRYING = "trying"  # REGISTER is out, without credentials
    PROVING = "proving"  # REGISTER is out, with credentials
    WAITING = "waiting"  # a try failed or the upper is lost
    UP = "up"
    REFRESHING = "refreshing"
    REPROVING = "reproving"
    LEAVING = "leaving"
    LEAVING_PROVEN = "leaving-proven"


class Heard(StrEnum):
    START = "start"
    TIME = "time"
    STOP = "stop"
    GRANTED = "granted"
    CHALLENGED = "challenged"
    STALE = "stale"
    MOVED = "moved"  # 302
    TOO_BRIEF = "too-brief"  # 423
    REFUSED = "refused"
    SILENT = "silent"
    KEPT = "kept"  # a keepalive was answered
    UNHEARD = "unheard"  # a keepalive was not
    TURNED_AWAY = "turned-away"  # a keepalive was answered 401, 403 or 404
    GONE = "gone"  # too many keepalives unanswered, a page or a notice never taken, the registration ran out
    CUT = "cut"  # the connection broke


class Order(StrEnum):
    """What is to be sent now."""

    REGISTER = "register"
    PROVE = "prove"
    KEEP_ALIVE = "keep-alive"
    LEAVE = "leave"
    LEAVE_PROVEN = "leave-proven"


class Effect(StrEnum):
    """What the rest of the room must know."""

    CAME = "came"
    RENEWED = "renewed"
    WENT = "went"


class Deed(StrEnum):
    NOTHING = "nothing"
    BEGIN = "begin"
    COME = "come"
    RENEW = "renew"
    PROVE = "prove"
    FOLLOW = "follow"
    LENGTHEN = "lengthen"
    BACK_OFF = "back-off"
    DISTRUST = "distrust"
    POSTPONE = "postpone"
    CALM = "calm"
    COUNT = "count"
    LOSE = "lose"
    LOSE_REFUSED = "lose-refused"
    RETURN = "return"
    TURN_OFF = "turn-off"


S, H, D = Standing, Heard, Deed

# What stands in no cell is ignored, on purpose.
TABLE: Final[dict[Standing, dict[Heard, tuple[Standing, Deed]]]] = {
    S.OFF: {
        H.START: (S.TRYING, D.BEGIN),
    },
    S.TRYING: {
        H.GRANTED: (S.UP, D.COME),
        H.CHALLENGED: (S.PROVING, D.PROVE),
        H.STALE: (S.PROVING, D.PROVE),
        H.MOVED: (S.TRYING, D.FOLLOW),
        H.TOO_BRIEF: (S.TRYING, D.LENGTHEN),
        H.REFUSED: (S.WAITING, D.BACK_OFF),
        H.SILENT: (S.WAITING, D.BACK_OFF),
        H.STOP: (S.OFF, D.NOTHING),
    },
    S.PROVING: {
        H.GRANTED: (S.UP, D.COME),
        H.CHALLENGED: (S.WAITING, D.DISTRUST),
        H.STALE: (S.PROVING, D.PROVE),
        H.MOVED: (S.TRYING, D.FOLLOW),
        H.TOO_BRIEF: (S.TRYING, D.LENGTHEN),
        H.REFUSED: (S.WAITING, D.BACK_OFF),
        H.SILENT: (S.WAITING, D.BACK_OFF),
        H.STOP: (S.OFF, D.NOTHING),
    },
    S.WAITING: {
        H.TIME: (S.TRYING, D.NOTHING),
        H.START: (S.TRYING, D.NOTHING),
        H.STOP: (S.OFF, D.NOTHING),
    },
    S.UP: {
        H.TIME: (S.REFRESHING, D.NOTHING),
        H.START: (S.REFRESHING, D.NOTHING),
        H.KEPT: (S.UP, D.CALM),
        H.UNHEARD: (S.UP, D.COUNT),
        H.TURNED_AWAY: (S.TRYING, D.RETURN),
        H.GONE: (S.WAITING, D.LOSE),
        H.CUT: (S.WAITING, D.LOSE),
        H.STOP: (S.LEAVING, D.TURN_OFF),
    },
    S.REFRESHING: {
        H.GRANTED: (S.UP, D.RENEW),
        H.CHALLENGED: (S.REPROVING, D.PROVE),
        H.STALE: (S.REPROVING, D.PROVE),
        H.MOVED: (S.TRYING, D.FOLLOW),
        H.TOO_BRIEF: (S.REFRESHING, D.LENGTHEN),
        H.REFUSED: (S.WAITING, D.LOSE_REFUSED),
        H.SILENT: (S.UP, D.POSTPONE),
        H.GONE: (S.WAITING, D.LOSE),
        H.CUT: (S.WAITING, D.LOSE),
        H.STOP: (S.LEAVING, D.TURN_OFF),
    },
    S.REPROVING: {
        H.GRANTED: (S.UP, D.RENEW),
        H.CHALLENGED: (S.WAITING, D.LOSE_REFUSED),
        H.STALE: (S.REPROVING, D.PROVE),
        H.MOVED: (S.TRYING, D.FOLLOW),
        H.TOO_BRIEF: (S.REFRESHING, D.LENGTHEN),
        H.REFUSED: (S.WAITING, D.LOSE_REFUSED),
        H.SILENT: (S.UP, D.POSTPONE),
        H.GONE: (S.WAITING, D.LOSE),
        H.CUT: (S.WAITING, D.LOSE),
        H.STOP: (S.LEAVING, D.TURN_OFF),
    },
    S.LEAVING: {
        H.CHALLENGED: (S.LEAVING_PROVEN, D.PROVE),
        H.STALE: (S.LEAVING_PROVEN, D.PROVE),
        H.GRANTED: (S.OFF, D.NOTHING),
        H.REFUSED: (S.OFF, D.NOTHING),
        H.MOVED: (S.OFF, D.NOTHING),
        H.TOO_BRIEF: (S.OFF, D.NOTHING),
        H.SILENT: (S.OFF, D.NOTHING),
        H.CUT: (S.OFF, D.NOTHING),
    },
    S.LEAVING_PROVEN: {
        H.GRANTED: (S.OFF, D.NOTHING),
        H.CHALLENGED: (S.OFF, D.NOTHING),
        H.STALE: (S.OFF, D.NOTHING),
        H.REFUSED: (S.OFF, D.NOTHING),
        H.MOVED: (S.OFF, D.NOTHING),
        H.TOO_BRIEF: (S.OFF, D.NOTHING),
        H.SILENT: (S.OFF, D.NOTHING),
        H.CUT: (S.OFF, D.NOTHING),
    },
}

ORDERS: Final[dict[Standing, Order]] = {
    S.TRYING: Order.REGISTER,
    S.PROVING: Order.PROVE,
    S.REFRESHING: Order.REGISTER,
    S.REPROVING: Order.PROVE,
    S.LEAVING: Order.LEAVE,
    S.LEAVING_PROVEN: Order.LEAVE_PROVEN,
}

_JUDGEMENTS: Final = (Heard.REFUSED, Heard.SILENT, Heard.GONE, Heard.CUT)

MOST_MOVES = 5
"""Redirections in a row before we call it a circle."""
MOST_PROOFS = 3
"""Stale nonces in a row before we call it a refusal."""
LONGEST_EXPIRY_S = 7 * 86400
SHORTEST_GRANT_S = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a registrar is: its code, and host (name or address) and port."""

    code: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Pace:
    """How patiently we register. ValueError for what the standard forbids."""

    expires_s: int = 86400
    keepalive_interval_s: float = 60.0
    keepalive_count: int = 3
    retry_s: float = 60.0
    retry_longest_s: float = 600.0
    jitter: float = 0.2
    reconnect_s: float = 3.0
    refresh_at: float = 0.7

    def __post_init__(self) -> None:
        if self.expires_s < 3600:
            raise ValueError(f"a registration lasts at least 3600 s (GB/T 28181-2022 9.1.1), not {self.expires_s}")
        if self.keepalive_interval_s <= 0 or self.keepalive_count < 1:
            raise ValueError("the keepalive interval must be above 0 s and its count at least 1")


class Registration:
    """One upper. `noise()` gives numbers from 0 to 1. `heard` moves it on, `order` says what is to be sent now.

    `due_at` is when `order` should be asked again, None while an answer is awaited or nothing is to be done.
    """

    def __init__(self, home: Place, pace: Pace, noise: Callable[[], float]) -> None:
        self.home = home
        self.place = home
        self.pace = pace
        self.expires_s = pace.expires_s
        self.standing = Standing.OFF
        self.reason = ""
        self.was_refused = False
        """Whether the last failure was a word of the upper's rather than silence."""
        self.missed = 0
        self.failures = 0
        self.expires_at = 0.0
        self.due_at: float | None = None
        self._noise = noise
        self._refresh_at = 0.0
        self._keepalive_at = 0.0
        self._moves = 0
        self._proofs = 0

    def __repr__(self) -> str:
        return f"<Registration with {self.home.code} at {self.place}, {self.standing}>"

    @property
    def is_up(self) -> bool:
        """Whether the upper holds us registered as far as we know."""
        return self.standing in (Standing.UP, Standing.REFRESHING, Standing.REPROVING)

    @property
    def is_redirected(self) -> bool:
        return self.place != self.home

    def order(self, now: float) -> Order | None:
        """What is to be sent now; None when nothing is before `due_at`."""
        is_up = self.standing is Standing.UP
        pause_is_over = self.standing is Standing.WAITING and self.due_at is not None and now >= self.due_at
        if pause_is_over or (is_up and now >= self._refresh_at):
            self.heard(Heard.TIME, now)
        elif is_up and now >= self._keepalive_at:
            self.due_at = None
            return Order.KEEP_ALIVE
        return ORDERS.get(self.standing)

    def heard(
        self, what: Heard, now: float, *, reason: str = "", expires_s: float | None = None, place: Place | None = None
    ) -> tuple[Effect, ...]:
        """Something happened. `expires_s` comes with GRANTED and TOO_BRIEF, `place` with MOVED."""
        event = self._as_counted(what, now, expires_s, place)
        cell = TABLE[self.standing].get(event)
        if cell is None:
            return ()
        was_up = self.is_up
        self.standing, deed = cell
        if reason:
            self.reason = reason
        if event in _JUDGEMENTS:
            self.was_refused = event is Heard.REFUSED
        DEEDS[deed](self, now, expires_s, place)
        if self.standing is Standing.UP:
            self.due_at = min(self._refresh_at, self._keepalive_at)
        elif self.standing is not Standing.WAITING:
            self.due_at = None
        if was_up and not self.is_up:
            return (Effect.WENT,)
        if self.is_up and not was_up:
            return (Effect.CAME,)
        return (Effect.RENEWED,) if deed is Deed.RENEW else ()

    def _as_counted(self, what: Heard, now: float, expires_s: float | None, place: Place | None) -> Heard:
        """What was heard, seen with what went before: the third silence is more than a silence."""
        if what is Heard.UNHEARD and self.missed + 1 >= self.pace.keepalive_count:
            return Heard.GONE
        if what is Heard.SILENT and self.is_up and now >= self.expires_at:
            return Heard.GONE
        if what is Heard.STALE and self._proofs >= MOST_PROOFS:
            return Heard.CHALLENGED
        if what is Heard.TOO_BRIEF and not self.expires_s < (expires_s or 0) <= LONGEST_EXPIRY_S:
            return Heard.REFUSED
        if what is Heard.MOVED and (place is None or self._moves >= MOST_MOVES):
            return Heard.REFUSED
        return what

    # One method per deed.

    def _nothing(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self._proofs = 0

    def _begin(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self.place, self.failures, self._moves, self._proofs = self.home, 0, 0, 0
        self.reason = ""

    def _come(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self.failures = self._moves = 0
        self._keepalive_at = now + self.pace.keepalive_interval_s
        self._renew(now, expires_s, place)

    def _renew(self, now: float, expires_s: float | None, place: Place | None) -> None:
        granted = self.expires_s if expires_s is None or expires_s <= 0 else expires_s
        granted = max(SHORTEST_GRANT_S, min(granted, float(self.expires_s)))
        self.expires_at = now + granted
        self._refresh_at = now + granted * self.pace.refresh_at * (1.0 - 0.1 * self._noise())
        self.missed = self._proofs = 0
        self.reason, self.was_refused = "", False

    def _prove(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self._proofs += 1

    def _follow(self, now: float, expires_s: float | None, place: Place | None) -> None:
        assert place is not None  # _as_counted saw to it
        self.place = place
        self._moves += 1
        self._proofs = 0

    def _lengthen(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self.expires_s = int(expires_s or self.expires_s)
        self._proofs = 0

    def _back_off(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self.failures += 1
        pause = min(self.pace.retry_s * 2.0 ** min(self.failures - 1, 16), self.pace.retry_longest_s)
        self._wait(now, pause)

    def _distrust(self, now: float, expires_s: float | None, place: Place | None) -> None:
        """A second 401 with a fresh nonce: the password is wrong, and haste would only lock us out."""
        self.reason = self.reason or "the password was refused"
        self.was_refused = True
        self._back_off(now, None, None)

    def _postpone(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self._proofs = 0
        self._refresh_at = min(now + self.pace.retry_s, max(now, self.expires_at))

    def _calm(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self.missed = 0
        self._keepalive_at = now + self.pace.keepalive_interval_s

    def _count(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self.missed += 1
        self._keepalive_at = now + self.pace.keepalive_interval_s

    def _lose(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self.missed = 0
        self._wait(now, self.pace.reconnect_s)

    def _lose_refused(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self.missed = 0
        self.was_refused = True
        self._back_off(now, None, None)

    def _return(self, now: float, expires_s: float | None, place: Place | None) -> None:
        """It does not know us any more (it restarted): register at once (signalling 3.6.5)."""
        self.place, self.missed, self._proofs, self._moves = self.home, 0, 0, 0

    def _turn_off(self, now: float, expires_s: float | None, place: Place | None) -> None:
        self.missed = self._proofs = 0

    def _wait(self, now: float, pause: float) -> None:
        # A redirected registration that fails begins again at the redirect server (signalling 3.6.6).
        self.place, self._moves, self._proofs = self.home, 0, 0
        self.due_at = now + pause * (1.0 + self.pace.jitter * self._noise())


DEEDS: Final[dict[Deed, Callable[[Registration, float, float | None, Place | None], None]]] = {
    D.NOTHING: Registration._nothing,
    D.BEGIN: Registration._begin,
    D.COME: Registration._come,
    D.RENEW: Registration._renew,
    D.PROVE: Registration._prove,
    D.FOLLOW: Registration._follow,
    D.LENGTHEN: Registration._lengthen,
    D.BACK_OFF: Registration._back_off,
    D.DISTRUST: Registration._distrust,
    D.POSTPONE: Registration._postpone,
    D.CALM: Registration._calm,
    D.COUNT: Registration._count,
    D.LOSE: Registration._lose,
    D.LOSE_REFUSED: Registration._lose_refused,
    D.RETURN: Registration._return,
    D.TURN_OFF: Registration._turn_off,
}
