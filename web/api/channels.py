"""The channels of a device, and the names we give them."""

from __future__ import annotations

import msgspec

from web.api.devices import CODE, known
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Cursor, Label, Limit
from web.views import ChannelView, channel_view


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    after: Cursor | None = None
    limit: Limit = 200


class ChannelPage(msgspec.Struct, frozen=True):
    items: list[ChannelView]
    next: str | None
    total: int | None


class ChannelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Our own name for a channel; null gives it its owner's back."""

    name_here: Label | None


CHANNEL_EXAMPLE = ChannelView(
    id=f"channel:{CODE}/{CODE}",
    owner=CODE,
    code=CODE,
    name="North gate",
    name_said="Camera 01",
    online=True,
    playable=True,
    has_ptz=True,
    ptz_type=1,
    manufacturer="Maker",
    model="M1",
    address="North gate",
    longitude=118.37,
    latitude=31.33,
    streams=(0, 1),
)


@route(
    "GET",
    "/devices/{code}/channels",
    role=Role.VIEWER,
    problems=(404,),
    example=ChannelPage([CHANNEL_EXAMPLE], None, 1),
)
async def channels(visit: Visit, code: Code, query: PageQuery) -> ChannelPage:
    """The channels of a device, a page at a time."""
    known(visit, code)
    page = await visit.services.directory.channels_of(code, query.after, query.limit)
    return ChannelPage([channel_view(channel) for channel in page.items], page.next, page.total)


@route(
    "PATCH",
    "/channels/{owner}/{code}",
    role=Role.OPERATOR,
    problems=(404,),
    body_example=ChannelChange("North gate"),
    example=CHANNEL_EXAMPLE,
)
async def rename(visit: Visit, owner: Code, code: Code, body: ChannelChange) -> ChannelView:
    """Give a channel a name of ours; new catalogs leave it alone."""
    directory = visit.services.directory
    if await directory.channel(owner, code) is None:
        raise Problem(404, "unknown-channel", f"{owner} has no channel {code}.")
    name = (body.name_here or "").strip() or None
    return channel_view(await directory.rename_channel(owner, code, name))
