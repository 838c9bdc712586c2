"""Which camera of a device looks at what its alarm inputs guard."""

from __future__ import annotations

import msgspec

from gb28181.code import Kind
from registry.alarm_links import AlarmLink, AlarmLinks
from registry.channel import Channel, type_code
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code

PAGE, MOST_CHANNELS = 200, 2000


class AlarmLinkItem(msgspec.Struct, frozen=True):
    """An alarm input and the camera that was linked to it, "" when none was: then the only camera of the device is
    shown, if it has one only. `known` is false for an input that is in no catalog."""

    input: str
    name: str
    camera: str
    camera_name: str
    known: bool = True


class AlarmLinkList(msgspec.Struct, frozen=True):
    """`complete` is false where a neighbour has too many channels to look at all of them."""

    items: list[AlarmLinkItem]
    complete: bool


class AlarmLinkWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    camera: Code


RECORDER = "34020000001180000001"
INPUT = "34020000001340000001"
CAMERA = "34020000001320000001"
EXAMPLE = AlarmLinkItem(INPUT, "报警输入 1", CAMERA, "北门")


@route(
    "GET",
    "/devices/{code}/alarm-links",
    role=Role.OPERATOR,
    problems=(404,),
    example=AlarmLinkList([EXAMPLE], True),
)
async def links(visit: Visit, code: Code) -> AlarmLinkList:
    """The alarm inputs of a device, each with its camera."""
    linked = {link.input: link.camera for link in _links(visit).of(code)}
    inputs, complete = await _inputs(visit, code)
    names = {channel.code: channel.name for channel in inputs}
    items = []
    for name in sorted(names.keys() | linked.keys()):
        camera = linked.get(name, "")
        shown = await visit.services.directory.channel(code, camera) if camera else None
        items.append(
            AlarmLinkItem(
                name, names.get(name, name), camera, shown.name if shown is not None else camera, name in names
            )
        )
    return AlarmLinkList(items, complete)


@route(
    "PUT",
    "/devices/{code}/alarm-links/{input}",
    role=Role.OPERATOR,
    problems=(404, 409),
    body_example=AlarmLinkWish(CAMERA),
    example=EXAMPLE,
)
async def link(visit: Visit, code: Code, input: Code, body: AlarmLinkWish) -> AlarmLinkItem:
    """Have alarms of an input show a camera of the same device, from now on."""
    directory = visit.services.directory
    kept = _links(visit)
    visit.target = f"{code}/{input}"
    camera = await directory.channel(code, body.camera)
    if camera is None:
        raise Problem(404, "unknown-channel", f"{code} has no channel {body.camera}.")
    if not camera.playable:
        raise Problem(409, "not-a-camera", f"{body.camera} shows no picture.")
    try:
        await kept.keep(AlarmLink(code, input, body.camera))
    except ValueError as full:
        raise Problem(409, "too-many-links", f"{full}.") from None
    shown = await directory.channel(code, input)
    return AlarmLinkItem(input, shown.name if shown is not None else input, camera.code, camera.name, shown is not None)


@route("DELETE", "/devices/{code}/alarm-links/{input}", role=Role.OPERATOR, problems=(404,))
async def unlink(visit: Visit, code: Code, input: Code) -> None:
    """Leave it to the house again which camera is shown."""
    visit.target = f"{code}/{input}"
    if not await _links(visit).drop(code, input):
        raise Problem(404, "unknown-link", f"No camera was linked to {input}.")


async def _inputs(visit: Visit, owner: str) -> tuple[list[Channel], bool]:
    directory = visit.services.directory
    if directory.device(owner) is None:
        raise Problem(404, "unknown-device", f"There is no device {owner}.")
    found: list[Channel] = []
    after: str | None = None
    for _ in range(MOST_CHANNELS // PAGE):
        page = await directory.channels_of(owner, after, PAGE)
        found += [channel for channel in page.items if type_code(channel.code) == int(Kind.ALARM_INPUT.value)]
        after = page.next
        if after is None:
            break
    return found, after is None


def _links(visit: Visit) -> AlarmLinks:
    alarms = visit.services.alarms
    if alarms is None:
        raise Problem(404, "no-alarms", "This server keeps no alarms.")
    return alarms.links
