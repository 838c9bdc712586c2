"""Signed signalling: with which neighbours every message bears a Note (signalling 3.9). A seed comes in and never goes
out."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from registry.seals import SealKept
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code

Algorithm = Literal["SM3", "SHA-256", "SHA-1", "MD5"]
Seed = Annotated[str, Meta(min_length=1, max_length=256)]


class SealView(msgspec.Struct, frozen=True):
    """`signed` messages went out, `believed` ones came in; `disbelieved` ones were dropped, the last for `last_why`."""

    code: str
    name: str
    side: str
    """below, above or "" when no neighbour bears this code now."""
    algorithm: str
    is_hex: bool
    is_of_uris: bool
    since: float | None
    signed: int
    believed: int
    disbelieved: int
    last_why: str


class SealList(msgspec.Struct, frozen=True):
    items: list[SealView]


class SealWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was agreed with the neighbour. Without a seed the old one stays.

    `is_hex`: BASE64 of the digest's hexadecimal digits; `is_of_uris`: From and To are the URIs alone.
    """

    algorithm: Algorithm = "SM3"
    seed: Seed | None = None
    is_hex: bool = False
    is_of_uris: bool = False


EXAMPLE = SealView("34020000002000000002", "合肥市", "below", "SM3", False, False, 1795226400.0, 812, 790, 0, "")


@route("GET", "/seals", example=SealList([EXAMPLE]))
async def seals(visit: Visit) -> SealList:
    """All neighbours with whom every message is signed."""
    return SealList([_view(visit, seal) for seal in visit.services.directory.seals.all()])


@route("PUT", "/seals/{code}", problems=(404, 409), body_example=SealWish("SM3", "a seed"), example=EXAMPLE)
async def seal(visit: Visit, code: Code, body: SealWish) -> SealView:
    """Sign everything to and from a neighbour."""
    directory = visit.services.directory
    if _side(visit, code) == "":
        raise Problem(404, "unknown-neighbour", f"Nobody below or above bears the code {code}.")
    before = directory.seals.of(code)
    if body.seed is None and before is None:
        raise Problem(400, "seed-missing", "A new seal needs the seed that was agreed with the neighbour.")
    seed = body.seed if body.seed is not None else before.seed if before is not None else ""
    try:
        kept = await directory.seals.keep(SealKept(code, seed, body.algorithm, body.is_hex, body.is_of_uris))
    except ValueError as error:
        raise Problem(409, "too-many-seals", f"{error}.") from error
    return _view(visit, kept)


@route("DELETE", "/seals/{code}", problems=(404,))
async def unseal(visit: Visit, code: Code) -> None:
    """Sign nothing with a neighbour any more."""
    try:
        await visit.services.directory.seals.drop(code)
    except LookupError as error:
        raise Problem(404, "unknown-seal", f"Nothing is signed with {code}.") from error


def _side(visit: Visit, code: str) -> str:
    if visit.services.directory.device(code) is not None:
        return "below"
    return "above" if visit.services.directory.upper(code) is not None else ""


def _view(visit: Visit, seal: SealKept) -> SealView:
    directory = visit.services.directory
    device, upper = directory.device(seal.code), directory.upper(seal.code)
    name = device.shown_name if device is not None else upper.shown_name if upper is not None else seal.code
    tally = visit.services.sealed(seal.code)
    return SealView(
        seal.code,
        name,
        _side(visit, seal.code),
        seal.algorithm,
        seal.is_hex,
        seal.is_of_uris,
        seal.since,
        tally.signed if tally is not None else 0,
        tally.believed if tally is not None else 0,
        tally.disbelieved if tally is not None else 0,
        tally.last_why if tally is not None else "",
    )
