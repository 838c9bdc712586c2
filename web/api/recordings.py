"""Recordings by hand: begun and ended on a channel, listed, and their files taken home, by id and never by path."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from broker.recordings import Recordings, RecordingView, TooMany
from broker.watch import RecordingForm
from web.api.live import Owner, StreamNumber
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Ident, Limit


class RecordingWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`form` mp4 plays everywhere; ps keeps the sound as the camera sent it."""

    channel: Code
    owner: Owner = ""
    stream: StreamNumber = 0
    form: RecordingForm = RecordingForm.MP4


class RecordingQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    channel: Annotated[str, Meta(max_length=64)] = ""
    running: bool = False
    """Only those that run now."""
    limit: Limit = 100


class RecordingItem(msgspec.Struct, frozen=True):
    """`state` is asking, recording, troubled, waiting or ended. Times are UNIX seconds."""

    id: str
    owner: str
    channel: str
    stream: int
    form: str
    by: str
    started_at: float
    ended_at: float | None
    state: str
    note: str
    segments: int
    bytes: int
    seconds: float
    kind: str = "manual"
    """Who wanted it: manual, time (a plan), alarm, or filled from the device's own storage later."""


class RecordingList(msgspec.Struct, frozen=True):
    items: list[RecordingItem]


class SegmentItem(msgspec.Struct, frozen=True):
    """A file of a recording. Times are UNIX seconds; `url` is where it is taken from."""

    name: str
    start: float
    end: float
    bytes: int
    frames: int
    url: str


class SegmentList(msgspec.Struct, frozen=True):
    items: list[SegmentItem]


EXAMPLE = RecordingItem(
    id="20261129T101500-5e0c91aa",
    owner="34020000001320000001",
    channel="34020000001320000001",
    stream=0,
    form="mp4",
    by="wang",
    started_at=1795945700.0,
    ended_at=None,
    state="recording",
    note="",
    segments=3,
    bytes=412_000_331,
    seconds=912.0,
)
SEGMENT = SegmentItem(
    "20261129T101500.250Z.mp4",
    1795945700.25,
    1795946000.25,
    150_331_020,
    7500,
    "/api/v1/recordings/20261129T101500-5e0c91aa/segments/20261129T101500.250Z.mp4",
)
TYPES = {".mp4": "video/mp4", ".ps": "video/MP2P"}


def view(seen: RecordingView) -> RecordingItem:
    about = seen.about
    return RecordingItem(
        about.id,
        about.owner,
        about.channel,
        about.stream,
        about.form,
        about.by,
        about.started_at,
        about.ended_at,
        seen.state,
        seen.note,
        seen.segments,
        seen.bytes,
        seen.seconds,
        about.kind,
    )


def shelf(visit: Visit) -> Recordings:
    found = visit.services.recordings
    if found is None:
        raise Problem(404, "no-recordings", "This server keeps no recordings.")
    return found


def unknown(recording: str) -> Problem:
    return Problem(404, "unknown-recording", f"There is no recording {recording}.")


@route("GET", "/recordings", role=Role.OPERATOR, problems=(404,), example=RecordingList([EXAMPLE]))
async def recordings(visit: Visit, query: RecordingQuery) -> RecordingList:
    """Recordings, newest first: those that run and those that have ended."""
    kept = shelf(visit)
    if query.running:
        return RecordingList([view(each) for each in kept.running() if query.channel in ("", each.about.channel)])
    return RecordingList([view(each) for each in await kept.shelf(query.channel, query.limit)])


@route(
    "POST",
    "/recordings",
    role=Role.OPERATOR,
    status=201,
    problems=(404, 503),
    body_example=RecordingWish(owner="34020000001320000001", channel="34020000001320000001"),
    example=EXAMPLE,
)
async def begin(visit: Visit, body: RecordingWish) -> RecordingItem:
    """Record a channel from now on, until it is ended. Comes back at once; a channel that is recorded already is
    not recorded twice."""
    visit.concerns(body.owner, body.channel)
    found = await visit.services.directory.find_channel(body.channel)
    if not any(each.playable and body.owner in ("", each.owner) for each in found):
        raise Problem(404, "unknown-channel", f"Nobody here has a channel {body.channel} with pictures.")
    try:
        return view(
            await shelf(visit).start(body.owner, body.channel, body.stream, visit.who.shown, RecordingForm(body.form))
        )
    except TooMany as error:
        raise Problem(503, "no-capacity", str(error)) from None
    except OSError as error:
        raise Problem(503, "disk-failed", f"The recording's folder cannot be made: {error.strerror}.") from None


@route("POST", "/recordings/{id}/stop", role=Role.OPERATOR, problems=(404,), example=EXAMPLE)
async def end(visit: Visit, id: Ident) -> RecordingItem:
    """End a recording; what was recorded stays."""
    ended = await shelf(visit).stop(id)
    if ended is None:
        raise unknown(id)
    return view(ended)


@route("DELETE", "/recordings/{id}", problems=(404, 409))
async def remove(visit: Visit, id: Ident) -> None:
    """Delete a recording that has ended, with all its files."""
    try:
        if not await shelf(visit).remove(id):
            raise unknown(id)
    except ValueError:
        raise Problem(409, "recording-runs", "It is being recorded; end it first.") from None


@route("GET", "/recordings/{id}/segments", role=Role.OPERATOR, problems=(404,), example=SegmentList([SEGMENT]))
async def segments(visit: Visit, id: Ident) -> SegmentList:
    """The whole files of a recording, oldest first."""
    found = await shelf(visit).segments(id)
    if found is None:
        raise unknown(id)
    base = f"/api/v1/recordings/{id}/segments/"
    return SegmentList(
        [
            SegmentItem(each.name, each.start_ms / 1000, each.end_ms / 1000, each.bytes, each.frames, base + each.name)
            for each in found
        ]
    )


@route("GET", "/recordings/{id}/segments/{name}", role=Role.OPERATOR, problems=(404,), media_type="video/mp4")
async def take(visit: Visit, id: Ident, name: Ident) -> web.StreamResponse:
    """One file, whole or in ranges."""
    path = await shelf(visit).file(id, name)
    if path is None:
        raise unknown(f"{id}/{name}")
    headers = {
        "Content-Type": TYPES.get(path.suffix, "application/octet-stream"),
        "Content-Disposition": f'attachment; filename="{id}_{path.name}"',
        "Cache-Control": "private, max-age=86400",
    }
    return web.FileResponse(path, headers=headers)
