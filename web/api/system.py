"""The server itself: who it is, how it fares, and the book of its routes."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import msgspec

from registry.device import Presence
from web.auth import Role
from web.desk import Visit
from web.routing import Reply, route


class SipView(msgspec.Struct, frozen=True):
    """Where a device must register."""

    host: str
    port: int
    transports: tuple[str, ...]


class Online(msgspec.Struct, frozen=True):
    online: int
    total: int


class SystemView(msgspec.Struct, frozen=True):
    name: str
    code: str
    domain: str
    version: str
    started_at: float
    sip: SipView
    presence: dict[Presence, int]
    """How many devices are in each state."""
    channels: Online
    """Channels as their devices count them."""
    streams: int
    viewers: int
    sip_statistics: dict[str, Any]
    media: dict[str, Any]
    web: dict[str, int]


EXAMPLE = SystemView(
    name="Lianwang",
    code="34020000002000000001",
    domain="3402000000",
    version="0.1.0",
    started_at=1795226400.0,
    sip=SipView("10.0.0.9", 5060, ("UDP", "TCP")),
    presence={Presence.ONLINE: 9, Presence.OFFLINE: 1, Presence.UNCONFIRMED: 0, Presence.NEVER: 0},
    channels=Online(118, 120),
    streams=4,
    viewers=6,
    sip_statistics={"requests_in": 10321},
    media={"inlets": 4},
    web={"listeners": 2, "told": 311, "storms": 0, "missed": 0},
)


@route("GET", "/system", role=Role.VIEWER, example=EXAMPLE)
async def system(visit: Visit) -> SystemView:
    """Who this server is and how it fares."""
    services = visit.services
    info = services.system()
    devices = services.directory.all_devices()
    states = Counter(device.presence for device in devices)
    streams = services.broker.streams()
    return SystemView(
        name=info.name,
        code=info.code,
        domain=info.domain,
        version=info.version,
        started_at=info.started_at,
        sip=SipView(info.sip_host, info.sip_port, info.sip_transports),
        presence={presence: states[presence] for presence in Presence},
        channels=Online(*services.directory.cameras()),
        streams=len(streams),
        viewers=sum(len(stream.viewers) for stream in streams),
        sip_statistics=dict(services.sip_statistics()),
        media=dict(services.plane_statistics()),
        web=visit.desk.feed.statistics(),
    )


@route("GET", "/openapi.json", role=Role.VIEWER)
async def openapi(visit: Visit) -> Reply[dict[str, Any]]:
    """This book of routes, OpenAPI 3.1."""
    return Reply(encoded=await asyncio.to_thread(visit.desk.openapi))
