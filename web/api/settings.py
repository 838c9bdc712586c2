"""What devices are set to: every type described, read, changed, and read again.

`code` is a channel of `owner`, or `owner` itself where the device as a whole is meant.
"""

from __future__ import annotations

import time
from contextlib import suppress
from secrets import token_hex
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from broker.device_settings import Outcome, read_setting, set_setting
from gb28181.edition import parse_edition
from gb28181.peer import PeerError
from gb28181.settings.field import Field, Kind, SettingType, Value, year_of
from gb28181.settings.types import TYPES
from gb28181.settings.writing import Unfit
from web.api.reach import need_2022, patience, peer_of
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code

PROBLEMS = (404, 409, 502, 504)
TypeName = Annotated[str, Meta(min_length=1, max_length=64)]
AT = 1_795_226_430.0
KEPT_INTERVALS, KEPT_COUNTS = range(5, 3601), range(1, 101)
"""What we keep of a device's keepalives."""


class SettingTypes(msgspec.Struct, frozen=True):
    items: list[SettingType]


class SettingView(msgspec.Struct, frozen=True):
    """`value` has the shape of the type's `form`. `odd` are paths of what the device tells and should not."""

    type: str
    at: float
    value: Any  # its shape is the description's
    odd: list[str]


class SettingWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of a type: what is left out is not set. What is only read may stand in it, and is passed over."""

    value: Any  # its shape is the description's


class DifferenceView(msgspec.Struct, frozen=True):
    """`told` is null when the device does not say."""

    path: str
    wanted: Any
    told: Any


class OutcomeView(msgspec.Struct, frozen=True):
    """`answered` is whether the device said that it took it. `now` is what it tells afterwards, null when it could not
    be asked (`note` says why: `reboots`, or a sentence). `differences` are what it did not take over."""

    answered: bool
    now: SettingView | None
    differences: list[DifferenceView]
    note: str = ""


EXAMPLE = SettingView("AlarmReport", AT, {"MotionDetection": True, "FieldDetection": False}, [])


@route("GET", "/setting-types", role=Role.VIEWER, example=SettingTypes([TYPES["AlarmReport"]]))
async def setting_types(visit: Visit) -> SettingTypes:
    """Every type of configuration, field by field: what a form needs."""
    return SettingTypes(list(TYPES.values()))


@route("GET", "/channels/{owner}/{code}/settings/{name}", role=Role.OPERATOR, problems=PROBLEMS, example=EXAMPLE)
async def setting(visit: Visit, owner: Code, code: Code, name: TypeName) -> SettingView:
    """What a channel or device is set to."""
    kind = _known(visit, owner, name)
    peer = await peer_of(visit, owner, code)
    told = await read_setting(peer, code, kind, timeout_s=await patience(visit, owner, code))
    return SettingView(kind.name, time.time(), told.value, list(told.odd))


@route(
    "PUT",
    "/channels/{owner}/{code}/settings/{name}",
    role=Role.ADMINISTRATOR,
    problems=PROBLEMS,
    body_example=SettingWish({"MotionDetection": True, "FieldDetection": True}),
    example=OutcomeView(True, EXAMPLE, [DifferenceView("FieldDetection", True, False)]),
)
async def change(visit: Visit, owner: Code, code: Code, name: TypeName, body: SettingWish) -> OutcomeView:
    """Set a channel or device, and see whether it holds."""
    kind = _known(visit, owner, name)
    peer = await peer_of(visit, owner, code)
    if peer.dialect.basic_param_to_device and kind.of == "device" and code != owner:
        raise Problem(409, "device-only", f"{owner} takes {kind.name} under its own code alone.")
    year = _year(visit, owner)
    value = _with_what_is_made(kind.form, body.value)
    try:
        outcome = await set_setting(peer, code, kind, value, year, timeout_s=await patience(visit, owner, code))
    except Unfit as unfit:
        details = {"path": unfit.path, "rule": unfit.rule, "limit": unfit.limit}
        raise Problem(400, "setting-unfit", f"{kind.name}: {unfit}", details) from None
    if kind.name == "BasicParam" and code == owner:
        await _follow(visit, owner, outcome)
    return _shown(kind, outcome)


def _known(visit: Visit, owner: str, name: str) -> SettingType:
    """The type of that name, which the device's edition has. Raises a 404 or 409 problem."""
    kind = TYPES.get(name)
    if kind is None:
        raise Problem(404, "unknown-setting", f"There is no type of configuration {name!r}.", {"known": list(TYPES)})
    if "2016" not in kind.years:
        need_2022(visit, owner, kind.name)
    return kind


def _year(visit: Visit, owner: str) -> str:
    device = visit.services.directory.device(owner)
    return year_of(parse_edition(device.edition if device is not None else ""))


def _with_what_is_made(form: Field, value: Value) -> Value:
    """Ids of sessions are ours to make."""
    if form.kind is not Kind.GROUP or not isinstance(value, dict):
        return value
    made: dict[str, Value] = {field.name: token_hex(16) for field in form.fields if field.is_made}
    return value | {name: fresh for name, fresh in made.items() if not value.get(name)}


async def _follow(visit: Visit, owner: str, outcome: Outcome) -> None:
    """Both sides must know the keepalives alike (GB/T 28181-2022 9.6), and its name stands in its catalog."""
    value = outcome.told.value if outcome.told is not None else None
    if not isinstance(value, dict):
        return
    interval, count = value.get("HeartBeatInterval"), value.get("HeartBeatCount")
    kept = {
        name: said
        for name, said, fits in (
            ("keepalive_interval_s", interval, KEPT_INTERVALS),
            ("keepalive_count", count, KEPT_COUNTS),
        )
        if said in fits
    }
    directory = visit.services.directory
    device = directory.device(owner)
    if device is not None and any(getattr(device, name) != said for name, said in kept.items()):
        await directory.change_device(owner, **kept)
    with suppress(PeerError):
        await visit.services.resync(owner)


def _shown(kind: SettingType, outcome: Outcome) -> OutcomeView:
    told = outcome.told
    now = SettingView(kind.name, time.time(), told.value, list(told.odd)) if told is not None else None
    found = [DifferenceView(each.path, each.wanted, each.told) for each in outcome.differences]
    return OutcomeView(outcome.answered, now, found, outcome.note)
