"""Who holds which camera: steering takes one for some seconds, and an operator may keep one longer on purpose."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from broker.arbitration import Hold
from web.api.reach import steerer_of
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code


class HoldView(msgspec.Struct, frozen=True):
    """`holder` is user:NAME, user:key:NAME or upper:CODE, `until` UNIX time; `mine` says that it is the asker's."""

    owner: str
    code: str
    holder: str
    name: str
    until: float
    on_purpose: bool
    mine: bool


class HoldList(msgspec.Struct, frozen=True):
    items: list[HoldView]


class HoldWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keep a camera for so many minutes; the setting `longest_hold_s` cuts what is longer."""

    minutes: Annotated[float, Meta(gt=0, le=1440)]


CAMERA = "34020000001320000001"
EXAMPLE = HoldView(CAMERA, CAMERA, "user:wang", "wang", 1700000015.0, False, True)


@route("GET", "/holds", role=Role.OPERATOR, example=HoldList([EXAMPLE]))
async def holds(visit: Visit) -> HoldList:
    """Every camera that somebody holds now."""
    return HoldList([_view(visit, hold) for hold in visit.desk.levers.arbitration.holds()])


@route(
    "PUT",
    "/channels/{owner}/{code}/hold",
    role=Role.OPERATOR,
    problems=(404, 409),
    body_example=HoldWish(5),
    example=EXAMPLE,
)
async def hold(visit: Visit, owner: Code, code: Code, body: HoldWish) -> HoldView:
    """Keep a camera on purpose, or longer. Whoever had it with a lower rank loses it."""
    directory = visit.services.directory
    is_itself = code == owner and directory.device(owner) is not None
    if not is_itself and await directory.channel(owner, code) is None:
        raise Problem(404, "unknown-channel", f"{owner} has no channel {code}.")
    levers, steerer = visit.desk.levers, steerer_of(visit)
    before = levers.arbitration.of(owner, code)
    held = levers.arbitration.hold(owner, code, steerer, body.minutes * 60)
    if before is not None and before.steerer.key != steerer.key:
        levers.drop(owner, code)
    return _view(visit, held)


@route("DELETE", "/channels/{owner}/{code}/hold", role=Role.OPERATOR, problems=(409,))
async def give_back(visit: Visit, owner: Code, code: Code) -> None:
    """Let go of a camera before the time is over; a higher rank may let go for another."""
    visit.desk.levers.arbitration.give_back(owner, code, steerer_of(visit))


def _view(visit: Visit, hold: Hold) -> HoldView:
    steerer = hold.steerer
    mine = steerer.key == steerer_of(visit).key
    return HoldView(hold.owner, hold.code, steerer.key, steerer.name, hold.until, hold.on_purpose, mine)
