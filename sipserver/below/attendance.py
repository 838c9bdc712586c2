"""Who is there, joined to the directory: changes of presence are stored and told, and what follows is started."""

from __future__ import annotations

from collections.abc import Callable

from registry.device import Device, Presence
from registry.directory import Directory
from registry.presence import Change, PresenceBook, PresenceStatistics, Reason, Rhythm
from sipserver.below.settings import BelowSettings


class Attendance:
    """The presence book with its consequences.

    `came(code)` is called for a neighbour that should be asked who it is and what it has; `went(code, reason)` for
    one that is offline now, whose calls and questions are void. `clock` only grows, `wall_clock` is UNIX time.
    """

    def __init__(
        self,
        directory: Directory,
        settings: BelowSettings,
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        came: Callable[[str], None],
        went: Callable[[str, str], None],
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._clock = clock
        self._wall_clock = wall_clock
        self._came = came
        self._went = went
        self._usual_rhythm = Rhythm(settings.keepalive_interval_s, settings.keepalive_count, settings.keepalive_grace_s)
        self._book = PresenceBook(now=clock(), stall_s=settings.stall_s, restart_grace_s=settings.restart_grace_s)

    def __repr__(self) -> str:
        return repr(self._book)

    def statistics(self) -> PresenceStatistics:
        return self._book.statistics()

    def presence(self, code: str) -> Presence:
        return self._book.presence(code)

    def is_within_reach(self, code: str) -> bool:
        """Whether it is worth sending to: there, or believed to be since before our restart."""
        return self._book.presence(code) in (Presence.ONLINE, Presence.UNCONFIRMED)

    def is_expired(self, code: str) -> bool:
        return self._book.is_expired(code, self._clock())

    def extend(self, code: str, seconds: float) -> None:
        """Its registration holds for so long from now on, at least."""
        self._book.extend(code, self._clock() + seconds)

    def recall(self, device: Device, expires_at: float) -> None:
        """A device from before our restart; `expires_at` is UNIX time."""
        now = self._clock()
        was_there = device.presence in (Presence.ONLINE, Presence.UNCONFIRMED)
        expires_in = expires_at - self._wall_clock()
        rhythm = self._rhythm_of(device)
        self._note(self._book.recall(device.code, rhythm, now, expires_at=now + expires_in, was_there=was_there))

    def registered(self, device: Device, expires_s: float) -> None:
        """It proved who it is, for so many seconds."""
        now = self._clock()
        self._note(self._book.registered(device.code, self._rhythm_of(device), now, expires_at=now + expires_s))

    def heard(self, code: str) -> None:
        """A sign of life, from where it is bound."""
        change = self._book.heard(code, self._clock())
        if change is not None:
            self._note(change)

    def gone(self, code: str, reason: Reason) -> None:
        """It left, and we know why."""
        self._note(self._book.gone(code, reason, self._clock()))

    def changed(self, device: Device) -> None:
        """Somebody edited it: its rhythm may be another."""
        self._book.change_rhythm(device.code, self._rhythm_of(device))

    def forget(self, code: str) -> None:
        self._book.forget(code)

    def look(self) -> None:
        """Who has been silent for too long? Call about once a second."""
        for change in self._book.due(self._clock()):
            self._note(change)

    def write_heard(self) -> None:
        """Hand the last signs of life to the directory, in one batch."""
        heard = self._book.take_heard()
        if heard:
            offset = self._wall_clock() - self._clock()
            self._directory.note_heard_many({code: when + offset for code, when in heard.items()})

    def _note(self, change: Change | None) -> None:
        if change is None:
            return
        code = change.code
        device = self._directory.device(code)
        if device is not None:
            first = change.presence is Presence.ONLINE and is_first(change, device)
            self._directory.note_presence(code, change.presence, change.reason.value, self._wall_clock(), first=first)
            if first:
                self._came(code)
        if change.presence is Presence.OFFLINE:
            self._went(code, change.reason.value)

    def _rhythm_of(self, device: Device) -> Rhythm:
        if not device.keepalive_interval_s and not device.keepalive_count:
            return self._usual_rhythm
        return Rhythm(
            device.keepalive_interval_s or self._settings.keepalive_interval_s,
            device.keepalive_count or self._settings.keepalive_count,
            self._settings.keepalive_grace_s,
        )


def is_first(change: Change, device: Device) -> bool:
    """Whether a neighbour that came online should be asked what it has: we hold no whole catalog, or it had been gone.

    One that merely registers anew after our own restart has not changed for that.
    """
    if device.catalog_at is None or not device.catalog_complete:
        return True
    return change.reason is Reason.REGISTERED and change.before is not Presence.UNCONFIRMED
