"""What lies on this room's desk, and one visit to it: a request as a route's function sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from broker.levers import Levers
from broker.voice import Speech
from gb28181.identity import of_operator
from web.auth import Gate, Who
from web.errors import denied
from web.feed import Feed
from web.leases import Leases
from web.lobby import Lobby
from web.metrics.scrape import Scrape
from web.passwords import Passwords
from web.preview import Previews
from web.settings import WebSettings
from web.throttle import Throttle
from web.views import Catalogs
from web.wishes import Services

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What lies on this room's desk: the other rooms' services and our own instruments."""

    services: Services
    settings: WebSettings
    gate: Gate
    passwords: Passwords
    throttle: Throttle
    feed: Feed
    leases: Leases
    levers: Levers
    lobby: Lobby
    openapi: Callable[[], bytes]
    """The book of routes, made when it is first asked for; that takes a moment."""
    catalogs: Catalogs
    previews: Previews
    scrape: Scrape
    spoken: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """When a repeated write (a hand on the PTZ stick) was last audited, see `Route.audit_every_s`."""

    async def show_out(self, user: str, *, keep: str | None = None) -> None:
        """End every session of a user: cookies, news and pictures. `keep` holds on to its pictures."""
        await self.services.accounts.end_sessions_of(user)
        self.feed.end_user(user)
        await self.leases.end_user(user, keep=keep)
        await self.silence(lambda speech: speech.wish.by == user and speech.wish.speaker != keep)

    async def silence(self, is_meant: Callable[[Speech], bool]) -> None:
        """End the voices that are meant."""
        voices = self.services.voices
        for speech in voices.speeches() if voices is not None else ():
            if voices is not None and is_meant(speech):
                await voices.end(speech.id, "session-ended")


DESK: web.AppKey[Desk] = web.AppKey("desk")
WHO: web.RequestKey[Who] = web.RequestKey("who")


class Visit:
    """One request, as a route's function sees it: the desk, who asks, and from where."""

    def __init__(self, request: web.Request, desk: Desk, who: Who | None) -> None:
        self.request = request
        self.desk = desk
        self.services = desk.services
        self._who = who
        self.target = ""
        """What a write is done to, for the audit; the path's arguments unless the function knows better."""

    def concerns(self, owner: str, channel: str) -> None:
        """A write is done to a channel; where nobody said whose it is, its code alone stands in the audit."""
        self.target = f"{owner}/{channel}" if owner else channel

    @property
    def who(self) -> Who:
        """Who asks. Only public routes may find nobody here, and get a 401 problem."""
        if self._who is None:
            raise denied(401)
        return self._who

    @property
    def identity(self) -> str:
        """Who asks, in the words that other realms are told (GB/T 28181-2022 8.3)."""
        return of_operator(self.services.system().code, self.who.shown, self.who.role.word)

    @property
    def address(self) -> str:
        return self.desk.gate.address_of(self.request)

    @property
    def has_left(self) -> bool:
        """Whether the asker has hung up and nobody will read the answer."""
        transport = self.request.transport
        return transport is None or transport.is_closing()

    async def audit(self, what: str, target: str, result: str, *, who: str | None = None) -> None:
        """Write down what was done. A log that cannot be written does not undo the deed; it is logged instead."""
        name = who if who is not None else (self._who.shown if self._who else "")
        try:
            await self.services.accounts.audit(name[:64], what, target[:256], result, self.address)
        except Exception:
            log.exception("the audit line %s %s %s of %s could not be written", what, target, result, name)
