"""A subscription of ours at a neighbour below, as a table: asked for, granted, refreshed, lost, asked for anew.

Pure: facts and `now` come in, what is to be done goes out (GB/T 28181-2022 9.11, RFC 6665 4.1).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from gb28181.code import Kind, kind_of
from registry.device import Device, DeviceKind
from registry.follow_choice import read_choices


class Subject(StrEnum):
    """What may be followed."""

    CATALOG = "catalog"
    ALARM = "alarm"
    POSITION = "position"
    PTZ = "ptz"
    """Only by neighbours of the 2022 edition."""


class Whom(StrEnum):
    """Of whom a subject is followed without being told so for each."""

    NOBODY = "nobody"
    PLATFORMS = "platforms"
    ALL = "all"


class Standing(StrEnum):
    AWAY = "away"
    """The neighbour is offline."""
    ASKING = "asking"
    ACTIVE = "active"
    REFRESHING = "refreshing"
    WAITING = "waiting"
    """It refused for now; asked again later."""
    POLLING = "polling"
    """It knows no such subscription; its catalog is asked for now and then, other subjects come unasked or not."""


class Fact(StrEnum):
    CAME = "came"
    LEFT = "left"
    GRANTED = "granted"
    GONE = "gone"
    """It does not know the subscription any more, or did not answer a refresh."""
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    ENDED = "ended"
    """It ended the subscription by a NOTIFY, or its connection is lost."""
    DUE = "due"


class Deed(StrEnum):
    NOTHING = "nothing"
    SUBSCRIBE = "subscribe"
    """In a new dialog; the old one is forgotten."""
    REFRESH = "refresh"
    POLL = "poll"
    FORGET = "forget"


_TABLE: dict[Standing, dict[Fact, tuple[Standing, Deed]]] = {
    Standing.AWAY: {Fact.CAME: (Standing.ASKING, Deed.SUBSCRIBE)},
    Standing.ASKING: {
        Fact.GRANTED: (Standing.ACTIVE, Deed.NOTHING),
        Fact.UNSUPPORTED: (Standing.POLLING, Deed.FORGET),
        Fact.FAILED: (Standing.WAITING, Deed.FORGET),
        Fact.GONE: (Standing.WAITING, Deed.FORGET),
        Fact.ENDED: (Standing.WAITING, Deed.FORGET),
        Fact.DUE: (Standing.ASKING, Deed.SUBSCRIBE),
        Fact.LEFT: (Standing.AWAY, Deed.FORGET),
    },
    Standing.ACTIVE: {
        Fact.DUE: (Standing.REFRESHING, Deed.REFRESH),
        Fact.ENDED: (Standing.WAITING, Deed.FORGET),
        # It registered anew and may have forgotten us: a subscription it still holds is replaced (signalling 6.2).
        Fact.CAME: (Standing.ASKING, Deed.SUBSCRIBE),
        Fact.LEFT: (Standing.AWAY, Deed.FORGET),
    },
    Standing.REFRESHING: {
        Fact.GRANTED: (Standing.ACTIVE, Deed.NOTHING),
        Fact.GONE: (Standing.ASKING, Deed.SUBSCRIBE),
        Fact.FAILED: (Standing.ASKING, Deed.SUBSCRIBE),
        Fact.DUE: (Standing.ASKING, Deed.SUBSCRIBE),
        Fact.UNSUPPORTED: (Standing.POLLING, Deed.FORGET),
        Fact.ENDED: (Standing.WAITING, Deed.FORGET),
        Fact.CAME: (Standing.ASKING, Deed.SUBSCRIBE),
        Fact.LEFT: (Standing.AWAY, Deed.FORGET),
    },
    Standing.WAITING: {
        Fact.DUE: (Standing.ASKING, Deed.SUBSCRIBE),
        Fact.CAME: (Standing.ASKING, Deed.SUBSCRIBE),
        Fact.LEFT: (Standing.AWAY, Deed.NOTHING),
    },
    Standing.POLLING: {
        Fact.DUE: (Standing.POLLING, Deed.POLL),
        Fact.CAME: (Standing.ASKING, Deed.SUBSCRIBE),
        Fact.LEFT: (Standing.AWAY, Deed.NOTHING),
    },
}
"""What stands in no cell is ignored, on purpose: an answer may come after the neighbour left."""

FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
TRIES_UNHEARD = 4
"""Questions in a row without any answer after which a neighbour counts as knowing no such subscription."""
SHORTEST_REFRESH_S = 5.0
REFRESH = 0.8
MARGIN_S = 15.0
"""Before the end of a subscription there is so much time left for a refresh that is lost at first."""
LOST_AFTER_S = 180.0
"""An answer that is longer in coming will never come, nor its absence be noticed: begin again."""


@dataclass(frozen=True, slots=True)
class Followed:
    """How a subscription stands, for eyes. Times are on the clock of whoever asked; None when there is none.

    `target` is the code it is about; `reason` why it stands so, in words; `notices` how many were heard.
    """

    subject: Subject
    target: str
    standing: Standing
    reason: str
    expires_at: float | None
    heard_at: float | None
    notices: int
    grants: int


class Following:
    """One subscription. `poll_s` is the pause between two questions where it is not supported, 0 for none; `refresh`
    the share of the granted time after which it is refreshed."""

    __slots__ = (
        "due_at",
        "expires_at",
        "grants",
        "heard_at",
        "notices",
        "poll_s",
        "reason",
        "refresh",
        "silent",
        "standing",
        "subject",
        "target",
        "tries",
    )

    def __init__(self, subject: Subject, target: str, *, poll_s: float = 0.0, refresh: float = REFRESH) -> None:
        self.subject = subject
        self.target = target
        self.poll_s = poll_s
        self.refresh = refresh
        self.standing = Standing.AWAY
        self.reason = ""
        self.due_at: float | None = None
        self.expires_at: float | None = None
        self.heard_at: float | None = None
        self.notices = self.grants = self.tries = self.silent = 0

    def __repr__(self) -> str:
        return f"<Following {self.subject} of {self.target}, {self.standing} {self.reason}>"

    def view(self) -> Followed:
        return Followed(
            self.subject,
            self.target,
            self.standing,
            self.reason,
            self.expires_at,
            self.heard_at,
            self.notices,
            self.grants,
        )

    def heard(self, now: float) -> None:
        """A NOTIFY came for it."""
        self.notices += 1
        self.heard_at = now
        self.silent = 0

    def tell(self, fact: Fact, now: float, *, granted_s: float = 0.0, reason: str = "", unheard: bool = False) -> Deed:
        """What a fact asks of us. `unheard` marks a failure in which the neighbour said nothing at all."""
        if fact is Fact.FAILED and self.standing is Standing.ASKING and unheard:
            self.silent += 1
            if self.silent >= TRIES_UNHEARD:
                fact, reason = Fact.UNSUPPORTED, f"no answer to {self.silent} subscriptions in a row"
        cell = _TABLE[self.standing].get(fact)
        if cell is None:
            return Deed.NOTHING
        before, (self.standing, deed) = self.standing, cell
        if reason or self.standing is not before:
            self.reason = reason
        self.due_at = self._next_look(now, granted_s)
        if fact is Fact.GRANTED:
            self.grants += 1
            self.tries = self.silent = 0
            self.expires_at = now + granted_s
        elif self.standing is not Standing.REFRESHING:
            self.expires_at = None
        if fact is Fact.CAME:
            self.tries = self.silent = 0
        return deed

    def _next_look(self, now: float, granted_s: float) -> float | None:
        match self.standing:
            case Standing.ACTIVE:
                # At the share wished for, or earlier, where that leaves no time to try again; never before half of
                # the time granted (SUB-06).
                wait_s = min(self.refresh * granted_s, granted_s - MARGIN_S)
                return now + max(wait_s, granted_s / 2, min(SHORTEST_REFRESH_S, granted_s))
            case Standing.WAITING:
                self.tries += 1
                return now + min(FIRST_PAUSE_S * (1 << min(self.tries - 1, 16)), LONGEST_PAUSE_S)
            case Standing.POLLING:
                return now + self.poll_s if self.poll_s > 0 else None
            case Standing.ASKING | Standing.REFRESHING:
                return now + LOST_AFTER_S
            case _:
                return None


def fact_of(status: int) -> Fact:
    """What the answer to a SUBSCRIBE means (signalling reference 6.2)."""
    if status < 300:
        return Fact.GRANTED
    if status in _UNSUPPORTED:
        return Fact.UNSUPPORTED
    return Fact.GONE if status in (408, 481) else Fact.FAILED


_UNSUPPORTED = frozenset((400, 403, 405, 406, 415, 488, 489, 501))
"""489 and 501 by the book; the others are what devices that know no subscription answer."""


def is_platform(device: Device) -> bool:
    """Whether a neighbour is a platform, by what was set or, when nothing was, by its code (2022 annex E)."""
    if device.kind is DeviceKind.OTHER:
        return kind_of(device.code) is Kind.SERVER
    return device.kind is DeviceKind.PLATFORM


def wanted(device: Device, whom: dict[Subject, Whom], *, is_2022: bool, guards: bool) -> Collection[Subject]:
    """What is followed of a neighbour: what was chosen for it, else what the settings say of its kind.

    `guards`: it sends alarms to who subscribed to them only.
    """
    found = [
        subject
        for subject, those in whom.items()
        if those is Whom.ALL or (those is Whom.PLATFORMS and is_platform(device))
    ]
    if guards and Subject.ALARM not in found and whom.get(Subject.ALARM) is not Whom.NOBODY:
        found.append(Subject.ALARM)
    chosen = read_choices(device.follows)
    return [
        subject
        for subject in Subject
        if chosen.get(subject, subject in found) and (subject is not Subject.PTZ or is_2022)
    ]
