"""Platforms above, with which we register: six fields make one, the rest follows from them."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gb28181.code import is_digits
from registry.platform import SIGNALLING_FIELDS, SubscriptionView, Upper, UpperState
from web.addresses import read_address
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Label
from web.uppers import PlatformView, Subscription, platform_view, subscription_view

Address = Annotated[
    str, Meta(min_length=1, max_length=300, description='a name or an IP address, perhaps with ":port"')
]
Local = Annotated[str, Meta(max_length=64)]
Password = Annotated[str, Meta(max_length=128)]
EditionWord = Literal["2.0", "3.0"]
TransportWord = Literal["udp", "tcp"]
CharsetWord = Literal["", "GB2312", "GB18030", "UTF-8"]
ArrangementWord = Literal["civil", "group", "as-is"]
MediaWord = Literal["", "udp", "tcp-passive", "tcp-active"]
Expiry = Annotated[int, Meta(ge=3600, le=30 * 86_400)]
Interval = Annotated[float, Meta(ge=1, le=3600)]
Count = Annotated[int, Meta(ge=1, le=100)]
PageSize = Annotated[int, Meta(ge=0, le=10_000)]


class PlatformNew(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A platform to register with. The first six fields are what its people tell on paper; "" follows from the rest:
    the domain from its code, the user from our code."""

    address: Address
    code: Code
    domain: Label = ""
    user: Label = ""
    password: Password = ""
    edition: EditionWord = "3.0"
    name: Label = ""
    transport: TransportWord = "udp"
    charset: CharsetWord = ""
    our_code: Label = ""
    local_host: Local = ""
    expires_s: Expiry = 86_400
    keepalive_interval_s: Interval = 60.0
    keepalive_count: Count = 3
    page_size: PageSize = 0
    secrecy: bool = False
    arrangement: ArrangementWord = "as-is"
    share_all: bool = True
    push_alarms: bool = True
    push_positions: bool = False
    initial_report: bool = True
    enabled: bool = True
    media_transport: MediaWord = ""


class PlatformChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not given stays; `password: null` takes it away."""

    address: Address | UnsetType = UNSET
    domain: Label | UnsetType = UNSET
    user: Label | UnsetType = UNSET
    password: Password | UnsetType | None = UNSET
    edition: EditionWord | UnsetType = UNSET
    name: Label | UnsetType = UNSET
    transport: TransportWord | UnsetType = UNSET
    charset: CharsetWord | UnsetType = UNSET
    our_code: Label | UnsetType = UNSET
    local_host: Local | UnsetType = UNSET
    expires_s: Expiry | UnsetType = UNSET
    keepalive_interval_s: Interval | UnsetType = UNSET
    keepalive_count: Count | UnsetType = UNSET
    page_size: PageSize | UnsetType = UNSET
    secrecy: bool | UnsetType = UNSET
    arrangement: ArrangementWord | UnsetType = UNSET
    share_all: bool | UnsetType = UNSET
    push_alarms: bool | UnsetType = UNSET
    push_positions: bool | UnsetType = UNSET
    initial_report: bool | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    media_transport: MediaWord | UnsetType = UNSET


class PlatformList(msgspec.Struct, frozen=True):
    items: list[PlatformView]


class PlatformChanged(msgspec.Struct, frozen=True):
    """`changed` names the fields that are other than before; none, and nothing was done at all."""

    platform: PlatformView
    changed: list[str]
    registers_anew: bool


class Adoption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the other side calls itself, as the connect test offered it."""

    code: Code | None = None
    domain: Label | None = None
    edition: EditionWord | None = None


class SubscriptionList(msgspec.Struct, frozen=True):
    items: list[Subscription]


UPPER_CODE = "34000000002000000001"
OWN_CODE = "34010000002000000001"
PLATFORM_EXAMPLE = platform_view(
    Upper(UPPER_CODE, "安徽省", host="10.0.0.1", password="a password", added_at=1795226400.0),
    UpperState(
        UPPER_CODE,
        "registered",
        since=1795226401.0,
        registered_at=1795226401.0,
        expires_at=1795312801.0,
        address="10.0.0.1:5060",
        edition="3.0",
        subscriptions=(SubscriptionView("catalog", OWN_CODE, 1795230000.0, 118, 0),),
        last_exchange_at=1795226461.0,
        catalog_sent=(150, 400),
    ),
    OWN_CODE,
)


@route("GET", "/platforms", role=Role.OPERATOR, example=PlatformList([PLATFORM_EXAMPLE]))
async def platforms(visit: Visit) -> PlatformList:
    """All platforms above, and how things stand with each."""
    return PlatformList([show(visit, upper) for upper in visit.services.directory.uppers()])


@route(
    "POST",
    "/platforms",
    status=201,
    problems=(409,),
    body_example=PlatformNew("10.0.0.1:5060", UPPER_CODE, "3400000000", OWN_CODE, "a password", "3.0"),
    example=PLATFORM_EXAMPLE,
)
async def add(visit: Visit, body: PlatformNew) -> PlatformView:
    """Begin to register with a platform above."""
    visit.target = body.code
    upper = as_upper(visit, body)
    if visit.services.directory.upper(upper.code) is not None:
        raise _exists(upper.code)
    return show(visit, await visit.services.directory.add_upper(upper))


@route("GET", "/platforms/{code}", role=Role.OPERATOR, problems=(404,), example=PLATFORM_EXAMPLE)
async def platform(visit: Visit, code: Code) -> PlatformView:
    """One platform above."""
    return show(visit, known_upper(visit, code))


@route(
    "PATCH",
    "/platforms/{code}",
    problems=(404,),
    body_example=PlatformChange(address="10.0.0.2", enabled=True),
    example=PlatformChanged(PLATFORM_EXAMPLE, ["host"], True),
)
async def change(visit: Visit, code: Code, body: PlatformChange) -> PlatformChanged:
    """Change what we configured of a platform above. Only what is other than before is changed, and we register anew
    only when it must know."""
    old = known_upper(visit, code)
    fields = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
    if "address" in fields:
        fields["host"], fields["port"] = read_address(fields.pop("address"))
    if "password" in fields:
        fields["password"] = fields["password"] or ""
    _check_our_code(visit, str(fields.get("our_code", "")), code)
    before = asdict(old)
    changes = {name: value for name, value in fields.items() if before[name] != value}
    if not changes:
        return PlatformChanged(show(visit, old), [], False)
    upper = await visit.services.directory.change_upper(code, **changes)
    return PlatformChanged(show(visit, upper), sorted(changes), bool(changes.keys() & SIGNALLING_FIELDS))


@route("DELETE", "/platforms/{code}", problems=(404,))
async def remove(visit: Visit, code: Code) -> None:
    """Leave a platform above and forget what it was to see."""
    known_upper(visit, code)
    await visit.services.directory.remove_upper(code)


@route(
    "POST",
    "/platforms/{code}/adopt",
    problems=(404, 409),
    body_example=Adoption(domain="3400000000"),
    example=PLATFORM_EXAMPLE,
)
async def adopt(visit: Visit, code: Code, body: Adoption) -> PlatformView:
    """Take over what the other side calls itself. Under a new code it keeps its fields and what it is to see."""
    directory = visit.services.directory
    old = known_upper(visit, code)
    said = {name: value for name, value in msgspec.structs.asdict(body).items() if value is not None}
    changes = {name: value for name, value in said.items() if getattr(old, name) != value}
    if "code" not in changes:
        upper = await directory.change_upper(code, **changes) if changes else old
        return show(visit, upper)
    _check_code(visit, str(changes["code"]))
    if directory.upper(str(changes["code"])) is not None:
        raise _exists(str(changes["code"]))
    sharing = await directory.sharing(code)
    # Nothing is lost on the way, and never do two registrations with one place throw each other out.
    upper = await directory.add_upper(replace(old, **changes, enabled=False))
    await directory.share(upper.code, sharing.rules, sharing.names)
    await directory.remove_upper(code)
    return show(visit, await directory.change_upper(upper.code, enabled=old.enabled))


@route(
    "GET",
    "/platforms/{code}/subscriptions",
    role=Role.OPERATOR,
    problems=(404,),
    example=SubscriptionList(list(PLATFORM_EXAMPLE.state.subscriptions)),
)
async def subscriptions(visit: Visit, code: Code) -> SubscriptionList:
    """What a platform above follows, and what it was told."""
    known_upper(visit, code)
    state = visit.services.directory.upper_state(code)
    return SubscriptionList([subscription_view(followed) for followed in state.subscriptions] if state else [])


def known_upper(visit: Visit, code: str) -> Upper:
    """The platform above with this code. Raises a 404 problem."""
    found = visit.services.directory.upper(code)
    if found is None:
        raise Problem(404, "unknown-platform", f"{code} is no platform above us.")
    return found


def show(visit: Visit, upper: Upper) -> PlatformView:
    state = visit.services.directory.upper_state(upper.code)
    return platform_view(upper, state, visit.services.system().code)


def as_upper(visit: Visit, body: PlatformNew) -> Upper:
    """The platform that a form describes. Raises a 400 problem."""
    _check_code(visit, body.code)
    _check_our_code(visit, body.our_code, body.code)
    fields: dict[str, Any] = msgspec.structs.asdict(body)
    host, port = read_address(fields.pop("address"))
    return Upper(**fields, host=host, port=port, added_at=time.time())


def _check_code(visit: Visit, code: str) -> None:
    if not (len(code) == 20 and is_digits(code)):
        raise Problem(400, "code-malformed", f"A platform's code has 20 digits, not {code!r}.", {"digits": 20})
    if code == visit.services.system().code:
        raise Problem(400, "own-code", f"{code} is our own code.")


def _check_our_code(visit: Visit, our_code: str, code: str) -> None:
    if our_code and not (len(our_code) == 20 and is_digits(our_code)):
        text = f"Our code there has 20 digits, not {our_code!r}."
        raise Problem(400, "code-malformed", text, {"digits": 20, "field": "our_code"})
    if our_code == code:
        raise Problem(400, "own-code", f"{code} is the other side's code; ours must be another.")


def _exists(code: str) -> Problem:
    return Problem(409, "platform-exists", f"{code} is a platform above us already.")
