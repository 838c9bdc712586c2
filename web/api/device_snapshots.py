"""Photographs by devices themselves: ordered here, and taken in from them at an address with a secret in it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from aiohttp import BodyPartReader, web
from msgspec import Meta

from broker.device_shots import LARGEST, DeviceShots, NotWanted, OrderView
from broker.watch import NoCapacity
from web.api.reach import need_2022, peer_of
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Ident

CHUNK = 64 * 1024
UPLOAD_S = 60.0


class OrderWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many pictures, so many seconds apart."""

    number: Annotated[int, Meta(ge=1, le=10)] = 1
    interval_s: Annotated[int, Meta(ge=1, le=3600)] = 1


class OrderQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    channel: Annotated[str, Meta(max_length=64)] = ""


class OrderItem(msgspec.Struct, frozen=True):
    """`state` is ordered, done, partial (fewer came than were asked for) or failed. `received` are ids of photographs,
    `listed` what the device says it sent, null before it said anything; `refused` is what it sent beside the order."""

    session: str
    owner: str
    channel: str
    by: str
    wanted: int
    interval_s: int
    at: float
    state: str
    received: list[str]
    listed: list[str] | None
    refused: int
    note: str


class OrderList(msgspec.Struct, frozen=True):
    items: list[OrderItem]


CAMERA = "34020000001320000001"
EXAMPLE = OrderItem(
    "0f7c2a54c1b84a2f9d1e66b0a3c4d5e6",
    CAMERA,
    CAMERA,
    "wang",
    3,
    1,
    1795945700.25,
    "partial",
    [f"{CAMERA}-20261129T101500250-5e0c91aa"],
    [f"{CAMERA}022026112918150025001"],
    0,
    "",
)


def item(view: OrderView) -> OrderItem:
    return OrderItem(
        view.session,
        view.owner,
        view.channel,
        view.by,
        view.wanted,
        view.interval_s,
        view.at,
        view.state,
        list(view.received),
        list(view.listed) if view.listed is not None else None,
        view.refused,
        view.note[:300],
    )


def orders_of(visit: Visit) -> DeviceShots:
    found = visit.services.device_shots
    if found is None:
        raise Problem(404, "no-snapshots", "This server takes no photographs.")
    return found


@route(
    "POST",
    "/channels/{owner}/{code}/device-snapshots",
    role=Role.OPERATOR,
    status=202,
    problems=(404, 409, 502, 503, 504),
    body_example=OrderWish(3, 1),
    example=EXAMPLE,
)
async def order(visit: Visit, owner: Code, code: Code, body: OrderWish) -> OrderItem:
    """Have a device take pictures itself and send them to us (edition 2022). Comes back when it has agreed; how far it
    has got is told by GET."""
    orders = orders_of(visit)
    need_2022(visit, owner, "SnapShotConfig")
    peer = await peer_of(visit, owner, code)
    device = visit.services.directory.device(owner)
    base = visit.services.upload_base(device.local_host if device is not None else "")
    try:
        return item(await orders.order(peer, owner, code, body.number, body.interval_s, base, visit.who.shown))
    except NoCapacity as error:
        raise Problem(503, "no-capacity", str(error)) from None


@route("GET", "/device-snapshots", role=Role.VIEWER, problems=(404,), example=OrderList([EXAMPLE]))
async def orders(visit: Visit, query: OrderQuery) -> OrderList:
    """The last orders to devices for pictures, newest first."""
    return OrderList([item(view) for view in orders_of(visit).views(query.channel)])


@route("POST", "/snap/{token}", public=True, at_root=True, problems=(404, 409, 413, 415, 503))
async def upload(visit: Visit, token: Ident) -> None:
    """A picture from a device that was told to send it here: a JPEG as the body or as a part of a form. The secret in
    the address is the right, for as many pictures as were asked for."""
    await _take(visit, token, "")


@route("PUT", "/snap/{token}", public=True, at_root=True, problems=(404, 409, 413, 415, 503))
async def put(visit: Visit, token: Ident) -> None:
    """The same, for devices that say PUT."""
    await _take(visit, token, "")


@route("POST", "/snap/{token}/{name}", public=True, at_root=True, problems=(404, 409, 413, 415, 503))
async def upload_named(visit: Visit, token: Ident, name: Ident) -> None:
    """The same, for devices that put the picture's name into the address."""
    await _take(visit, token, name)


@route("PUT", "/snap/{token}/{name}", public=True, at_root=True, problems=(404, 409, 413, 415, 503))
async def put_named(visit: Visit, token: Ident, name: Ident) -> None:
    """The same, with PUT."""
    await _take(visit, token, name)


async def _take(visit: Visit, token: str, name: str) -> None:
    request = visit.request
    orders = orders_of(visit)
    if not orders.waits(token):
        raise Problem(404, "not-found", "Nobody waits for pictures here.")
    try:
        async with asyncio.timeout(UPLOAD_S):
            if request.content_type.startswith("multipart/"):
                said, data = await _first_picture(request)
            else:
                said, data = _named(request), await _bounded(request.content.read)
        await orders.take(token, name or said, data)
    except TimeoutError:
        raise Problem(408, "body-too-slow", "The picture did not come in time.") from None
    except NotWanted as error:
        raise Problem(error.status, "picture-not-wanted", str(error)) from None


async def _first_picture(request: web.Request) -> tuple[str, bytes]:
    """The first part of a form that carries a file. Raises NotWanted."""
    try:
        reader = await request.multipart()
        for _ in range(16):
            part = await reader.next()
            if part is None:
                break
            if isinstance(part, BodyPartReader) and (part.filename or "image" in part.headers.get("Content-Type", "")):
                return part.filename or "", await _bounded(part.read_chunk)
    except (ValueError, AssertionError, KeyError) as error:
        raise NotWanted(415, f"the form cannot be read: {error}") from None
    raise NotWanted(415, "the form has no picture")


async def _bounded(read: object) -> bytes:
    """Raises NotWanted for more than a picture may be."""
    taken = bytearray()
    while chunk := await read(CHUNK):  # type: ignore[operator]  # of a stream or of a part, which share no type
        taken += chunk
        if len(taken) > LARGEST:
            raise NotWanted(413, f"a picture is {LARGEST} bytes at most")
    return bytes(taken)


def _named(request: web.Request) -> str:
    """What a device that sends the bare picture calls it: by a header or a query, makers differ."""
    said = request.headers.get("Content-Disposition", "").partition("filename=")[2].strip('"; ')
    return said or request.query.get("filename", "") or request.query.get("name", "")
