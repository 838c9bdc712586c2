"""The room put together: routes, guard, headers, console files, and what lives as long as the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from web.api import divisions, devices, keys, ladders, live, ptz, sessions, system, tree, users
from web.auth import Gate
from web.feed import Feed
from web.leases import Leases
from web.openapi import document
from web.passwords import Passwords
from web.routing import DESK, Desk, Route, guard, handler_of, routes_of
from web.settings import WebSettings
from web.static import ConsoleFiles
from web.throttle import Throttle
from web.wishes import Services, SystemInfo

__all__ = ["ROUTES", "Services", "SystemInfo", "WebServer", "WebSettings", "make_app"]

ROUTES: tuple[Route, ...] = routes_of(sessions, users, keys, tree, devices, live, ptz, ladders, system, divisions)


async def health(request: web.Request) -> web.Response:
    """For whoever watches that we live: says nothing else."""
    return web.json_response({"ok": True})


def make_app(
    services: Services,
    settings: WebSettings,
    *,
    extra_routes: Iterable[web.RouteDef] = (),
    passwords: Passwords | None = None,
) -> web.Application:
    """The HTTP application. `extra_routes` are the media plane's; they check their signed addresses themselves.

    Call inside the running loop. `passwords` may be a cheaper hasher for tests.
    """
    app = web.Application(middlewares=[guard], client_max_size=settings.largest_body)
    declared = {}
    for route in ROUTES:
        handler = handler_of(route)
        declared[handler] = route
        app.router.add_route(route.method, route.path, handler)
    signed = list(extra_routes)
    for extra in signed:
        app.router.add_route(extra.method, extra.path, extra.handler)
    console = ConsoleFiles(settings.console)
    app.router.add_route("GET", "/healthz", health)
    app.router.add_route("GET", "/{path:.*}", console.serve)
    app[DESK] = Desk(
        services=services,
        settings=settings,
        gate=Gate(services, settings),
        passwords=passwords or Passwords(),
        throttle=Throttle(),
        feed=Feed(services, settings),
        leases=Leases(services.broker, settings.most_leases_per_session),
        openapi=msgspec.json.encode(document(ROUTES, services.system().version)),
        routes=declared,
        signed=frozenset(extra.handler for extra in signed),
        open=frozenset({health, console.serve}),
        spoken={},
    )
    return app
