"""Devices and platforms that register with us."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gb28181.code import GbCode
from gb28181.dialect import DIALECTS
from registry.device import Device, DeviceKind, Presence
from registry.directory import DeviceQuery
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Cursor, Label, Limit, Secret, Wanted
from web.views import (
    DeviceView,
    device_view,
)

MediaTransport = Literal["udp", "tcp-passive", "tcp-active"]
CharsetWord = Literal["", "GB2312", "GB18030", "UTF-8"]
Interval = Annotated[int, Meta(ge=5, le=3600)]
Count = Annotated[int, Meta(ge=1, le=100)]
Sort = Literal[
    "code",
    "-code",
    "name",
    "-name",
    "presence",
    "-presence",
    "heard_at",
    "-heard_at",
    "added_at",
    "-added_at",
    "refused_at",
    "-refused_at",
]


class DevicesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    q: Wanted = ""
    presence: Presence | None = None
    kind: DeviceKind | None = None
    sort: Sort = "code"
    after: Cursor | None = None
    limit: Limit = 100


class DevicePage(msgspec.Struct, frozen=True):
    items: list[DeviceView]
    next: str | None
    total: int | None


class DeviceNew(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device to let in: known before it comes, or accepted after it was refused as unknown.

    Without a password of its own it uses the common one.
    """

    code: Code
    name_here: Label | None = None
    kind: DeviceKind = DeviceKind.OTHER
    password: Secret | None = None
    enabled: bool = True
    media_transport: MediaTransport = "tcp-passive"
    media_zone: Label = ""
    send_date: bool = True
    keepalive_interval_s: Interval | None = None
    keepalive_count: Count | None = None
    charset: CharsetWord = ""
    dialect: Label = ""


class DeviceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not given stays; `password: null` goes back to the common one."""

    name_here: Label | UnsetType | None = UNSET
    kind: DeviceKind | UnsetType = UNSET
    password: Secret | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    media_transport: MediaTransport | UnsetType = UNSET
    media_zone: Label | UnsetType = UNSET
    send_date: bool | UnsetType = UNSET
    keepalive_interval_s: Interval | UnsetType | None = UNSET
    keepalive_count: Count | UnsetType | None = UNSET
    charset: CharsetWord | UnsetType = UNSET
    dialect: Label | UnsetType = UNSET


CODE = "34020000001320000001"
DEVICE_EXAMPLE = device_view(
    Device(
        CODE,
        name="IPC 01",
        name_here="North gate",
        kind=DeviceKind.CAMERA,
        presence=Presence.ONLINE,
        presence_since=1795226400.0,
        edition="3.0",
        transport="UDP",
        remote_host="10.0.0.64",
        remote_port=5060,
        heard_at=1795226430.0,
        channels_total=1,
        channels_online=1,
    )
)


@route("GET", "/devices", role=Role.VIEWER, example=DevicePage([DEVICE_EXAMPLE], None, 1))
async def devices(visit: Visit, query: DevicesQuery) -> DevicePage:
    """Devices, a page at a time."""
    asked = DeviceQuery(text=query.q.strip(), presence=query.presence, kind=query.kind, sort=query.sort)
    page = visit.services.directory.devices(asked, query.after, query.limit)
    return DevicePage([_view(visit, device) for device in page.items], page.next, page.total)


@route(
    "POST",
    "/devices",
    status=201,
    problems=(409,),
    body_example=DeviceNew(CODE, "North gate", DeviceKind.CAMERA, "a password"),
    example=DEVICE_EXAMPLE,
)
async def add(visit: Visit, body: DeviceNew) -> DeviceView:
    """Let a device in. A refusal of its code is forgotten."""
    visit.target = body.code
    _check_code(body.code)
    _check_dialect(body.dialect)
    _check_kind(body.kind)
    directory = visit.services.directory
    if directory.device(body.code) is not None:
        raise Problem(409, "device-exists", f"{body.code} is on our list already.")
    device = Device(**msgspec.structs.asdict(body), added_at=time.time())
    added = await directory.add_device(device)
    directory.forget_refusal(body.code)
    return _view(visit, added)


@route("GET", "/devices/{code}", role=Role.VIEWER, problems=(404,), example=DEVICE_EXAMPLE)
async def device(visit: Visit, code: Code) -> DeviceView:
    """One device."""
    return _view(visit, known(visit, code))


@route(
    "PATCH",
    "/devices/{code}",
    problems=(404, 409),
    body_example=DeviceChange(name_here="North gate", media_transport="udp"),
    example=DEVICE_EXAMPLE,
)
async def change(visit: Visit, code: Code, body: DeviceChange) -> DeviceView:
    """Change what we configured of a device."""
    old = _others(visit, code)
    fields = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
    _check_dialect(str(fields.get("dialect", "")))
    _check_kind(fields.get("kind"))
    if not fields:
        return _view(visit, old)
    return _view(visit, await visit.services.directory.change_device(code, **fields))


@route("DELETE", "/devices/{code}", problems=(404, 409))
async def remove(visit: Visit, code: Code) -> None:
    """Remove a device and its channels; its pictures end."""
    _others(visit, code)
    broker = visit.services.broker
    for stream in [stream for stream in broker.streams() if stream.owner == code]:
        await broker.stop(stream.id)
    await visit.services.directory.remove_device(code)


@route("POST", "/devices/{code}/catalog", role=Role.OPERATOR, status=202, problems=(404, 409))
async def resync(visit: Visit, code: Code) -> None:
    """Ask a device for its catalog anew; the news tells how far it has got."""
    if not known(visit, code).is_online:
        raise Problem(409, "device-offline", f"{code} is not online.")
    await visit.services.resync(code)


def known(visit: Visit, code: str) -> Device:
    """The device with this code. Raises a 404 problem."""
    found = visit.services.directory.device(code)
    if found is None:
        raise Problem(404, "unknown-device", f"{code} is not on our list.")
    return found


def _others(visit: Visit, code: str) -> Device:
    """The same, of those that are not ourselves. Raises a 404 or a 409 problem."""
    found = known(visit, code)
    if found.kind is DeviceKind.OWN:
        raise Problem(409, "own-device", f"{code} is ourselves; what it has is kept under our own sources.")
    return found


def _check_kind(kind: object) -> None:
    if kind is DeviceKind.OWN:
        raise Problem(400, "own-device", "A device that registers with us is not ourselves.")


def _view(visit: Visit, shown: Device) -> DeviceView:
    return device_view(shown, visit.desk.catalogs.of(shown.code))


def _check_code(code: str) -> None:
    try:
        fits = len(GbCode(code).digits) == 20
    except ValueError:
        fits = False
    if not fits:
        raise Problem(400, "code-malformed", f"A device's code has 20 digits, not {code!r}.", {"digits": 20})


def _check_dialect(name: str) -> None:
    if name and name not in DIALECTS:
        raise Problem(400, "unknown-dialect", f"There is no dialect {name!r}.", {"known": sorted(DIALECTS)})
