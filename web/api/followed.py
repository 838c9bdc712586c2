"""What we follow of a neighbour below: our subscriptions there, and how they stand."""

from __future__ import annotations

from typing import Literal

import msgspec

from gb28181.edition import parse_edition
from registry.device import Device
from registry.follow_choice import SUBJECTS, read_choices, written_choices
from web.api.devices import CODE, known
from web.api.reach import need_2022
from web.auth import Role
from web.desk import Visit
from web.routing import route
from web.texts import Code
from web.wishes import Followed


class FollowedView(msgspec.Struct, frozen=True):
    """One subscription of ours. `subject` is catalog, alarm, position or ptz, `target` the code it is about.

    `standing` is active while the neighbour tells us, polling when it knows no such subscription and is asked now and
    then instead, waiting when it refused for now, away while it is offline; `reason` says why, in words. Times are UNIX
    seconds, None when there is none. `notices` counts what was heard, `grants` how often it was granted or refreshed.
    """

    subject: str
    target: str
    standing: str
    reason: str
    expires_at: float | None
    heard_at: float | None
    notices: int
    grants: int


Choice = Literal["on", "off", "settings"]


class Choices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is followed of one device: `on`, `off`, or what the settings say of its kind. `ptz` takes a neighbour of
    the 2022 edition."""

    catalog: Choice = "settings"
    alarm: Choice = "settings"
    position: Choice = "settings"
    ptz: Choice = "settings"


class FollowedList(msgspec.Struct, frozen=True):
    """`is_2022` says whether the device may be asked how its domes look."""

    items: list[FollowedView]
    choices: Choices
    is_2022: bool


EXAMPLE = FollowedList(
    [FollowedView("catalog", CODE, "active", "", 1795312800.0, 1795226460.0, 12, 3)], Choices(alarm="on"), True
)


@route("GET", "/devices/{code}/subscriptions", role=Role.OPERATOR, problems=(404,), example=EXAMPLE)
async def subscriptions(visit: Visit, code: Code) -> FollowedList:
    """What we follow of a device or platform below."""
    return _listed(visit, known(visit, code))


@route(
    "PUT",
    "/devices/{code}/subscriptions",
    role=Role.OPERATOR,
    problems=(404, 409),
    body_example=Choices(alarm="on", position="off"),
    example=EXAMPLE,
)
async def choose(visit: Visit, code: Code, body: Choices) -> FollowedList:
    """Choose what is followed of a device; it is subscribed to, or the subscription ended, at once."""
    known(visit, code)
    if body.ptz == "on":
        need_2022(visit, code, "following how a dome looks")
    chosen = {subject: word == "on" for subject in SUBJECTS if (word := getattr(body, subject)) != "settings"}
    return _listed(visit, await visit.services.directory.change_device(code, follows=written_choices(chosen)))


def _listed(visit: Visit, device: Device) -> FollowedList:
    words: dict[str, Choice] = {
        subject: "on" if chosen else "off" for subject, chosen in read_choices(device.follows).items()
    }
    items = [_view(each) for each in visit.services.following(device.code)]
    return FollowedList(items, Choices(**words), _is_2022(device))


def _is_2022(device: Device) -> bool:
    return parse_edition(device.edition or None).is_2022


def _view(followed: Followed) -> FollowedView:
    return FollowedView(
        subject=str(followed.subject),
        target=followed.target,
        standing=str(followed.standing),
        reason=followed.reason,
        expires_at=followed.expires_at,
        heard_at=followed.heard_at,
        notices=followed.notices,
        grants=followed.grants,
    )
