"""The ways to a channel: several platforms below may export one camera (GB/T 28181-2022 annex H)."""

from __future__ import annotations

import time

import msgspec

from broker.watch import StreamView
from registry.channel import Channel
from registry.device import DeviceKind, Presence
from registry.routes import Candidate, Routes
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code

ENDED = "ended"


class WayView(msgspec.Struct, frozen=True):
    """A way to a channel: `owner` is whom we would ask.

    `tiers` counts the platforms it goes through, 1 for a device of our own; `trouble` is how much it failed lately,
    1 for a failure just now. `streams` flow by it at present. `path` is by which platforms it goes, ours first: as the
    stream that flows or the last one told, else as the owner's catalog tells.
    """

    owner: str
    owner_name: str
    owner_kind: DeviceKind | None
    presence: Presence | None
    name: str
    online: bool
    tiers: int
    trouble: float
    in_use: bool
    streams: list[str]
    path: tuple[str, ...]


class WayList(msgspec.Struct, frozen=True):
    """Best first."""

    items: list[WayView]


CAMERA = "34020000001320000001"
EXAMPLE = WayList(
    [
        WayView(
            owner="34020200002000000001",
            owner_name="镜湖区",
            owner_kind=DeviceKind.PLATFORM,
            presence=Presence.ONLINE,
            name="North gate",
            online=True,
            tiers=1,
            trouble=0.0,
            in_use=True,
            streams=["s-7"],
            path=("34020000002000000001", "34020200002000000001"),
        )
    ]
)


@route("GET", "/channels/{owner}/{code}/paths", role=Role.VIEWER, problems=(404,), example=EXAMPLE)
async def paths(visit: Visit, owner: Code, code: Code) -> WayList:
    """The ways to the camera that is this channel, the likeliest to work first, and which of them are in use."""
    directory = visit.services.directory
    namesakes = {channel.owner: channel for channel in await directory.find_channel(code)}
    if owner not in namesakes:
        raise Problem(404, "unknown-channel", f"{owner} has no channel {code}.")
    routes = visit.services.routes if visit.services.routes is not None else Routes()
    streams = _flowing(visit, code)
    own = visit.services.system().code
    now = time.monotonic()
    paths = {
        channel.owner: _path(streams.get(channel.owner, []))
        or (own, *(routes.path(channel.owner, code) or directory.platforms_to(channel)))
        for channel in namesakes.values()
    }
    candidates = [_candidate(visit, channel, paths[channel.owner]) for channel in namesakes.values()]
    return WayList(
        [
            _view(visit, namesakes[way.owner], way, streams.get(way.owner, []), paths[way.owner], routes, now)
            for way in routes.order(code, candidates, now)
        ]
    )


def _flowing(visit: Visit, code: str) -> dict[str, list[StreamView]]:
    """The streams of a channel that have not ended, by whom they are asked of."""
    flowing: dict[str, list[StreamView]] = {}
    for stream in visit.services.broker.streams():
        if stream.channel == code and stream.state != ENDED:
            flowing.setdefault(stream.owner, []).append(stream)
    return flowing


def _candidate(visit: Visit, channel: Channel, path: tuple[str, ...]) -> Candidate:
    device = visit.services.directory.device(channel.owner)
    return Candidate(
        channel.owner,
        is_online=device is not None and device.is_online,
        is_channel_on=channel.online,
        # The path begins with ourselves; the platforms below are the rest of it.
        tiers=max(1, len(path) - 1),
    )


def _view(
    visit: Visit,
    channel: Channel,
    way: Candidate,
    streams: list[StreamView],
    path: tuple[str, ...],
    routes: Routes,
    now: float,
) -> WayView:
    device = visit.services.directory.device(channel.owner)
    return WayView(
        owner=channel.owner,
        owner_name=device.shown_name if device is not None else channel.owner,
        owner_kind=device.kind if device is not None else None,
        presence=device.presence if device is not None else None,
        name=channel.name,
        online=channel.online,
        tiers=way.tiers,
        trouble=round(routes.trouble(channel.owner, channel.code, now), 3),
        in_use=bool(streams),
        streams=[stream.id for stream in streams],
        path=path,
    )


def _path(streams: list[StreamView]) -> tuple[str, ...]:
    return next((stream.path for stream in streams if stream.path), ())
