"""Whose turn it is: streams whose packets we take one by one at every tick, the others a few times a second or less."""

from __future__ import annotations

import logging

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
        session.express.on_switch = None

    def tick(self, now: float) -> None:
        """Every `TICK_S`. One that fails is told of, and keeps no other from its turn."""
        self.ticks += 1
        for session, turn in tuple(self._restless.items()):
            try:
                session.tick(now)
                if (turn + self.ticks) % WATCH_EVERY_TICKS == 0:
                    session.watch(now)
            except Exception as error:
                _failed(session, error)
        first = -self.ticks % LOOK_EVERY_TICKS
        for place, session in enumerate(self._all[first::LOOK_EVERY_TICKS]):
            if not session.express.is_ahead:
                continue
            try:
                if (first + place * LOOK_EVERY_TICKS + self.ticks) % CALM_EVERY_TICKS == 0:
                    session.watch(now)
                else:
                    session.express.watch(now)
            except Exception as error:
                _failed(session, error)

    def _switched(self, session: Session) -> None:
        if session.express.is_ahead:
            self._restless.pop(session, None)
        elif session not in self._restless:
            self._turns += 1
            self._restless[session] = self._turns


def _failed(session: Session, error: Exception) -> None:
    log.error("%r failed at its tick; it is tried again at the next one", session, exc_info=error)
