"""What we follow of a neighbour below: our subscriptions there, and how they stand."""

from __future__ import annotations

import msgspec

from web.api.devices import CODE, known
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


class FollowedList(msgspec.Struct, frozen=True):
    items: list[FollowedView]


EXAMPLE = FollowedList([FollowedView("catalog", CODE, "active", "", 1795312800.0, 1795226460.0, 12, 3)])


@route("GET", "/devices/{code}/subscriptions", role=Role.OPERATOR, problems=(404,), example=EXAMPLE)
async def subscriptions(visit: Visit, code: Code) -> FollowedList:
    """What we follow of a device or platform below."""
    known(visit, code)
    return FollowedList([_view(each) for each in visit.services.following(code)])


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
