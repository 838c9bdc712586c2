"""The ways to a channel: several platforms below may export one camera (GB/T 28181-2022 annex H)."""

from __future__ import annotations

import time

import msgspec

from broker.watch import StreamView
from gb28181.code import is_system
from registry.channel import Channel
from registry.device import DeviceKind, Presence
from registry.routes import Candidate, Routes, tiers_of
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code

ENDED = "ended"


class WayView(msgspec.Struct, frozen=True):
    """A way to a channel: `owner` is whom we would ask.

    `tiers` counts the platforms it goes through, 1 for a device of our own; `trouble` is how much it failed lately,
    1 for a failure just now. `streams` flow by it at present, and `path` is by which platforms, ours first.
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
    namesakes = {channel.owner: channel for channel in await visit.services.directory.find_channel(code)}
    if owner not in namesakes:
        raise Problem(404, "unknown-channel", f"{owner} has no channel {code}.")
    routes = visit.services.routes
    streams = _flowing(visit, code)
    now = time.monotonic()
    candidates = [_candidate(visit, channel, streams.get(channel.owner, [])) for channel in namesakes.values()]
    in_order = (routes or Routes()).order(code, candidates, now)
    return WayList(
        [_view(visit, namesakes[way.owner], way, streams.get(way.owner, []), routes, now) for way in in_order]
    )


def _flowing(visit: Visit, code: str) -> dict[str, list[StreamView]]:
    """The streams of a channel that have not ended, by whom they are asked of."""
    flowing: dict[str, list[StreamView]] = {}
    for stream in visit.services.broker.streams():
        if stream.channel == code and stream.state != ENDED:
            flowing.setdefault(stream.owner, []).append(stream)
    return flowing


def _candidate(visit: Visit, channel: Channel, streams: list[StreamView]) -> Candidate:
    device = visit.services.directory.device(channel.owner)
    systems = [code for code in channel.said.parent_ids if is_system(code)]
    is_below = is_system(channel.owner) or (device is not None and device.kind is DeviceKind.PLATFORM)
    return Candidate(
        channel.owner,
        is_online=device is not None and device.is_online,
        is_channel_on=channel.online,
        # The path begins with ourselves; the platforms below are the rest of it.
        tiers=tiers_of(systems, _path(streams)[1:]) if is_below else 1,
    )


def _view(
    visit: Visit, channel: Channel, way: Candidate, streams: list[StreamView], routes: Routes | None, now: float
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
        trouble=round(routes.trouble(channel.owner, channel.code, now), 3) if routes is not None else 0.0,
        in_use=bool(streams),
        streams=[stream.id for stream in streams],
        path=_path(streams),
    )


def _path(streams: list[StreamView]) -> tuple[str, ...]:
    return next((stream.path for stream in streams if stream.path), ())
