"""Whose turn it is: streams whose packets we take one by one at every tick, the others a few times a second or less."""

from __future__ import annotations

import logging
from collections.abc import Callable

from media.inlets.session import Session

log = logging.getLogger(__name__)

TICK_S = 0.05
WATCH_EVERY_TICKS = 5
"""Waits are looked at every fifth tick: four times a second."""
LOOK_EVERY_TICKS = 20
"""A stream that goes by itself is looked at once a second."""
CALM_EVERY_TICKS = 40
"""And its waits at every other of those looks."""


class Rota:
    """The inlets of a plane take turns: a tick touches those that have clocks of their own just now, and of all others
    only those whose turn it is, so that a thousand calm streams cost next to nothing."""

    def __init__(self) -> None:
        self.ticks = 0
        self._all: list[Session] = []
        self._restless: dict[Session, int] = {}
        self._fresh: dict[Session, int] = {}
        """Who goes by himself, and has not given up yet what was kept before."""
        self._turns = 0

    def add(self, session: Session) -> None:
        self._all.append(session)
        session.express.on_switch = lambda: self._switched(session)
        self._switched(session)

    def remove(self, session: Session) -> None:
        """Harmless for one that is not here."""
        if session in self._all:
            self._all.remove(session)
        self._restless.pop(session, None)
        self._fresh.pop(session, None)
        session.express.on_switch = None

    def tick(self, now: float) -> None:
        """Every `TICK_S`. One that fails is told of, and keeps no other from its turn."""
        self.ticks += 1
        for session, turn in tuple(self._restless.items()):
            self._do(session, session.tick, now)
            if self._is_turn(turn, WATCH_EVERY_TICKS):
                self._do(session, session.watch, now)
        for session, turn in tuple(self._fresh.items()):
            if session.express.has_let_go:
                self._fresh.pop(session, None)
            elif self._is_turn(turn, WATCH_EVERY_TICKS):
                self._do(session, session.express.watch, now)
        first = -self.ticks % LOOK_EVERY_TICKS
        for place, session in enumerate(self._all[first::LOOK_EVERY_TICKS]):
            if not session.express.is_ahead:
                continue
            is_watch = self._is_turn(first + place * LOOK_EVERY_TICKS, CALM_EVERY_TICKS)
            self._do(session, session.watch if is_watch else session.express.watch, now)

    def _is_turn(self, turn: int, every: int) -> bool:
        return (turn + self.ticks) % every == 0

    def _do(self, session: Session, look: Callable[[float], None], now: float) -> None:
        try:
            look(now)
        except Exception:
            log.exception("%r failed at its tick; it is tried again at the next one", session)

    def _switched(self, session: Session) -> None:
        before, after = self._fresh, self._restless
        if session.express.is_ahead:
            before, after = after, before
        before.pop(session, None)
        if session not in after:
            self._turns += 1
            after[session] = self._turns
