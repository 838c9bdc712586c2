"""WebRTC by WHEP: an offer comes in, an answer goes out, and the picture stands at an address until it is deleted."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec
from aiohttp import web

from broker.servings import Servings
from broker.watch import Lease, NoCapacity, OutletKind, Watch
from web.api.live import StreamNumber
from web.api.serving import full, wanted_codec
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Ident

SDP = "application/sdp"
ANY = "-"
"""In the place of an owner: whoever has the channel."""


class WhepQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`stream` 0 is the main stream, 1 the first sub stream. `codec` h264 has another codec encoded anew, smaller,
    while there is a place for it."""

    stream: StreamNumber = 0
    audio: bool = True
    codec: Literal["", "h264"] = ""


class OfferQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    codec: Literal["", "h264"] = ""


def servings(visit: Visit) -> Servings:
    found = visit.services.servings
    if found is None:
        raise Problem(404, "no-webrtc", "This server serves nothing to order.")
    return found


async def offer_of(visit: Visit) -> str:
    """The request's body. Raises a Problem for anything but SDP."""
    request = visit.request
    if request.content_type != SDP:
        raise Problem(415, "not-sdp", f"An offer must be {SDP}.")
    try:
        async with asyncio.timeout(visit.desk.settings.body_patience_s):
            return (await request.read()).decode()
    except TimeoutError:
        raise Problem(408, "body-too-slow", "The offer did not come in time.") from None
    except UnicodeDecodeError:
        raise Problem(400, "not-sdp", "The offer is no text.") from None


async def answer_to(visit: Visit, lease: Lease, offer: str, codec: str = "") -> web.Response:
    """Raises a Problem when the stream or the offer is not for WebRTC; the lease is the caller's to give back."""
    try:
        answer = await servings(visit).webrtc(lease, offer, visit.address, codec)
    except NoCapacity as error:
        raise full(error) from None
    except ValueError as error:
        raise Problem(406, "not-for-webrtc", str(error)) from None
    headers = {"Location": f"/api/v1/live/{lease.id}", "Content-Type": SDP, "Cache-Control": "no-store"}
    return web.Response(status=201, body=answer.encode(), headers=headers)


@route(
    "POST",
    "/whep/{owner}/{code}",
    role=Role.VIEWER,
    status=201,
    problems=(400, 404, 406, 409, 415, 429, 502, 503, 504),
    media_type=SDP,
)
async def whep(visit: Visit, owner: Code, code: Code, query: WhepQuery) -> web.Response:
    """See a channel live by WebRTC (WHEP): the body is an offer (SDP) that receives only, the answer comes with all its
    candidates. DELETE the Location to leave. "-" for the owner asks whoever has the channel."""
    offer = await offer_of(visit)
    wish = Watch(
        owner="" if owner == ANY else owner,
        channel=code,
        outlet=OutletKind.WEBRTC,
        stream_number=query.stream,
        audio=query.audio,
        viewer=visit.who.shown,
        identity=visit.identity,
    )
    lease = await visit.desk.leases.watch(visit.who, wish)
    try:
        return await answer_to(visit, lease, offer, wanted_codec(lease, query.codec))
    except BaseException:
        await visit.desk.leases.release(visit.who, lease.id)
        raise


@route(
    "POST",
    "/live/{lease}/whep",
    role=Role.VIEWER,
    status=201,
    problems=(400, 404, 406, 415, 503),
    media_type=SDP,
)
async def offer(visit: Visit, lease: Ident, query: OfferQuery) -> web.Response:
    """The offer (SDP) of a player that was given a place with the format webrtc; the answer comes with all its
    candidates."""
    held = visit.desk.leases.held(visit.who, lease)
    if held is None or held.watch.outlet is not OutletKind.WEBRTC:
        raise Problem(404, "unknown-lease", "You do not hold this picture.")
    return await answer_to(visit, held, await offer_of(visit), wanted_codec(held, query.codec))
