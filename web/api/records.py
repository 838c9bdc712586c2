"""What devices have recorded of a channel, for a timeline."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from broker.archives import Archives, Found, NeedsNewerEdition, Sought
from registry.channel import Channel
from registry.recorded import Piece, covered_s, runs
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Label

LONGEST_S = 32 * 86_400
Moment = Annotated[float, Meta(ge=0, le=2**32)]
Digits = Annotated[str, Meta(max_length=32, pattern=r"^[0-9/]*$")]


class RecordQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A window in UNIX seconds, of 32 days at the longest, and the filters of RecordInfo.

    `stream`, `alarm_method` and `alarm_type` are of the 2022 edition; a device of 2016 is not asked. `fresh` asks the
    device though its answer of a moment ago is still known.
    """

    start: Moment
    end: Moment
    kind: Literal["all", "time", "alarm", "manual"] = "all"
    path: Label = ""
    address: Label = ""
    secret: bool = False
    recorder: Label = ""
    indistinct: bool = False
    stream: Annotated[int, Meta(ge=0, le=3)] | None = None
    alarm_method: Digits = ""
    alarm_type: Digits = ""
    fresh: bool = False


class RecordPiece(msgspec.Struct, frozen=True):
    """A stretch that is recorded. `kind` is time, alarm, manual or "" when the device did not say."""

    start: float
    end: float
    kind: str
    name: str
    path: str
    address: str
    size: int | None
    stream: int | None
    location: str


class RecordSpan(msgspec.Struct, frozen=True):
    start: float
    end: float


class RecordList(msgspec.Struct, frozen=True):
    """`runs` are stretches without a gap. `got` of `expected` items came; the days whose beginnings stand in `partial`
    were not told whole, and nothing may be concluded from what is missing there."""

    items: list[RecordPiece]
    runs: list[RecordSpan]
    seconds: float
    got: int
    expected: int
    complete: bool
    partial: list[float]


EXAMPLE = RecordList(
    [
        RecordPiece(
            1795881600.0, 1795885200.0, "time", "time 1795881600", "/1/1795881600", "disk 1", 1_350_000_000, 0, ""
        )
    ],
    [RecordSpan(1795881600.0, 1795885200.0)],
    3600.0,
    1,
    1,
    True,
    [],
)


@route("GET", "/channels/{owner}/{code}/records", role=Role.OPERATOR, problems=(404, 409, 502, 504), example=EXAMPLE)
async def records(visit: Visit, owner: Code, code: Code, query: RecordQuery) -> RecordList:
    """What the device has recorded of a channel. Each day is asked for by itself and known for a short while."""
    if not 0 < query.end - query.start <= LONGEST_S:
        raise Problem(400, "record-window", "A search has a start and a later end, at most 32 days apart.")
    if query.fresh:
        archives_of(visit).forget(owner, code)
    sought = Sought(
        query.kind,
        query.path,
        query.address,
        query.secret,
        query.recorder,
        query.indistinct,
        query.stream,
        query.alarm_method,
        query.alarm_type,
    )
    return listed(await search(visit, owner, code, query.start, query.end, sought), query.start, query.end)


async def search(visit: Visit, owner: str, code: str, start: float, end: float, sought: Sought = Sought()) -> Found:
    """Ask whoever has the channel. Raises Problem, PeerError."""
    channel = await channel_of(visit, owner, code)
    platforms = len(visit.services.directory.platforms_to(channel))
    try:
        return await archives_of(visit).search(owner, code, start, end, sought, platforms=platforms)
    except NeedsNewerEdition as error:
        raise Problem(409, "needs-2022", str(error), {"words": error.words}) from None


async def channel_of(visit: Visit, owner: str, code: str) -> Channel:
    found = await visit.services.directory.channel(owner, code)
    if found is None:
        raise Problem(404, "unknown-channel", f"{owner} has no channel {code}.")
    return found


def archives_of(visit: Visit) -> Archives:
    found = visit.services.archives
    if found is None:
        raise Problem(404, "no-archives", "This server searches no recordings.")
    return found


def listed(found: Found, start: float, end: float) -> RecordList:
    return RecordList(
        [_piece(each) for each in found.pieces],
        [RecordSpan(run.start, run.end) for run in runs(found.pieces)],
        covered_s(found.pieces, start, end),
        found.got,
        found.expected,
        found.is_complete,
        list(found.partial),
    )


def _piece(piece: Piece) -> RecordPiece:
    return RecordPiece(
        piece.start,
        piece.end,
        piece.kind,
        piece.name,
        piece.path,
        piece.address,
        piece.size,
        piece.stream,
        piece.location,
    )
