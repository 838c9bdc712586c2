"""The news, as it happens."""

from __future__ import annotations

import msgspec
from aiohttp import web

from web.auth import Role
from web.desk import Visit
from web.routing import route


class Hello(msgspec.Struct, frozen=True):
    """The first event: who hears, and which server this is. Another `started_at` than before: load everything anew.

    No event, and no beat either, for twice `heartbeat_s`: the line is dead, whatever the socket says.
    """

    user: str
    role: str
    version: str
    started_at: float
    heartbeat_s: float


@route("GET", "/events", role=Role.VIEWER, problems=(503,), streams=True)
async def events(visit: Visit) -> web.StreamResponse:
    """Server-Sent Events until the session ends.

    Kinds: hello, beat (nothing new), device, device-removed, refusal (operators), catalog, catalog-progress, channel,
    counts, stream, alarm, alarm-counts, picture-wished, platform, platform-removed, sharing and recording (operators),
    and resync: something was missed, ask anew for what you show.
    """
    info = visit.services.system()
    settings = visit.desk.settings
    hello = Hello(visit.who.name, visit.who.role.word, info.version, info.started_at, settings.feed_heartbeat_s)
    return await visit.desk.feed.serve(visit.request, visit.who, hello)
