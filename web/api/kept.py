"""What we have recorded ourselves of a channel: bands for a timeline, the files under them, and their protection."""

from __future__ import annotations

import math
import time
from contextlib import aclosing
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from broker.exporting import CannotExport
from broker.watch import RecordingForm
from web.api.plans import GapView, desk_of, gap_view
from web.api.recordings import TYPES, SegmentItem
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code

LONGEST_S = 366 * 86_400
LONGEST_FILES_S = 8 * 86_400
LONGEST_EXPORT_S = 86_400
Moment = Annotated[float, Meta(ge=0, le=2**32)]


class KeptQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A window in UNIX seconds; of one stream or of all."""

    start: Moment
    end: Moment
    stream: Annotated[int, Meta(ge=0, le=9)] | None = None


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A window of a day at the longest, in UNIX seconds."""

    start: Moment
    end: Moment
    form: Literal["mp4", "ps"] = "mp4"
    stream: Annotated[int, Meta(ge=0, le=9)] = 0


class KeptBand(msgspec.Struct, frozen=True):
    """A stretch without a gap. `kind` is time, alarm, manual, or filled for what was fetched from the device later."""

    start: float
    end: float
    kind: str
    stream: int
    bytes: int
    files: int
    locked: bool


class KeptList(msgspec.Struct, frozen=True):
    """What is kept, and what is missing by the plan."""

    items: list[KeptBand]
    gaps: list[GapView]


class KeptFiles(msgspec.Struct, frozen=True):
    items: list[SegmentItem]


class LockWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files that overlap the window are kept whatever happens (`locked`), or no longer."""

    start: Moment
    end: Moment
    locked: bool = True


BAND = KeptBand(1795881600.0, 1795885200.0, "time", 0, 1_800_000_000, 12, False)
FILE = SegmentItem(
    "20261129T000000.250Z.mp4",
    1795881600.25,
    1795881900.25,
    150_331_020,
    7500,
    "/api/v1/recordings/20261129T000000-5e0c91aa/segments/20261129T000000.250Z.mp4",
)


@route("GET", "/channels/{owner}/{code}/kept", role=Role.OPERATOR, problems=(404,), example=KeptList([BAND], []))
async def kept(visit: Visit, owner: Code, code: Code, query: KeptQuery) -> KeptList:
    """What we have recorded of a channel, as bands."""
    start_ms, end_ms = _window(query.start, query.end, LONGEST_S)
    desk = desk_of(visit)
    archive = desk.archive
    opened = desk.recordings.open_files(owner, code)
    found = await archive.records(owner, code, start_ms, end_ms, query.stream, opened)
    gaps = [
        gap_view(gap)
        for key in archive.plans()
        if key[:2] == (owner, code) and query.stream in (None, key.stream)
        for gap in archive.gaps(key)
        if gap.start_ms < end_ms and gap.end_ms > start_ms
    ]
    bands = [
        KeptBand(each.start_ms / 1000, each.end_ms / 1000, each.kind, each.stream, each.bytes, each.files, each.locked)
        for each in found
    ]
    return KeptList(bands, gaps)


@route("GET", "/channels/{owner}/{code}/kept/files", role=Role.OPERATOR, problems=(404,), example=KeptFiles([FILE]))
async def kept_files(visit: Visit, owner: Code, code: Code, query: KeptQuery) -> KeptFiles:
    """The files of a window, in order; each can be taken home whole or in ranges."""
    start_ms, end_ms = _window(query.start, query.end, LONGEST_FILES_S)
    found = await desk_of(visit).archive.find(owner, code, start_ms, end_ms, query.stream)
    return KeptFiles(
        [
            SegmentItem(
                row.name,
                row.start_ms / 1000,
                row.end_ms / 1000,
                row.bytes,
                row.frames,
                f"/api/v1/recordings/{row.recording}/segments/{row.name}",
            )
            for row in found
        ]
    )


@route(
    "POST",
    "/channels/{owner}/{code}/kept/lock",
    role=Role.OPERATOR,
    problems=(404,),
    body_example=LockWish(1795881600.0, 1795885200.0),
)
async def lock(visit: Visit, owner: Code, code: Code, body: LockWish) -> None:
    """Protect what was recorded in a window from being deleted, or release it."""
    visit.target = f"{owner}/{code} {body.start:.0f}-{body.end:.0f} {'locked' if body.locked else 'released'}"
    start_ms, end_ms = _window(body.start, body.end, LONGEST_S)
    await desk_of(visit).archive.lock(owner, code, start_ms, end_ms, body.locked)


def _window(start: float, end: float, longest_s: float) -> tuple[int, int]:
    if not 0 < end - start <= longest_s:
        days = longest_s // 86_400
        raise Problem(400, "record-window", f"A search has a start and a later end, at most {days:.0f} days apart.")
    return int(start * 1000), int(end * 1000)


@route(
    "GET",
    "/channels/{owner}/{code}/kept/export",
    role=Role.OPERATOR,
    problems=(404, 409, 503),
    media_type="video/mp4",
    streams=True,
)
async def export(visit: Visit, owner: Code, code: Code, query: ExportQuery) -> web.StreamResponse:
    """What we recorded in a window as one film, its files joined without coding anything anew."""
    _window(query.start, query.end, LONGEST_EXPORT_S)
    exports = visit.services.exports
    if exports is None:
        raise Problem(404, "no-recordings", "This server keeps no recordings.")
    form = RecordingForm(query.form)
    start, stop = int(query.start), math.ceil(query.end)
    try:
        film = await exports.film(owner, code, query.stream, start, stop, form)
    except CannotExport as no:
        status = {"not-recorded": 404, "other-picture": 409}.get(no.code, 503)
        raise Problem(status, no.code, str(no)) from None
    stamp = time.strftime("%Y%m%dT%H%M%S", time.localtime(start))
    response = web.StreamResponse(
        headers={
            "Content-Type": TYPES[f".{form}"],
            "Content-Disposition": f'attachment; filename="{_plain(code)}_{stamp}.{form}"',
            "Cache-Control": "private, no-store",
        }
    )
    await response.prepare(visit.request)
    async with aclosing(film) as pieces:
        async for piece in pieces:
            await response.write(piece)
    await response.write_eof()
    await visit.audit("kept.export", f"{owner}/{code} {start}-{stop}", "ok")
    return response


def _plain(code: str) -> str:
    """A code as part of a file's name."""
    return "".join(sign for sign in code if sign.isascii() and sign.isalnum())
