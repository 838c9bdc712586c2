"""Recordings of devices taken home: ordered, watched, gone on with, and fetched by id, never by path."""

from __future__ import annotations

import re
from typing import Literal

import msgspec
from aiohttp import web

from broker.download_job import Job
from broker.downloads import Downloads, TooMany
from web.api.live import StreamNumber
from web.api.playbacks import Moment
from web.api.records import RecordSpan, channel_of
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Ident

TYPES = {"mp4": "video/mp4", "ps": "video/MP2P"}
SHORTEST_S = 1.0


class DownloadWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A span of a channel's recordings, in UNIX seconds. `speed` is asked of the device (a=downloadspeed)."""

    owner: Code
    channel: Code
    stream: StreamNumber = 0
    start: Moment
    end: Moment
    speed: Literal[1, 2, 4, 8] = 4


class DownloadFile(msgspec.Struct, frozen=True):
    form: str
    bytes: int
    url: str


class DownloadView(msgspec.Struct, frozen=True):
    """`state` is queued, running, waiting, interrupted, done, short or failed; `note` says why, as a key or in words.

    `expected_s` is what the device lists of the span (all of it where it lists nothing, and then `listed` is false),
    `covered_s` what is in the files, `gaps` what it lists and did not give. `files` are there when they are closed and
    measured.
    """

    id: str
    owner: str
    channel: str
    stream: int
    start: float
    end: float
    speed: int
    by: str
    created_at: float
    ended_at: float | None
    state: str
    note: str
    progress: float
    expected_s: float
    covered_s: float
    listed: bool
    runs: list[RecordSpan]
    gaps: list[RecordSpan]
    frames: int
    losses: int
    files: list[DownloadFile]


class DownloadList(msgspec.Struct, frozen=True):
    items: list[DownloadView]


CODE = "34020000001320000001"
NAME = "download-20261129T101500-5e0c91aa"
EXAMPLE = DownloadView(
    NAME,
    CODE,
    CODE,
    0,
    1795881600.0,
    1795882200.0,
    4,
    "wang",
    1795945700.0,
    1795945860.0,
    "done",
    "",
    1.0,
    600.0,
    600.0,
    True,
    [RecordSpan(1795881600.0, 1795882200.0)],
    [],
    15000,
    0,
    [DownloadFile("mp4", 150_331_020, f"/api/v1/downloads/{NAME}/files/mp4")],
)


@route(
    "POST",
    "/downloads",
    role=Role.OPERATOR,
    status=201,
    problems=(404, 503),
    body_example=DownloadWish(owner=CODE, channel=CODE, start=1795881600.0, end=1795882200.0),
    example=EXAMPLE,
)
async def order(visit: Visit, body: DownloadWish) -> DownloadView:
    """Take a span of a device's recordings home. Comes back at once; `download` in the news tells how it goes."""
    visit.target = f"{body.owner}/{body.channel}"
    kept = downloads_of(visit)
    longest_s = kept.settings.longest_hours * 3600
    if not SHORTEST_S <= body.end - body.start <= longest_s:
        raise Problem(400, "download-span", f"A download spans a second to {kept.settings.longest_hours} hours.")
    await channel_of(visit, body.owner, body.channel)
    try:
        job = await kept.start(body.owner, body.channel, body.stream, body.start, body.end, body.speed, visit.who.shown)
    except TooMany as error:
        raise Problem(503, "no-capacity", str(error)) from None
    except OSError as error:
        raise Problem(503, "disk-failed", f"The download's folder cannot be made: {error.strerror}.") from None
    return view(job)


@route("GET", "/downloads", role=Role.OPERATOR, problems=(404,), example=DownloadList([EXAMPLE]))
async def downloads(visit: Visit) -> DownloadList:
    """All that are kept, newest first."""
    return DownloadList([view(job) for job in downloads_of(visit).jobs()])


@route("GET", "/downloads/{id}", role=Role.OPERATOR, problems=(404,), example=EXAMPLE)
async def look(visit: Visit, id: Ident) -> DownloadView:
    """How it stands."""
    return view(_known(downloads_of(visit).job(id), id))


@route("POST", "/downloads/{id}/interrupt", role=Role.OPERATOR, problems=(404,), example=EXAMPLE)
async def interrupt(visit: Visit, id: Ident) -> DownloadView:
    """Stop for now; what came stays and is gone on from."""
    return view(_known(await downloads_of(visit).interrupt(id), id))


@route("POST", "/downloads/{id}/resume", role=Role.OPERATOR, problems=(404, 503), example=EXAMPLE)
async def resume(visit: Visit, id: Ident) -> DownloadView:
    """Go on with one that was interrupted, failed or came short, from where it stands."""
    try:
        return view(_known(await downloads_of(visit).resume(id), id))
    except OSError as error:
        raise Problem(503, "disk-failed", f"The download cannot be written down: {error.strerror}.") from None


@route("DELETE", "/downloads/{id}", role=Role.OPERATOR, problems=(404,))
async def remove(visit: Visit, id: Ident) -> None:
    """Delete one with its files, whatever it does."""
    if not await downloads_of(visit).remove(id):
        raise _unknown(id)


@route("GET", "/downloads/{id}/files/{form}", role=Role.OPERATOR, problems=(404,), media_type="video/mp4")
async def take(visit: Visit, id: Ident, form: Ident) -> web.StreamResponse:
    """One of its files, whole or in ranges; there is none before it is closed and measured."""
    path = await downloads_of(visit).file(id, form)
    job = downloads_of(visit).job(id)
    if path is None or job is None:
        raise _unknown(f"{id}/{form}")
    name = f"{re.sub(r'[^0-9A-Za-z]', '', job.channel)}_{int(job.start)}_{int(job.end)}.{form}"
    headers = {
        "Content-Type": TYPES[form],
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-cache",
    }
    return web.FileResponse(path, headers=headers)


def downloads_of(visit: Visit) -> Downloads:
    found = visit.services.downloads
    if found is None:
        raise Problem(404, "no-archives", "This server takes no recordings home.")
    return found


def view(job: Job) -> DownloadView:
    base = f"/api/v1/downloads/{job.id}/files/"
    sizes = (("mp4", job.mp4_bytes), ("ps", job.ps_bytes))
    return DownloadView(
        job.id,
        job.owner,
        job.channel,
        job.stream,
        job.start,
        job.end,
        job.speed,
        job.by,
        job.created_at,
        job.ended_at,
        str(job.state),
        job.note,
        job.progress,
        job.expected_s,
        job.covered_s,
        job.is_listed,
        [RecordSpan(*run) for run in job.runs],
        [RecordSpan(*gap) for gap in job.gaps],
        job.frames,
        job.losses,
        [DownloadFile(form, size, base + form) for form, size in sizes if job.state.has_files and size],
    )


def _known(job: Job | None, id: str) -> Job:
    if job is None:
        raise _unknown(id)
    return job


def _unknown(id: str) -> Problem:
    return Problem(404, "unknown-download", f"There is no download {id}.")
