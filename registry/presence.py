"""Who is there: when each neighbour was last heard, and by when it must be heard again.

Pure: `now` is any clock that only grows, in seconds, and is handed in. One heap entry a device, moved lazily: hearing
a device touches two fields and no heap, so that keepalives cost next to nothing (GB/T 28181-2022 9.6, clause J of the
defaults: 60 s, three times).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from enum import StrEnum

from registry.device import Presence


class Reason(StrEnum):
    """Why a presence changed; the key is stored and told, consoles translate it."""

    REGISTERED = "registered"
    KEEPALIVE = "keepalive"  # heard again without registering anew: after our restart, or after a silence
    KEEPALIVE_MISSED = "keepalive-missed"
    REGISTRATION_EXPIRED = "registration-expired"
    DEREGISTERED = "deregistered"
    CONNECTION_LOST = "connection-lost"
    SERVER_RESTARTED = "server-restarted"  # known before our restart, not heard yet
    NOT_HEARD_SINCE_RESTART = "not-heard-since-restart"
    DISABLED = "disabled"
    REMOVED = "removed"
    REDIRECTED = "redirected"  # sent on to another server


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a neighbour promises to be heard, and how many times it may fail to.

    >>> Rhythm(60, 3).patience_s
    190.0
    """

    interval_s: float = 60.0
    count: int = 3
    grace_s: float = 10.0

    @property
    def patience_s(self) -> float:
        """The silence after which the neighbour counts as gone; it follows interval and count (2022 9.6.1)."""
        return self.interval_s * self.count + self.grace_s


@dataclass(frozen=True, slots=True)
class Change:
    """A neighbour's presence became `presence`, for `reason`. `silence_s` is how long nothing had been heard."""

    code: str
    presence: Presence
    reason: Reason
    before: Presence
    silence_s: float = 0.0


@dataclass(frozen=True, slots=True)
class PresenceStatistics:
    online: int
    offline: int
    unconfirmed: int
    heard: int
    """How often anything was heard, since the start."""
    stalls: int
    """How often we ourselves had stood still and gave everybody more time."""


class _Entry:
    __slots__ = ("code", "expires_at", "heard_at", "presence", "queued_for", "rhythm", "unconfirmed_until")

    def __init__(self, code: str, rhythm: Rhythm) -> None:
        self.code = code
        self.rhythm = rhythm
        self.presence = Presence.OFFLINE
        self.heard_at = float("-inf")
        self.expires_at = float("inf")
        self.unconfirmed_until = float("inf")
        self.queued_for: float | None = None


class PresenceBook:
    """The state of every neighbour that we hold a binding for.

    Nothing is ever said twice: a call answers with a `Change` only when the presence really changed. `due` must be
    called about once a second. When it has not been called for `stall_s` seconds, then it was us who stood still: what
    the neighbours sent meanwhile may be lost or still unread, so nobody is called silent for another interval.
    """

    def __init__(self, *, now: float = 0.0, stall_s: float = 5.0, restart_grace_s: float = 30.0) -> None:
        self._entries: dict[str, _Entry] = {}
        self._heap: list[tuple[float, str]] = []
        self._dirty: set[str] = set()
        self._stall_s = stall_s
        self._restart_grace_s = restart_grace_s
        self._looked_at = now
        self._amnesty_until = float("-inf")
        self._counts = {Presence.ONLINE: 0, Presence.OFFLINE: 0, Presence.UNCONFIRMED: 0, Presence.NEVER: 0}
        self._heard = 0
        self._stalls = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        said = ", ".join(f"{count} {presence.value}" for presence, count in self._counts.items() if count)
        return f"<PresenceBook {said or 'empty'}>"

    def presence(self, code: str) -> Presence:
        entry = self._entries.get(code)
        return Presence.NEVER if entry is None else entry.presence

    def silence_s(self, code: str, now: float) -> float | None:
        """Seconds since it was heard, None when it never was."""
        entry = self._entries.get(code)
        return None if entry is None or entry.heard_at == float("-inf") else now - entry.heard_at

    def statistics(self) -> PresenceStatistics:
        counts = self._counts
        return PresenceStatistics(
            counts[Presence.ONLINE],
            counts[Presence.OFFLINE],
            counts[Presence.UNCONFIRMED],
            self._heard,
            self._stalls,
        )

    def recall(self, code: str, rhythm: Rhythm, now: float, *, expires_at: float, was_there: bool) -> Change | None:
        """Take a device over from before our restart.

        One that was there is UNCONFIRMED until it is heard, and gets its whole patience and some more for that, even
        if its registration ran out while we were away; one that was gone stays gone. Neither is told as failed.
        """
        entry = self._entry(code, rhythm)
        entry.expires_at = expires_at
        if not was_there:
            return self._become(entry, Presence.OFFLINE, Reason.NOT_HEARD_SINCE_RESTART, now)
        entry.unconfirmed_until = now + rhythm.patience_s + self._restart_grace_s
        entry.expires_at = max(expires_at, entry.unconfirmed_until)
        change = self._become(entry, Presence.UNCONFIRMED, Reason.SERVER_RESTARTED, now)
        self._queue(entry)
        return change

    def registered(self, code: str, rhythm: Rhythm, now: float, *, expires_at: float) -> Change | None:
        """It proved who it is. `expires_at` is in the scale of `now`."""
        entry = self._entry(code, rhythm)
        entry.expires_at = expires_at
        entry.heard_at = now
        self._heard += 1
        self._dirty.add(code)
        change = self._become(entry, Presence.ONLINE, Reason.REGISTERED, now)
        self._queue(entry)
        return change

    def heard(self, code: str, now: float) -> Change | None:
        """Any valid message from where it is bound is a sign of life. An unknown code changes nothing.

        Raises nothing; an expired registration is not revived by it (GB/T 28181-2022 9.1.1: only REGISTER does that).
        """
        entry = self._entries.get(code)
        if entry is None or entry.expires_at <= now:
            return None
        entry.heard_at = now
        self._heard += 1
        self._dirty.add(code)
        if entry.presence is Presence.ONLINE:
            return None
        change = self._become(entry, Presence.ONLINE, Reason.KEEPALIVE, now)
        self._queue(entry)
        return change

    def extend(self, code: str, expires_at: float) -> None:
        """Keep a registration alive without REGISTER, where the settings allow a keepalive to do that."""
        entry = self._entries.get(code)
        if entry is not None:
            entry.expires_at = max(entry.expires_at, expires_at)

    def is_expired(self, code: str, now: float) -> bool:
        entry = self._entries.get(code)
        return entry is None or entry.expires_at <= now

    def change_rhythm(self, code: str, rhythm: Rhythm) -> None:
        """A new interval or count holds from the last sign of life on."""
        entry = self._entries.get(code)
        if entry is not None and entry.rhythm != rhythm:
            entry.rhythm = rhythm
            if entry.presence is Presence.ONLINE:
                self._queue(entry)

    def gone(self, code: str, reason: Reason, now: float) -> Change | None:
        """It said goodbye, or its connection broke. A goodbye also ends the registration."""
        entry = self._entries.get(code)
        if entry is None:
            return None
        if reason is not Reason.KEEPALIVE_MISSED:
            entry.expires_at = min(entry.expires_at, now)
        return self._become(entry, Presence.OFFLINE, reason, now)

    def forget(self, code: str) -> None:
        """Hold nothing about it any more."""
        entry = self._entries.pop(code, None)
        if entry is not None:
            self._counts[entry.presence] -= 1
            self._dirty.discard(code)

    def due(self, now: float, *, limit: int = 5000) -> list[Change]:
        """Who is gone by now, at most `limit` at a time; the rest is told at the next call."""
        self._notice_stall(now)
        changes: list[Change] = []
        heap = self._heap
        while heap and heap[0][0] <= now and len(changes) < limit:
            queued_for, code = heapq.heappop(heap)
            entry = self._entries.get(code)
            if entry is None or entry.queued_for != queued_for:
                continue
            entry.queued_for = None
            change = self._judge(entry, now)
            if change is not None:
                changes.append(change)
        return changes

    def next_due(self) -> float | None:
        """No `due` before this time has anything to say."""
        return self._heap[0][0] if self._heap else None

    def take_heard(self) -> dict[str, float]:
        """Who was heard since the last call, and when: what is worth writing down, in one batch."""
        dirty, self._dirty = self._dirty, set()
        return {code: self._entries[code].heard_at for code in dirty}

    def _notice_stall(self, now: float) -> None:
        stood_still = now - self._looked_at
        self._looked_at = now
        if stood_still > self._stall_s:
            self._stalls += 1
            # Sixty seconds is the standard's interval: by then every healthy neighbour has been heard again.
            self._amnesty_until = now + 60.0 + min(stood_still, 60.0)

    def _judge(self, entry: _Entry, now: float) -> Change | None:
        if entry.presence is Presence.OFFLINE:
            return None
        if entry.presence is Presence.UNCONFIRMED:
            verdict, silent_at = Reason.NOT_HEARD_SINCE_RESTART, entry.unconfirmed_until
        else:
            verdict, silent_at = Reason.KEEPALIVE_MISSED, entry.heard_at + entry.rhythm.patience_s
        if entry.expires_at < silent_at:
            verdict, silent_at = Reason.REGISTRATION_EXPIRED, entry.expires_at
        if max(silent_at, self._amnesty_until) <= now:
            return self._become(entry, Presence.OFFLINE, verdict, now)
        self._queue(entry)
        return None

    def _queue(self, entry: _Entry) -> None:
        if entry.presence is Presence.UNCONFIRMED:
            at = entry.unconfirmed_until
        else:
            at = entry.heard_at + entry.rhythm.patience_s
        # An amnesty puts every verdict off, the expiry's too: a refresh may lie among what we did not read.
        at = max(min(at, entry.expires_at), self._amnesty_until)
        if entry.queued_for is None or at < entry.queued_for:
            entry.queued_for = at
            heapq.heappush(self._heap, (at, entry.code))

    def _become(self, entry: _Entry, presence: Presence, reason: Reason, now: float) -> Change | None:
        before = entry.presence
        if before is presence:
            return None
        self._counts[before] -= 1
        self._counts[presence] += 1
        entry.presence = presence
        silence = 0.0 if entry.heard_at == float("-inf") else now - entry.heard_at
        return Change(entry.code, presence, reason, before, silence)

    def _entry(self, code: str, rhythm: Rhythm) -> _Entry:
        entry = self._entries.get(code)
        if entry is None:
            entry = self._entries[code] = _Entry(code, rhythm)
            self._counts[Presence.OFFLINE] += 1
        entry.rhythm = rhythm
        return entry
