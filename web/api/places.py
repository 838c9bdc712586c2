"""Where things are: what moves and where it was, cameras that stand, and the map they are shown on.

Everything is told in WGS-84, as the standard has it; whoever draws on a map in GCJ-02 asks for `datum=gcj02`.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from gb28181.datum import Datum, converted
from registry.fix import KeptFix, length_m, simplified
from registry.tracks import Tracks
from registry.tree import NodeKind
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import Reply, route
from web.texts import Code, Ident

MOST_CAMERAS = 2_000
MOST_NODES = 500
"""Nodes of the tree that one look opens."""
LONGEST_TRACK_S = 31 * 86_400
LARGEST_OUTLINE = 32 * 1024 * 1024

Moment = Annotated[float, Meta(ge=0, le=1e11, description="UNIX seconds")]


class MapView(msgspec.Struct, frozen=True):
    """What the ground is drawn with, all in `datum`. Without tiles and outline things stand on a plain grid."""

    tiles: str
    attribution: str
    datum: Datum
    has_outline: bool
    longitude: float
    latitude: float
    zoom: float


class ThingView(msgspec.Struct, frozen=True):
    """Something that moves, where it was last: `at` UNIX seconds, degrees, km/h, degrees clockwise from north."""

    owner: str
    code: str
    name: str
    online: bool
    at: float
    longitude: float
    latitude: float
    speed: float | None
    direction: float | None


class ThingList(msgspec.Struct, frozen=True):
    """`next` as `since` asks for what was heard after this answer."""

    items: list[ThingView]
    next: int


class CameraView(msgspec.Struct, frozen=True):
    """A camera that stands where its owner's catalog says."""

    owner: str
    code: str
    name: str
    online: bool
    longitude: float
    latitude: float


class CameraList(msgspec.Struct, frozen=True):
    """`complete` is false when there are more cameras than one map should show; `without` have no place."""

    items: list[CameraView]
    without: int
    complete: bool


class FixView(msgspec.Struct, frozen=True, array_like=True):
    """`[at, longitude, latitude, speed, direction]`; null where it did not say."""

    at: float
    longitude: float
    latitude: float
    speed: float | None
    direction: float | None


class TrackView(msgspec.Struct, frozen=True):
    """The way of one thing, oldest first. `heard` places are kept of it, `fixes` show the same line with fewer."""

    owner: str
    code: str
    name: str
    start: float
    end: float
    heard: int
    metres: float
    fixes: list[FixView]


class ThingQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    since: Annotated[int, Meta(ge=0)] = 0
    datum: Datum = Datum.WGS84


class NodeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The node of the tree whose cameras are meant."""

    node: Ident
    datum: Datum = Datum.WGS84


class TrackQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `start` to `end`, at most a month; `most` places that show the line."""

    start: Moment
    end: Moment
    most: Annotated[int, Meta(ge=2, le=20_000)] = 2_000
    datum: Datum = Datum.WGS84


CAMERA = "34020000001320000001"
THING = ThingView(CAMERA, CAMERA, "巡逻车 01", True, 1795226400.0, 118.3765, 31.3263, 38.5, 90.0)
STANDING = CameraView(CAMERA, CAMERA, "North gate", True, 118.3765, 31.3263)
TRACK = TrackView(
    CAMERA,
    CAMERA,
    "巡逻车 01",
    1795222800.0,
    1795226400.0,
    2,
    950.2,
    [FixView(1795222800.0, 118.37, 31.32, 38.5, 90.0)],
)
MAP = MapView("", "", Datum.WGS84, False, 104.0, 35.5, 4.0)


@route("GET", "/map", role=Role.VIEWER, example=MAP)
async def ground(visit: Visit) -> MapView:
    """What the map is drawn with, as the operator of this house set it."""
    said = visit.services.map
    return MapView(
        said.tiles,
        said.attribution,
        said.datum,
        bool(said.outline),
        said.longitude,
        said.latitude,
        said.zoom,
    )


@route("GET", "/map/outline", role=Role.VIEWER, problems=(404,), media_type="application/geo+json")
async def outline(visit: Visit) -> Reply[Any]:
    """The outline that the settings name, as GeoJSON, in the datum of the map."""
    said = visit.services.map
    path = said.outline
    if not path:
        raise Problem(404, "no-outline", "No outline is set.")
    try:
        drawn = await asyncio.to_thread(_read, path, said.outline_datum, said.datum)
    except (OSError, ValueError) as error:
        raise Problem(404, "no-outline", f"The outline of the settings cannot be read: {error}.") from error
    headers = {"Content-Type": "application/geo+json", "Cache-Control": "private, max-age=3600"}
    return Reply(encoded=drawn, headers=headers)


@route("GET", "/places", role=Role.VIEWER, example=ThingList([THING], 812))
async def things(visit: Visit, query: ThingQuery) -> ThingList:
    """Everything that moves, where it was last; with `since`, what was heard of after that."""
    found, number = _tracks(visit).now(query.since)
    return ThingList([await thing_view(visit, fix, query.datum) for fix in found], number)


@route("GET", "/places/cameras", role=Role.VIEWER, problems=(404,), example=CameraList([STANDING], 3, True))
async def cameras(visit: Visit, query: NodeQuery) -> CameraList:
    """The cameras below a node of the tree that have a place."""
    directory = visit.services.directory
    if await directory.node(query.node) is None:
        raise Problem(404, "unknown-node", "There is no such node.")
    found: dict[tuple[str, str], CameraView] = {}
    without, opened, waiting, complete = 0, 0, [query.node], True
    while waiting and complete:
        node, after = waiting.pop(0), None
        opened += 1
        while True:
            page = await directory.children(node, after, 500)
            for child in page.items:
                channel = child.channel
                if child.kind is not NodeKind.CHANNEL or channel is None:
                    waiting.append(child.id)
                elif not channel.playable:
                    continue
                elif channel.said.longitude is None or channel.said.latitude is None:
                    without += 1
                else:
                    place = converted(channel.said.longitude, channel.said.latitude, Datum.WGS84, query.datum)
                    view = CameraView(channel.owner, channel.code, channel.name, channel.online, *place)
                    found[channel.owner, channel.code] = view
            complete = len(found) < MOST_CAMERAS and opened < MOST_NODES
            after = page.next
            if after is None or not complete:
                complete = complete or (after is None and not waiting and len(found) <= MOST_CAMERAS)
                break
    return CameraList(list(found.values())[:MOST_CAMERAS], without, complete)


@route("GET", "/channels/{owner}/{code}/track", role=Role.VIEWER, problems=(404,), example=TRACK)
async def track(visit: Visit, owner: Code, code: Code, query: TrackQuery) -> TrackView:
    """Where a thing was between two times."""
    if not 0 <= query.start < query.end or query.end - query.start > LONGEST_TRACK_S:
        raise Problem(400, "track-span", "A track has a start and a later end, at most 31 days apart.")
    found = await _tracks(visit).track(owner, code, query.start, query.end)
    shown = await asyncio.to_thread(simplified, found, query.most)
    return TrackView(
        owner,
        code,
        await _name(visit, owner, code),
        query.start,
        query.end,
        len(found),
        round(length_m(found), 1),
        [FixView(fix.at_ms / 1000, *_place(fix, query.datum), fix.speed, fix.direction) for fix in shown],
    )


async def thing_view(visit: Visit, fix: KeptFix, datum: Datum) -> ThingView:
    device = visit.services.directory.device(fix.owner)
    return ThingView(
        fix.owner,
        fix.code,
        await _name(visit, fix.owner, fix.code),
        device is not None and device.is_online,
        fix.at_ms / 1000,
        *_place(fix, datum),
        fix.speed,
        fix.direction,
    )


async def _name(visit: Visit, owner: str, code: str) -> str:
    channel = await visit.services.directory.channel(owner, code)
    if channel is not None:
        return channel.name
    device = visit.services.directory.device(owner)
    return device.shown_name if device is not None and code == owner else code


def _place(fix: KeptFix, datum: Datum) -> tuple[float, float]:
    longitude, latitude = converted(fix.longitude, fix.latitude, Datum.WGS84, datum)
    return round(longitude, 7), round(latitude, 7)


def _tracks(visit: Visit) -> Tracks:
    tracks = visit.services.tracks
    if tracks is None:
        raise web.HTTPNotFound
    return tracks


def _read(path: str, come: Datum, go: Datum) -> bytes:
    with open(path, "rb") as file:
        drawn = file.read(LARGEST_OUTLINE + 1)
    if len(drawn) > LARGEST_OUTLINE:
        raise ValueError(f"it is larger than {LARGEST_OUTLINE} bytes")
    said = msgspec.json.decode(drawn)
    kind = said.get("type") if isinstance(said, dict) else None
    if kind not in ("FeatureCollection", "Feature", "GeometryCollection", "MultiPolygon", "Polygon", "MultiLineString"):
        raise ValueError(f"it is no GeoJSON: type {str(kind)[:40]!r}")
    if come is go:
        return drawn
    _move(said, come, go)
    return msgspec.json.encode(said)


def _move(drawn: Any, come: Datum, go: Datum) -> None:
    """Every position of a GeoJSON into another datum, in its place."""
    if isinstance(drawn, dict):
        for name, inner in drawn.items():
            if name not in ("properties", "bbox", "crs"):
                _move(inner, come, go)
    elif isinstance(drawn, list):
        if len(drawn) >= 2 and all(isinstance(each, int | float) for each in drawn[:2]):
            drawn[:2] = converted(float(drawn[0]), float(drawn[1]), come, go)
        else:
            for inner in drawn:
                _move(inner, come, go)
