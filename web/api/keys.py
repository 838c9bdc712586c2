"""Keys for programs: sent as `Authorization: Bearer <secret>`, shown once, kept as a digest."""

from __future__ import annotations

import time
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from registry.accounts import ApiKey
from web.api.users import RoleWord
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Ident, Name

KeyRole = RoleWord | Literal["scraper"]
"""A program that only reads /metrics needs no more than scraper."""


class KeyView(msgspec.Struct, frozen=True):
    id: str
    name: str
    role: str
    created_at: float
    last_used: float | None
    expires: float | None


class KeyList(msgspec.Struct, frozen=True):
    items: list[KeyView]


class KeyNew(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    role: KeyRole = "viewer"
    lasts_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    """The key works for so many days; without it, until it is removed."""


class KeyMade(msgspec.Struct, frozen=True):
    """A new key. The secret is in this answer and nowhere else."""

    id: str
    name: str
    role: str
    secret: str
    expires: float | None


EXAMPLE = KeyView("k7f3", "map wall", "viewer", 1795226400.0, None, None)


def view(key: ApiKey) -> KeyView:
    return KeyView(key.id, key.name, key.role, key.created_at, key.last_used, key.expires)


@route("GET", "/keys", example=KeyList([EXAMPLE]))
async def keys(visit: Visit) -> KeyList:
    """All keys, without their secrets."""
    known = visit.services.accounts.keys()
    return KeyList([view(key) for key in known])


@route(
    "POST",
    "/keys",
    status=201,
    body_example=KeyNew("map wall", "viewer", 365),
    example=KeyMade("k7f3", "map wall", "viewer", "lw_5b1c...", None),
)
async def make(visit: Visit, body: KeyNew) -> KeyMade:
    """Make a key."""
    visit.target = body.name
    expires = None if body.lasts_days is None else time.time() + body.lasts_days * 86400
    ident, secret = await visit.services.accounts.new_key(body.name, body.role, expires=expires)
    return KeyMade(ident, body.name, body.role, secret, expires)


@route("DELETE", "/keys/{id}", problems=(404,))
async def remove(visit: Visit, id: Ident) -> None:
    """Remove a key; what it holds ends."""
    known = visit.services.accounts.keys()
    if not any(key.id == id for key in known):
        raise Problem(404, "unknown-key", f"There is no key {id}.")
    await visit.services.accounts.remove_key(id)
    visit.desk.feed.end(f"key:{id}")
    await visit.desk.leases.end(f"key:{id}")
