"""What passes between us and a platform above by an operator's hand: a trial, and the catalog anew."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from gb28181.code import is_digits
from gb28181.peer import PeerOffline
from registry.platform import EDITIONS, Upper
from web.api.platforms import OWN_CODE, UPPER_CODE, PlatformNew, as_upper, known_upper
from web.auth import Role
from web.desk import Visit
from web.errors import Problem, hops_of
from web.routing import route
from web.texts import Code
from web.wishes import ConnectReport, Uppers

TRIAL_S = 60.0


class Step(msgspec.Struct, frozen=True):
    """One step of the trial: `status` is the SIP status, 0 when nobody answered, `reason` the words that came."""

    who: str
    what: str
    status: int
    reason: str


class Offer(msgspec.Struct, frozen=True):
    """A field in which the other side says otherwise than we configured; `adopt` takes it over."""

    field: str
    configured: str
    said: str


class ConnectView(msgspec.Struct, frozen=True):
    """What the other side really answered, and what it calls itself."""

    ok: bool
    steps: list[Step]
    said_code: str | None
    said_realm: str
    said_version: str
    offers: list[Offer]


EXAMPLE = ConnectView(
    False,
    [
        Step(UPPER_CODE, "REGISTER 10.0.0.1:5060", 401, "Unauthorized"),
        Step(UPPER_CODE, "REGISTER with credentials", 403, "Forbidden"),
    ],
    None,
    "3401000000",
    "2.0",
    [Offer("domain", "3400000000", "3401000000"), Offer("edition", "3.0", "2.0")],
)


@route(
    "POST",
    "/platforms/test",
    problems=(503, 504),
    body_example=PlatformNew("10.0.0.1", UPPER_CODE, "3400000000", OWN_CODE, "a password", "3.0"),
    example=EXAMPLE,
)
async def try_new(visit: Visit, body: PlatformNew) -> ConnectView:
    """Try a platform above before it is kept. Without a password, the kept one of that code is tried."""
    visit.target = body.code
    upper = as_upper(visit, body)
    kept = visit.services.directory.upper(upper.code)
    if kept is not None and not upper.password and (kept.host, kept.port) == (upper.host, upper.port):
        # Only where it goes anyway: a trial elsewhere would carry a digest of it to whoever listens there.
        body = msgspec.structs.replace(body, password=kept.password)
        upper = as_upper(visit, body)
    return await _try(visit, upper)


@route(
    "POST",
    "/platforms/{code}/test",
    role=Role.OPERATOR,
    problems=(404, 503, 504),
    example=EXAMPLE,
)
async def try_known(visit: Visit, code: Code) -> ConnectView:
    """Try a platform above as it is configured."""
    return await _try(visit, known_upper(visit, code))


@route("POST", "/platforms/{code}/resend", role=Role.OPERATOR, status=202, problems=(404, 409, 503))
async def resend(visit: Visit, code: Code) -> None:
    """Tell a platform above our whole catalog anew; its state says how far it has got."""
    known_upper(visit, code)
    try:
        _above(visit).resend_catalog(code)
    except PeerOffline as error:
        raise Problem(409, "not-registered", f"{code} has not taken us: {error}.") from None


async def _try(visit: Visit, upper: Upper) -> ConnectView:
    uppers = _above(visit)
    try:
        async with asyncio.timeout(TRIAL_S):
            report = await uppers.test(upper)
    except TimeoutError:
        raise Problem(504, "trial-too-slow", f"The trial was not over in {TRIAL_S:g} s.") from None
    steps: list[dict[str, Any]] = hops_of(tuple(report.steps))
    return ConnectView(
        ok=report.ok,
        steps=[Step(**step) for step in steps],
        said_code=report.said_code or None,
        said_realm=report.said_realm,
        said_version=report.said_version,
        offers=_offers(upper, report),
    )


def _offers(upper: Upper, report: ConnectReport) -> list[Offer]:
    """What may be taken over; an odd code or an edition we do not speak upward stands in the report only."""
    code = report.said_code or ""
    said = (
        ("code", upper.code, code if len(code) == 20 and is_digits(code) else ""),
        ("domain", upper.shown_domain, report.said_realm if len(report.said_realm) <= 128 else ""),
        ("edition", upper.edition, report.said_version if report.said_version in EDITIONS else ""),
    )
    return [Offer(field, ours, theirs) for field, ours, theirs in said if theirs and theirs != ours]


def _above(visit: Visit) -> Uppers:
    uppers = visit.services.uppers
    if uppers is None:
        raise Problem(503, "no-cascade", "This server registers with nobody.")
    return uppers
