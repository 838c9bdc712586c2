"""Live pictures: a wish to see a channel becomes an address to play, and the streams that flow."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from broker.watch import Lease, NoCapacity, OutletKind, Watch, WatchKind
from web.api.serving import full, wanted_codec
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Ident
from web.views import (
    Audio,
    Figures,
    SeatItem,
    StreamItem,
    Video,
    WorkerItem,
    audio_view,
    stream_view,
    video_view,
    worker_view,
)

LONGEST_ORIGIN = 255
StreamNumber = Annotated[int, Meta(ge=0, le=3)]
Owner = Annotated[str, Meta(max_length=64)]
Moment = Annotated[int, Meta(ge=0, le=2**32)]


class LiveWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`stream` 0 is the main stream, 1 the first sub stream. `audio` false spares the way the sound.

    Without `owner` the house chooses whom to ask, and asks a second one when the first fails. `via` are the platforms
    to come by, from us down; they are a wish. `codec` h264 has pictures of another codec encoded anew, smaller, while
    there is a place for it; with the formats webrtc and hls only. Of a recording, `start` and `stop` are UNIX seconds.
    """

    channel: Code
    owner: Owner = ""
    kind: Literal["live", "playback"] = "live"
    start: Moment = 0
    stop: Moment = 0
    via: Annotated[tuple[Code, ...], Meta(max_length=8)] = ()
    format: OutletKind = OutletKind.FMP4_WS
    stream: StreamNumber = 0
    audio: bool = True
    codec: Literal["", "h264"] = ""


class LiveView(msgspec.Struct, frozen=True):
    """A place at a stream. `url` is signed, and good for one player for a short while: a path on this server, or a
    whole address when a media host of another machine has the stream.

    `path` are the platforms the stream comes by, ours first; `owner` is whom we asked. Of the format webrtc, `url` is
    where the player sends its offer (POST, application/sdp). `recoded` is the codec that the camera sends, when it is
    encoded anew for this player; `video` is what the player gets.
    """

    lease: str
    url: str
    format: OutletKind
    call_id: str
    video: Video
    audio: Audio | None
    owner: str = ""
    path: tuple[str, ...] = ()
    recoded: str = ""


class StreamQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`channel` asks for the streams of one channel only."""

    channel: Annotated[str, Meta(max_length=64)] = ""


class StreamList(msgspec.Struct, frozen=True):
    items: list[StreamItem]


class WorkerList(msgspec.Struct, frozen=True):
    items: list[WorkerItem]


VIDEO = Video("H264", 1920, 1080, 25.0, "avc1.64001F")
AUDIO = Audio("G711A", 8000, 1, "mp4a.40.2")
LIVE_EXAMPLE = LiveView(
    "l-91",
    "/media/i7/o3.mp4?e=1795226460&s=0f3a",
    OutletKind.FMP4_WS,
    "5e0c@10.0.0.9",
    VIDEO,
    AUDIO,
    "34020200002000000001",
    ("34020000002000000001", "34020200002000000001"),
)
STREAM_EXAMPLE = StreamItem(
    id="s-7",
    owner="34020000001320000001",
    channel="34020000001320000001",
    state="flowing",
    stream_number=0,
    transport="tcp-passive",
    ssrc="0200000001",
    call_id="5e0c@10.0.0.9",
    viewers=("wang",),
    started_at=1795226400.0,
    failure=None,
    statistics=Figures(
        9120,
        11_400_000,
        0,
        2,
        0,
        0,
        0,
        750,
        30,
        1,
        0.02,
        VIDEO,
        AUDIO,
        bitrate_bps=4_000_000.0,
        packets_per_s=376.0,
        fps=25.0,
        jitter_s=0.002,
        gop_frames=50,
        gop_s=2.0,
        key_frame_age_s=0.7,
        seats=(SeatItem("wang", "ws-fmp4", 8_210_334, 0, 0.0, 0, 0),),
    ),
)
WORKER_EXAMPLE = WorkerItem("local", "up", 0.12, 210_000_000, 4, 6, 1, 1504.0, 16_000_000.0, 0.0, 0, 0, 86_400.0)


@route(
    "POST",
    "/live",
    role=Role.VIEWER,
    status=201,
    problems=(404, 409, 429, 502, 503, 504),
    body_example=LiveWish(owner="34020000001320000001", channel="34020000001320000001"),
    example=LIVE_EXAMPLE,
)
async def watch(visit: Visit, body: LiveWish) -> LiveView:
    """See a channel live. Waits for the first picture; a failure says at which hop, and what was on the port."""
    visit.concerns(body.owner, body.channel)
    kind = WatchKind(body.kind)
    if not kind.is_live and not 0 < body.start < body.stop:
        raise Problem(400, "recording-span", "A recording has a start and a later stop.")
    wish = Watch(
        owner=body.owner,
        channel=body.channel,
        outlet=body.format,
        stream_number=body.stream,
        audio=body.audio,
        kind=kind,
        start=0 if kind.is_live else body.start,
        stop=0 if kind.is_live else body.stop,
        via=body.via,
        viewer=visit.who.shown,
        identity=visit.identity,
    )
    lease = await visit.desk.leases.watch(visit.who, wish)
    visit.concerns(lease.watch.owner, body.channel)
    if visit.has_left:
        await visit.desk.leases.release(visit.who, lease.id)
    _introduce(visit)
    video, recoded = video_view(lease.video), ""
    codec = wanted_codec(lease, body.codec) if body.format.is_made else ""
    try:
        if codec:
            video, recoded = await _recoded(visit, lease, codec), str(lease.video.codec)
        url = await _address_of(visit, lease, codec)
    except BaseException as error:
        await visit.desk.leases.release(visit.who, lease.id)
        if isinstance(error, NoCapacity):
            raise full(error) from None
        raise
    return LiveView(
        lease=lease.id,
        url=url,
        format=body.format,
        call_id=lease.call_id,
        video=video,
        audio=audio_view(lease.audio),
        owner=lease.watch.owner,
        path=lease.path,
        recoded=recoded,
    )


async def _recoded(visit: Visit, lease: Lease, codec: str) -> Video:
    """What a player gets of a stream that is encoded anew. Raises NoCapacity, and a Problem where it cannot be."""
    found = visit.services.servings
    if found is None:
        raise NoCapacity("this server encodes nothing anew")
    try:
        made = await found.facts(lease, codec)
    except ValueError as error:
        raise Problem(406, "not-for-webrtc", str(error)) from None
    return Video(str(made.video), made.width, made.height, made.fps, made.mime)


async def _address_of(visit: Visit, lease: Lease, codec: str) -> str:
    """Where the player goes with its lease. Raises NoCapacity when what it wants cannot be made."""
    if lease.watch.outlet is OutletKind.WEBRTC:
        return f"/api/v1/live/{lease.id}/whep" + (f"?codec={codec}" if codec else "")
    if lease.watch.outlet is not OutletKind.HLS:
        return lease.address
    found = visit.services.servings
    if found is None:
        raise NoCapacity("this server makes no HLS")
    return f"/hls/{await found.open_hls(lease, codec)}/index.m3u8"


def _introduce(visit: Visit) -> None:
    """A media host answers pages of ours only; this is where it learns of theirs."""
    origin = visit.request.headers.get("Origin", "")
    if 0 < len(origin) <= LONGEST_ORIGIN and visit.desk.gate.is_same_origin(visit.request):
        visit.services.media_admit(origin)


@route("DELETE", "/live/{lease}", role=Role.VIEWER, problems=(404,))
async def leave(visit: Visit, lease: Ident) -> None:
    """Give a picture back. The stream flows on a little for whoever comes next."""
    if not await visit.desk.leases.release(visit.who, lease):
        raise Problem(404, "unknown-lease", "You do not hold this picture.")


@route("GET", "/streams", role=Role.VIEWER, example=StreamList([STREAM_EXAMPLE]))
async def streams(visit: Visit, query: StreamQuery) -> StreamList:
    """All streams that flow, ring or have failed, with what was counted on their way in."""
    services = visit.services
    wanted = (each for each in services.broker.streams() if query.channel in ("", each.channel))
    return StreamList([stream_view(each, services.stream_statistics(each.id)) for each in wanted])


@route("GET", "/workers", role=Role.VIEWER, example=WorkerList([WORKER_EXAMPLE]))
async def workers(visit: Visit) -> WorkerList:
    """The processes that carry media, and how much of a core each uses."""
    return WorkerList([worker_view(worker) for worker in visit.services.workers()])


@route("DELETE", "/streams/{id}", role=Role.OPERATOR, problems=(404,))
async def cut(visit: Visit, id: Ident) -> None:
    """Cut a stream at its source, whoever watches."""
    if not await visit.services.broker.stop(id):
        raise Problem(404, "unknown-stream", f"There is no stream {id}.")
