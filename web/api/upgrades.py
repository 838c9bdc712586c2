"""Firmware that operators bring, and devices that are told to fetch it (edition 2022, signalling 8.7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from msgspec import Meta

from broker.firmware_shelf import Package, ShelfFull
from broker.upgrades import AlreadyUpgrading, Upgrade, Upgrades
from gb28181.manscdp.control import DeviceControl
from gb28181.peer import PeerError, PeerRefused
from web.api.reach import need_2022, order, peer_of
from web.auth import Role
from web.desk import Visit
from web.errors import Problem, denied
from web.routing import route
from web.texts import Code, Ident

Word = Annotated[str, Meta(min_length=1, max_length=64)]


class PackageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the bytes in the body are; `version` and `manufacturer` as the device's maker writes them."""

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    version: Word
    manufacturer: Word


class PackageList(msgspec.Struct, frozen=True):
    items: list[Package]


class UpgradeList(msgspec.Struct, frozen=True):
    items: list[Upgrade]


class UpgradeWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which package, by its id."""

    package: Ident


CAMERA = "34020000001320000001"
PACKAGE = Package("0f7c2a54c1b84a2f", "ipc-2.5.0.bin", "2.5.0", "ACME", 20_971_520, "ab" * 32, "admin", 1700000000.0)
UPGRADE = Upgrade(
    "0f7c2a54c1b84a2f9d1e66b0a3c4d5e7",
    CAMERA,
    CAMERA,
    PACKAGE.id,
    PACKAGE.name,
    PACKAGE.version,
    PACKAGE.manufacturer,
    "admin",
    1700000001.0,
    PACKAGE.size,
    7_340_032,
    "fetching",
)


@route("GET", "/firmware", role=Role.OPERATOR, example=PackageList([PACKAGE]))
async def packages(visit: Visit) -> PackageList:
    """The packages on the shelf, the youngest first."""
    return PackageList(list(_upgrades(visit).shelf.all()))


@route("POST", "/firmware", status=201, problems=(409, 413, 415), example=PACKAGE)
async def bring(visit: Visit, query: PackageQuery) -> Package:
    """Put a package on the shelf; the body is its bytes, as application/octet-stream."""
    upgrades = _upgrades(visit)
    request = visit.request
    visit.target = query.name
    if request.content_type != "application/octet-stream":
        raise Problem(415, "not-a-file", "A package comes as application/octet-stream.")
    if (request.content_length or 0) > upgrades.settings.largest_bytes:
        raise denied(413)

    patience_s = visit.desk.settings.body_patience_s

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            try:
                # A package may take long, its next piece may not: whoever is gone holds a place on the shelf.
                async with asyncio.timeout(patience_s):
                    piece = await request.content.readany()
            except TimeoutError:
                raise Problem(408, "body-too-slow", f"Nothing more came in {patience_s:g} s.") from None
            if not piece:
                return
            yield piece

    try:
        return await upgrades.shelf.receive(query.name, query.version, query.manufacturer, visit.who.shown, pieces())
    except ShelfFull as full:
        raise Problem(409, "shelf-full", str(full)) from None


@route("DELETE", "/firmware/{package}", problems=(404, 409))
async def drop(visit: Visit, package: Ident) -> None:
    """Take a package off the shelf. One that a device is fetching stays."""
    upgrades = _upgrades(visit)
    if any(each.is_running and each.package == package for each in upgrades.all()):
        raise Problem(409, "package-in-use", "A device is being upgraded with this package.")
    if not await upgrades.shelf.remove(package):
        raise denied(404)


@route("GET", "/upgrades", role=Role.OPERATOR, example=UpgradeList([UPGRADE]))
async def upgrades(visit: Visit) -> UpgradeList:
    """Upgrades under way and of before, the youngest first."""
    return UpgradeList(list(_upgrades(visit).all()))


@route(
    "POST",
    "/channels/{owner}/{code}/upgrade",
    status=202,
    problems=(404, 409, 502, 504),
    body_example=UpgradeWish(PACKAGE.id),
    example=UPGRADE,
)
async def upgrade(visit: Visit, owner: Code, code: Code, body: UpgradeWish) -> Upgrade:
    """Have a device fetch a package and upgrade itself; how far it is, `upgrades` and the news say."""
    held = _upgrades(visit)
    await peer_of(visit, owner, code)
    need_2022(visit, owner, "upgrade")
    package = held.shelf.get(body.package)
    if package is None:
        raise Problem(404, "unknown-package", f"There is no package {body.package}.")
    try:
        told = held.begin(owner, code, package, visit.who.shown, base=_base(visit, owner), host=_host(visit, owner))
    except AlreadyUpgrading as busy:
        raise Problem(409, "already-upgrading", str(busy)) from None
    try:
        await order(visit, owner, code, DeviceControl(0, code, upgrade=told))
    except PeerRefused as refused:
        held.refused(told.session_id, "refused", refused.reason)
        raise
    except PeerError as silent:
        held.refused(told.session_id, "silent", str(silent)[:200])
        raise
    held.accepted(told.session_id)
    begun = held.get(told.session_id)
    assert begun is not None  # it runs
    return begun


def _host(visit: Visit, owner: str) -> str:
    """From where the device fetches; behind a platform nobody here knows."""
    device = visit.services.directory.device(owner)
    return "" if device is None or device.is_platform else device.remote_host


def _base(visit: Visit, owner: str) -> str:
    """How the device reaches us: as it does by SIP, at the port of this very door."""
    wanted = _upgrades(visit).settings.address
    if wanted:
        return wanted.rstrip("/")
    device = visit.services.directory.device(owner)
    transport = visit.request.transport
    ours = transport.get_extra_info("sockname") if transport is not None else None
    host = device.local_host if device is not None else ""
    if host in ("", "0.0.0.0", "::"):
        host = ours[0] if ours else "127.0.0.1"
    bracketed = f"[{host}]" if ":" in host else host
    return f"http://{bracketed}:{ours[1] if ours else 80}"


def _upgrades(visit: Visit) -> Upgrades:
    held = visit.services.upgrades
    if held is None:
        raise Problem(503, "no-upgrades", "This server upgrades no devices.")
    return held
