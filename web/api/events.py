"""The news, as it happens."""

from __future__ import annotations

import msgspec
from aiohttp import web

from web.auth import Role
from web.desk import Visit
from web.routing import route


class Hello(msgspec.Struct, frozen=True):
    """The first event: who hears, and which server this is. Another `started_at` than before: load everything anew."""

    user: str
    role: str
    version: str
    started_at: float


@route("GET", "/events", role=Role.VIEWER, problems=(503,), streams=True)
async def events(visit: Visit) -> web.StreamResponse:
    """Server-Sent Events until the session ends.

    Kinds: hello, device, device-removed, refusal (operators), catalog, catalog-progress, channel, counts, stream,
    alarm, alarm-counts, picture-wished, platform, platform-removed, sharing and recording (operators), and resync:
    something was missed, ask anew for what you show.
    """
    info = visit.services.system()
    hello = Hello(visit.who.name, visit.who.role.word, info.version, info.started_at)
    return await visit.desk.feed.serve(visit.request, visit.who, hello)
