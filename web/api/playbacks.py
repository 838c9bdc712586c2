"""Recordings of devices played: one transport bar for up to nine channels in step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from broker.archives import NeedsNewerEdition
from broker.playback_track import ControlRefused, Origin, Sitting, TrackView
from broker.playbacks import SPEEDS, Playback, Playbacks, PlaybackView, TooMany
from broker.watch import Lease, OutletKind, Watch
from web.api.live import VIDEO, StreamNumber
from web.auth import Role, Who
from web.desk import Visit
from web.errors import Problem
from web.leases import Leases
from web.routing import route
from web.texts import Code, Ident
from web.views import Video, video_view

Moment = Annotated[float, Meta(ge=1, le=2**32)]
Speed = Annotated[float, Meta(ge=-4, le=16, description="0.125 to 16, or -1, -2, -4 backwards (edition 2022)")]
BACKWARDS = (-1.0, -2.0, -4.0)


class PlayedChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    owner: Code
    channel: Code
    stream: StreamNumber = 0


class PlaybackWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Channels, and the UNIX second from which they play. `origin` says whose recording: the device's, our own, or
    (auto) ours where there is one and the device's where not.

    Where one has nothing it waits for the others to come to where it has; one alone begins where there is something."""

    channels: Annotated[tuple[PlayedChannel, ...], Meta(min_length=1, max_length=9)]
    at: Moment
    speed: Speed = 1.0
    origin: Origin = Origin.AUTO
    format: OutletKind = OutletKind.FMP4_WS
    audio: bool = False


class Transport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One thing to do: pause, resume, go to a moment (`at`), or another `speed`."""

    do: Literal["pause", "resume", "seek", "speed"]
    at: Moment | None = None
    speed: Speed | None = None


class PlayedView(msgspec.Struct, frozen=True):
    """One channel. `state` is asking, playing, paused, gap, ended, failed or left; `position` is UNIX seconds of the
    recording. `url` is signed and good for one player; with another `lease` there is another picture to take.
    `real_speed` is measured, and `ignores_speed` that the device took a speed and plays at the usual one. `own` is that
    it is our own recording, which costs the device nothing; backwards it shows its key frames."""

    owner: str
    channel: str
    state: str
    note: str
    position: float
    start: float
    stop: float
    speed: float
    real_speed: float
    ignores_speed: bool
    lease: str | None
    url: str | None
    format: OutletKind | None
    call_id: str | None
    video: Video | None
    next_at: float | None
    own: bool = False


class PlaybackState(msgspec.Struct, frozen=True):
    """`drift_s` is how far apart the channels are; beyond a second they are brought together."""

    id: str
    position: float
    speed: float
    paused: bool
    drift_s: float
    channels: list[PlayedView]


CODE = "34020000001320000001"
EXAMPLE = PlaybackState(
    "9f0c2e61d3a4b588",
    1795881612.5,
    1.0,
    False,
    0.0,
    [
        PlayedView(
            CODE,
            CODE,
            "playing",
            "",
            1795881612.5,
            1795881600.0,
            1795885200.0,
            1.0,
            1.0,
            False,
            "l-17",
            "/media/i9/o4.mp4?e=1795881700&s=0f3a",
            OutletKind.FMP4_WS,
            "77ab@10.0.0.9",
            VIDEO,
            None,
        )
    ],
)


@dataclass(frozen=True, slots=True)
class _Seats:
    """Somebody's places at pictures: they end with his session."""

    who: Who
    leases: Leases

    async def watch(self, watch: Watch) -> Lease:
        return await self.leases.watch(self.who, watch)

    async def release(self, lease_id: str) -> None:
        await self.leases.release(self.who, lease_id)


@route(
    "POST",
    "/playbacks",
    role=Role.OPERATOR,
    status=201,
    problems=(404, 409, 429, 502, 503, 504),
    body_example=PlaybackWish(channels=(PlayedChannel(owner=CODE, channel=CODE),), at=1795881600.0),
    example=EXAMPLE,
)
async def start(visit: Visit, body: PlaybackWish) -> PlaybackState:
    """Play recordings. Waits for the first pictures; where only some come, the others say why they do not."""
    visit.target = "/".join(each.channel for each in body.channels)
    _check_speed(body.speed)
    if body.speed < 0:
        raise Problem(400, "speed", "It begins forward; ask for another speed once it plays.")
    for each in body.channels:
        if await visit.services.directory.channel(each.owner, each.channel) is None:
            raise Problem(404, "unknown-channel", f"{each.owner} has no channel {each.channel}.")
    sittings = [
        Sitting(
            each.owner, each.channel, each.stream, body.format, body.audio, visit.who.shown, visit.identity, body.origin
        )
        for each in body.channels
    ]
    kept = playbacks_of(visit)
    try:
        playback = await kept.start(visit.who.id, sittings, _Seats(visit.who, visit.desk.leases), body.at, body.speed)
    except TooMany as error:
        raise Problem(503, "no-capacity", str(error)) from None
    except ControlRefused as error:
        raise _refused(error) from None
    if visit.has_left:
        await kept.stop(playback)
    return _state(playback.view())


@route("GET", "/playbacks/{id}", role=Role.OPERATOR, problems=(404,), example=EXAMPLE)
async def look(visit: Visit, id: Ident) -> PlaybackState:
    """Where it stands."""
    return _state(_own(visit, id).view())


@route(
    "POST",
    "/playbacks/{id}/transport",
    role=Role.OPERATOR,
    problems=(404, 409, 502, 504),
    audit_every_s=10.0,
    body_example=Transport(do="seek", at=1795882000.0),
    example=EXAMPLE,
)
async def move(visit: Visit, id: Ident, body: Transport) -> PlaybackState:
    """Pause, go on, go elsewhere, or change the speed. A moment outside of the call is had by another call."""
    playback = _own(visit, id)
    try:
        match body:
            case Transport(do="pause", at=None, speed=None):
                await playback.pause()
            case Transport(do="resume", at=None, speed=None):
                await playback.resume()
            case Transport(do="seek", at=float(at), speed=None):
                await playback.go_to(at)
            case Transport(do="speed", at=None, speed=float(speed)):
                _check_speed(speed)
                await playback.set_speed(speed)
            case _:
                raise Problem(400, "transport-unclear", "A seek has a moment, a speed a speed, the others neither.")
    except NeedsNewerEdition as error:
        raise Problem(409, "needs-2022", str(error), {"words": error.words}) from None
    except ControlRefused as error:
        raise _refused(error) from None
    return _state(playback.view())


@route("DELETE", "/playbacks/{id}", role=Role.OPERATOR, problems=(404,))
async def stop(visit: Visit, id: Ident) -> None:
    """End it and give the pictures back."""
    await playbacks_of(visit).stop(_own(visit, id))


def playbacks_of(visit: Visit) -> Playbacks:
    found = visit.services.playbacks
    if found is None:
        raise Problem(404, "no-archives", "This server plays no recordings.")
    return found


def _own(visit: Visit, id: str) -> Playback:
    found = playbacks_of(visit).of(id, visit.who.id)
    if found is None:
        raise Problem(404, "unknown-playback", "You play no such recording.")
    return found


def _check_speed(speed: float) -> None:
    if speed not in SPEEDS and speed not in BACKWARDS:
        raise Problem(400, "speed", f"A speed is one of {', '.join(f'{each:g}' for each in (*SPEEDS, *BACKWARDS))}.")


def _refused(error: ControlRefused) -> Problem:
    status = 504 if error.status == 408 else 502
    return Problem(status, "control-refused", str(error), {"status": error.status})


def _state(seen: PlaybackView) -> PlaybackState:
    return PlaybackState(
        seen.id, seen.position, seen.speed, seen.is_paused, seen.drift_s, [_played(track) for track in seen.tracks]
    )


def _played(seen: TrackView) -> PlayedView:
    lease = seen.lease
    return PlayedView(
        seen.owner,
        seen.channel,
        str(seen.state),
        seen.note,
        seen.position,
        seen.start,
        seen.stop,
        seen.speed,
        seen.real_speed,
        seen.ignores_speed,
        lease.id if lease is not None else None,
        lease.address if lease is not None else None,
        _format(lease),
        lease.call_id if lease is not None else None,
        video_view(lease.video) if lease is not None else None,
        seen.next_at,
        seen.is_own,
    )


def _format(lease: Lease | None) -> OutletKind | None:
    return lease.watch.outlet if lease is not None and isinstance(lease.watch.outlet, OutletKind) else None
