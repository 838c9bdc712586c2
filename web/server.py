"""The room put together: routes, guard, headers, the console's files, and what lives as long as the server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable
from functools import cache

import msgspec
from aiohttp import web

from broker.arbitration import Arbitration
from broker.levers import Levers
from web.api.table import ROUTES
from web.auth import Gate, Proof, Who
from web.desk import DESK, Desk
from web.feed import Feed
from web.firmware import firmware_handler
from web.guard import DOORS, Doors, guard
from web.headers import put_headers
from web.leases import Leases
from web.lobby import Lobby
from web.metrics.scrape import Scrape
from web.openapi import document
from web.passwords import Passwords
from web.preview import Previews
from web.routing import handler_of
from web.settings import WebSettings
from web.static import ConsoleFiles
from web.throttle import Throttle
from web.views import Catalogs
from web.wishes import Services, SystemInfo

__all__ = ["ROUTES", "Services", "SystemInfo", "WebSettings", "make_app"]

log = logging.getLogger(__name__)


async def health(request: web.Request) -> web.Response:
    """For whoever watches that we live; says nothing else."""
    return web.json_response({"ok": True})


EVERYTHING = ("/api/{rest}", "/{path}")
"""What takes whatever nothing else took."""


async def nowhere(request: web.Request) -> web.Response:
    """Any address under /api that no route declares: 405 where others of its methods are (a WHEP player that sends its
    candidates by PATCH must not take its session for lost), else 404."""
    allowed: set[str] = set()
    for resource in request.app.router.resources():
        if resource.canonical not in EVERYTHING:
            allowed |= (await resource.resolve(request))[1]
    raise web.HTTPMethodNotAllowed(request.method, allowed) if allowed else web.HTTPNotFound


def make_app(
    services: Services,
    settings: WebSettings | None = None,
    *,
    extra_routes: Iterable[web.AbstractRouteDef] = (),
    passwords: Passwords | None = None,
) -> web.Application:
    """The HTTP application, with the guard before every route.

    `extra_routes` are the media plane's; they check their signed addresses themselves. Call inside the running loop.
    `passwords` may be a cheaper hasher for tests.
    """
    settings = settings or WebSettings()
    app = web.Application(middlewares=[guard], client_max_size=settings.largest_body)
    declared = {handler_of(route): route for route in ROUTES}
    for handler, route in declared.items():
        app.router.add_route(route.method, route.path, handler)
    signed = frozenset(route.handler for extra in extra_routes for route in extra.register(app.router))
    console = ConsoleFiles(settings.console)
    app.router.add_route("GET", "/healthz", health)
    app.router.add_route("*", "/api/{rest:.*}", nowhere)
    gate = Gate(services, settings)
    opened: set[object] = {health, console.serve}
    if services.upgrades is not None:
        fetched = firmware_handler(services.upgrades, gate.address_of)
        app.router.add_get("/firmware/{token}", fetched)
        opened.add(fetched)
    app.router.add_route("GET", "/{path:.*}", console.serve)
    catalogs = Catalogs(services.bus)
    feed, leases = Feed(services, settings, catalogs), Leases(services.broker, settings.most_leases_per_session)
    lobby = Lobby(settings.body_patience_s)

    def own_statistics() -> dict[str, int]:
        counted = {"leases": len(leases), "sessions": services.accounts.session_count, "shown_out": lobby.shown_out}
        return feed.statistics() | counted

    app[DESK] = Desk(
        services=services,
        settings=settings,
        gate=gate,
        passwords=passwords or Passwords(),
        throttle=Throttle(),
        feed=feed,
        leases=leases,
        levers=_levers(services),
        lobby=lobby,
        openapi=cache(lambda: msgspec.json.encode(document(services.system().version))),
        catalogs=catalogs,
        previews=Previews(services.bus),
        scrape=Scrape(services, own_statistics, settings.most_stream_series),
    )
    app[DOORS] = Doors(declared, signed, frozenset(opened))
    app.on_response_prepare.append(put_headers)
    app.cleanup_ctx.append(_living)
    # Feeds must end before the server waits for its connections to finish.
    app.on_shutdown.append(_end_feeds)
    return app


async def _end_feeds(app: web.Application) -> None:
    app[DESK].feed.stop()
    await app[DESK].silence(lambda speech: True)


async def _living(app: web.Application) -> AsyncIterator[None]:
    """What lives as long as the application: the feed's ear, the sweeper, the hashing threads."""
    desk = app[DESK]
    desk.feed.start()
    sweeper = asyncio.create_task(_sweep_for_ever(desk), name="web sweeper")
    yield
    sweeper.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await sweeper
    await desk.levers.close()
    desk.feed.stop()
    desk.catalogs.close()
    desk.previews.close()
    desk.passwords.close()


async def _sweep_for_ever(desk: Desk) -> None:
    while True:
        await asyncio.sleep(desk.settings.sweep_s)
        try:
            await sweep(desk)
        except Exception:
            log.exception("looking for ended sessions failed; trying again in %g s", desk.settings.sweep_s)


async def sweep(desk: Desk) -> None:
    """End the news and the pictures of sessions and keys that no longer live, and let go of old previews.

    An open console is use: its session slides on. Pictures alone are not, because a browser that was closed leaves
    their names behind.
    """
    desk.previews.sweep()
    desk.lobby.sweep(time.monotonic())
    listening = {who.id: who for who in desk.feed.holders()}
    for who in listening.values():
        if not await _lives(desk, who):
            await _end(desk, who)
    now = time.monotonic()
    for who in desk.leases.holders():
        idle = who.id not in listening and desk.leases.idle_s(who.id, now) > desk.settings.session_idle_s
        if (who.proof is Proof.SESSION and idle) or (who.proof is Proof.KEY and not await _lives(desk, who)):
            await _end(desk, who)


async def _end(desk: Desk, who: Who) -> None:
    desk.feed.end(who.id)
    await desk.leases.end(who.id)
    await desk.silence(lambda speech: speech.wish.speaker == who.id)


async def _lives(desk: Desk, who: Who) -> bool:
    if who.proof is Proof.SESSION:
        return await desk.gate.by_token(who.token) is not None
    keys = desk.services.accounts.keys()
    return any(f"key:{key.id}" == who.id and (key.expires is None or key.expires > time.time()) for key in keys)


def _levers(services: Services) -> Levers:
    if services.levers is not None:  # one that holds nothing is false
        return services.levers
    return Levers(services.neighbours, arbitration=Arbitration(tell=services.bus.tell))
