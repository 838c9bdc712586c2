"""The one guard that every request passes: what no declaration allows is denied."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from web.auth import Proof, Who
from web.desk import DESK, WHO, Desk, Visit
from web.errors import Problem, answer, denied, translate
from web.routing import Handler, Route


@dataclass(frozen=True, slots=True)
class Doors:
    """Which handlers let in whom. What stands in none of the three lets in nobody but to be told that nothing is
    there."""

    routes: Mapping[Handler, Route]
    signed: frozenset[object]
    """They check a signed address themselves (media)."""
    open: frozenset[object]
    """Anybody may ask them: the console's files."""


DOORS: web.AppKey[Doors] = web.AppKey("doors")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in whom a declaration lets in, and tell every failure in the one way."""
    try:
        await _admit(request)
        return await handler(request)
    except web.HTTPException as said:
        if said.status < 400:
            raise
        return answer(translate(said))
    except Exception as error:
        return answer(translate(error))


async def _admit(request: web.Request) -> None:
    desk, doors = request.app[DESK], request.app[DOORS]
    desk.lobby.asked(request)
    asked = request.match_info.handler
    if asked in doors.open:
        return
    if asked in doors.signed:
        # The plane checks the signature; without one nobody need ask it.
        if not (request.query.get("s") and request.query.get("e")):
            raise denied(401)
        return
    declared = doors.routes.get(asked)
    if declared is not None and declared.by_address and desk.gate.is_scraper(request):
        return
    if declared is not None and declared.public:
        if declared.is_write and desk.gate.is_same_origin(request) is False:
            raise Problem(403, "foreign-origin", "This request came from another site's page.")
        return
    who = await desk.gate.identify(request)
    if who is None:
        raise denied(401)
    request[WHO] = who
    desk.leases.touch(who.id, time.monotonic())
    if declared is None:
        return  # no such address: the router's 404 or 405 follows
    await _may(request, desk, declared, who)


async def _may(request: web.Request, desk: Desk, declared: Route, who: Who) -> None:
    problem: Problem | None = None
    if declared.is_write and who.proof is Proof.SESSION and desk.gate.is_same_origin(request) is not True:
        problem = Problem(
            403, "foreign-origin", "A write by cookie must come from our own page; programs use an API key."
        )
    elif who.role < declared.role:
        problem = denied(403, needs=declared.role.word, has=who.role.word)
    elif who.proof not in declared.proofs:
        problem = Problem(403, "wrong-proof", "This is for people who are logged in, not for API keys.")
    if problem is None:
        return
    if declared.is_write:
        target = "/".join(request.match_info.values())
        await Visit(request, desk, who).audit(declared.action, target, problem.code)
    raise problem
