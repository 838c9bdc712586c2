"""Photographs: one of now, those that are kept, and those that are taken by the clock."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from broker.album import Shot
from broker.snapshot_plans import Minutes, Plan, PlanView, SnapshotPlans
from broker.snapshots import Snapshots
from web.api.live import Owner, StreamNumber
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Ident

ANY = "-"
"""In the place of an owner: whoever has the channel."""


class LookQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`width` 0 is as wide as the picture; it is never made larger."""

    stream: StreamNumber = 0
    width: Annotated[int, Meta(ge=0, le=8192)] = 0
    quality: Annotated[int, Meta(ge=1, le=100)] = 85


class SnapshotWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    channel: Code
    owner: Owner = ""
    stream: StreamNumber = 0


class AlbumQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`before` is the last id of the page before."""

    channel: Annotated[str, Meta(max_length=64)] = ""
    before: Annotated[str, Meta(max_length=256)] = ""
    limit: Annotated[int, Meta(ge=1, le=500)] = 60


class SnapshotItem(msgspec.Struct, frozen=True):
    """A photograph that is kept. `at` is when it was seen, UNIX seconds; `reason` is manual, alarm, plan or device.
    `session` and `name` are of one that a device took and sent. `small_url` is a picture to leaf through."""

    id: str
    owner: str
    channel: str
    stream: int
    at: float
    reason: str
    by: str
    width: int
    height: int
    bytes: int
    session: str
    name: str
    url: str
    small_url: str


class SnapshotList(msgspec.Struct, frozen=True):
    """`next` is for `before`, None on the last page."""

    items: list[SnapshotItem]
    next: str | None


class PictureQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    small: bool = False


class PlanWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A photograph every so many minutes."""

    every_min: Minutes
    stream: StreamNumber = 0


class PlanItem(msgspec.Struct, frozen=True):
    """Times are UNIX seconds, 0 for never; `failure` is why the last one came to nothing, "" when it did not."""

    owner: str
    channel: str
    stream: int
    every_min: int
    next_at: float
    last_at: float
    failure: str


class PlanList(msgspec.Struct, frozen=True):
    items: list[PlanItem]


CAMERA = "34020000001320000001"
ID = f"{CAMERA}-20261129T101500250-5e0c91aa"
EXAMPLE = SnapshotItem(
    ID,
    CAMERA,
    CAMERA,
    0,
    1795945700.25,
    "manual",
    "wang",
    1920,
    1080,
    311_204,
    "",
    "",
    f"/api/v1/snapshots/{ID}/picture",
    f"/api/v1/snapshots/{ID}/picture?small=true",
)
PLAN = PlanItem(CAMERA, CAMERA, 0, 10, 1795946220.0, 1795945620.0, "")


def item(shot: Shot) -> SnapshotItem:
    base = f"/api/v1/snapshots/{shot.id}/picture"
    return SnapshotItem(
        shot.id,
        shot.owner,
        shot.channel,
        shot.stream,
        shot.at,
        shot.reason,
        shot.by,
        shot.width,
        shot.height,
        shot.bytes,
        shot.session,
        shot.name,
        base,
        base + "?small=true",
    )


def plan_item(view: PlanView) -> PlanItem:
    plan = view.plan
    return PlanItem(
        plan.owner, plan.channel, plan.stream, plan.every_min, view.next_at, view.last_at, view.failure[:300]
    )


def darkroom(visit: Visit) -> Snapshots:
    found = visit.services.snapshots
    if found is None:
        raise Problem(404, "no-snapshots", "This server takes no photographs.")
    return found


def plans_of(visit: Visit) -> SnapshotPlans:
    found = visit.services.snapshot_plans
    if found is None:
        raise Problem(404, "no-snapshots", "This server takes no photographs.")
    return found


async def known(visit: Visit, owner: str, channel: str) -> None:
    """Raises a Problem for a channel that nobody here has with pictures."""
    found = await visit.services.directory.find_channel(channel)
    if not any(each.playable and owner in ("", each.owner) for each in found):
        raise Problem(404, "unknown-channel", f"Nobody here has a channel {channel} with pictures.")


def unknown(id: str) -> Problem:
    return Problem(404, "unknown-snapshot", f"There is no photograph {id}.")


def disk_failed(error: OSError) -> Problem:
    return Problem(503, "disk-failed", f"The photograph cannot be kept: {error.strerror or error}.")


@route(
    "GET",
    "/channels/{owner}/{code}/snapshot",
    role=Role.VIEWER,
    problems=(404, 409, 502, 503, 504),
    media_type="image/jpeg",
)
async def look(visit: Visit, owner: Code, code: Code, query: LookQuery) -> web.Response:
    """A photograph of now, kept nowhere: of the running stream, or of a short call when none runs. "-" for the owner
    asks whoever has the channel."""
    asked = "" if owner == ANY else owner
    await known(visit, asked, code)
    seen = await darkroom(visit).look(
        asked,
        code,
        query.stream,
        width=query.width,
        quality=query.quality,
        by=visit.who.shown,
        identity=visit.identity,
    )
    headers = {"Cache-Control": "no-store", "X-Seen-At": f"{seen.at:.3f}"}
    return web.Response(body=seen.photograph.jpeg, content_type="image/jpeg", headers=headers)


@route(
    "POST",
    "/snapshots",
    role=Role.OPERATOR,
    status=201,
    problems=(404, 409, 502, 503, 504),
    body_example=SnapshotWish(owner=CAMERA, channel=CAMERA),
    example=EXAMPLE,
)
async def take(visit: Visit, body: SnapshotWish) -> SnapshotItem:
    """Take a photograph and keep it."""
    visit.concerns(body.owner, body.channel)
    await known(visit, body.owner, body.channel)
    try:
        shot = await darkroom(visit).take(
            body.owner, body.channel, body.stream, by=visit.who.shown, identity=visit.identity
        )
    except OSError as error:
        raise disk_failed(error) from None
    return item(shot)


@route("GET", "/snapshots", role=Role.VIEWER, problems=(404,), example=SnapshotList([EXAMPLE], None))
async def snapshots(visit: Visit, query: AlbumQuery) -> SnapshotList:
    """Photographs that are kept, newest first: of one channel, or the newest of all."""
    found = await darkroom(visit).shots(query.channel, query.before, query.limit + 1)
    shown = found[: query.limit]
    return SnapshotList([item(shot) for shot in shown], shown[-1].id if len(found) > len(shown) else None)


@route("GET", "/snapshots/{id}/picture", role=Role.VIEWER, problems=(404,), media_type="image/jpeg")
async def picture(visit: Visit, id: Ident, query: PictureQuery) -> web.StreamResponse:
    """The photograph itself, or the small one."""
    path = await darkroom(visit).file(id, small=query.small)
    if path is None:
        raise unknown(id)
    headers = {
        "Content-Type": "image/jpeg",
        "Content-Disposition": f'inline; filename="{id}.jpg"',
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    return web.FileResponse(path, headers=headers)


@route("DELETE", "/snapshots/{id}", role=Role.OPERATOR, problems=(404,))
async def remove(visit: Visit, id: Ident) -> None:
    """Throw a photograph away."""
    if not await darkroom(visit).remove(id):
        raise unknown(id)


@route("GET", "/snapshot-plans", role=Role.VIEWER, problems=(404,), example=PlanList([PLAN]))
async def plans(visit: Visit) -> PlanList:
    """Which channels are photographed by the clock, and how that fares."""
    return PlanList([plan_item(view) for view in plans_of(visit).views()])


@route(
    "PUT",
    "/channels/{owner}/{code}/snapshot-plan",
    role=Role.OPERATOR,
    problems=(404, 503),
    body_example=PlanWish(10),
    example=PLAN,
)
async def plan(visit: Visit, owner: Code, code: Code, body: PlanWish) -> PlanItem:
    """Photograph a channel every so many minutes, in the place of what was planned before."""
    asked = "" if owner == ANY else owner
    await known(visit, asked, code)
    try:
        return plan_item(await plans_of(visit).put(Plan(asked, code, body.every_min, body.stream)))
    except OSError as error:
        raise disk_failed(error) from None


@route("DELETE", "/channels/{owner}/{code}/snapshot-plan", role=Role.OPERATOR, problems=(404, 503))
async def unplan(visit: Visit, owner: Code, code: Code) -> None:
    """Photograph a channel by the clock no more."""
    try:
        if not await plans_of(visit).remove("" if owner == ANY else owner, code):
            raise Problem(404, "unknown-plan", f"{code} is not photographed by plan.")
    except OSError as error:
        raise disk_failed(error) from None
