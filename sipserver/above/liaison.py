"""One upper platform as the room holds it: the way to it, the agent who registers there, and what goes on with it."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from registry.platform import SubscriptionView, Upper, UpperState
from sipserver.above.agent import Agent
from sipserver.above.registration import Standing
from sipserver.above.way import Way
from sipserver.below.errands import Errands

REMEMBERED = 1024
"""Bodies of one upper that are recognised when they come again."""

_STATES = {
    Standing.OFF: "disabled",
    Standing.TRYING: "registering",
    Standing.PROVING: "registering",
    Standing.LEAVING: "disabled",
    Standing.LEAVING_PROVEN: "disabled",
}


class Liaison:
    """Set `agent` before use. `lookups` keeps the order in which an upper asked."""

    agent: Agent

    def __init__(self, upper: Upper, way: Way, *, wall_clock: Callable[[], float]) -> None:
        self.upper = upper
        self.way = way
        self.lookups = Errands(limit=512, workers=1)
        self.subscriptions: Callable[[], tuple[SubscriptionView, ...]] = tuple
        self.calls: Callable[[], int] = lambda: 0
        self.life = 0
        """How often the upper was lost: what began in an earlier life is not for this one."""
        self.catalog_sent: tuple[int, int] | None = None
        self.registered_at: float | None = None
        self.since = wall_clock()
        self.last_exchange_at: float | None = None
        self.said_codes: OrderedDict[str, None] = OrderedDict()
        """What others call themselves who speak from its address."""
        self._asking: Counter[str] = Counter()
        self._wall_clock = wall_clock
        self._bodies: OrderedDict[tuple[str, str], tuple[bytes, float]] = OrderedDict()
        self._shown_state = ""

    def __repr__(self) -> str:
        return f"<Liaison with {self.upper.code}>"

    @contextmanager
    def asking_alarms(self, owner: str) -> Iterator[None]:
        """While a question of the upper about alarms of a neighbour is open."""
        self._asking[owner] += 1
        try:
            yield
        finally:
            self._asking[owner] -= 1
            if not self._asking[owner]:
                del self._asking[owner]

    def is_asking_alarms(self, owner: str) -> bool:
        return owner in self._asking

    @property
    def is_up(self) -> bool:
        return self.agent.registration.is_up

    def exchanged(self) -> None:
        """Something came from the upper, or it answered."""
        self.last_exchange_at = self._wall_clock()

    def is_repeat(self, kind: str, device: str, body: bytes, now: float, within_s: float) -> bool:
        """Whether the last message of that kind for that thing was the very same, a moment ago (pain 30: uppers repeat
        what they hold unanswered)."""
        key, digest = (kind, device), hashlib.blake2b(body, digest_size=16).digest()
        before = self._bodies.get(key)
        self._bodies[key] = (digest, now)
        self._bodies.move_to_end(key)
        if len(self._bodies) > REMEMBERED:
            self._bodies.popitem(last=False)
        return before is not None and before[0] == digest and now - before[1] < within_s

    def forget_body(self, kind: str, device: str) -> None:
        """It has its answer, or its refusal: the very same again is meant anew."""
        self._bodies.pop((kind, device), None)

    def heard_code(self, code: str) -> None:
        """Somebody at the upper's address calls itself otherwise than we were told."""
        self.said_codes[code[:64]] = None
        if len(self.said_codes) > 8:
            self.said_codes.popitem(last=False)

    def state(self, now: float) -> UpperState:
        """What there is to show; `now` is of the clock that the registration runs by."""
        registration, at = self.agent.registration, self._wall_clock()
        word = _STATES.get(registration.standing)
        if word is None:
            if registration.is_up:
                word = "redirected" if registration.is_redirected else "registered"
            else:
                word = "refused" if registration.was_refused else "lost"
        if word != self._shown_state:
            self._shown_state, self.since = word, at
        is_up = registration.is_up
        return UpperState(
            code=self.upper.code,
            state=word,
            reason=registration.reason,
            since=self.since,
            registered_at=self.registered_at if is_up else None,
            expires_at=at + registration.expires_at - now if is_up else None,
            keepalives_missed=registration.missed,
            address=str(registration.place),
            edition=self.way.said_edition,
            subscriptions=self.subscriptions(),
            calls=self.calls(),
            last_exchange_at=self.last_exchange_at,
            catalog_sent=self.catalog_sent,
        )
