"""Everything a camera can be told besides turning: tours, scans, switches, exact places, boxes, guard, recording, cards
(GB/T 28181-2022 9.3, A.2.3.1).

`code` is a channel of `owner`, or `owner` itself where the device as a whole is meant.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gb28181 import ptz
from gb28181.manscdp.control import Box, DeviceControl, HomePosition, PrecisePosition
from web.api.reach import need_2022, order, turn_lever
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code

Group = Annotated[int, Meta(ge=0, le=255)]
PresetNumber = Annotated[int, Meta(ge=1, le=255)]
Twelve = Annotated[int, Meta(ge=0, le=4095)]
Pixels = Annotated[int, Meta(ge=1, le=100_000)]
TrackName = Annotated[str, Meta(max_length=32)]
MOST_NAME_BYTES = 32
PROBLEMS = (404, 409, 502, 504)


class Obeyed(msgspec.Struct, frozen=True):
    """`answered` is true when the device said that it has done it; false when the standard has it say no more than
    that it heard."""

    answered: bool


class CruiseWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tour over presets. `add` and `delete` need `preset`, `speed` and `dwell` (seconds) need `value`; `clear`
    deletes the tour. `name` is told with it (edition 2022)."""

    action: Literal["add", "delete", "clear", "speed", "dwell", "start", "stop"]
    group: Group = 1
    preset: PresetNumber | None = None
    value: Twelve | None = None
    name: TrackName = ""


class ScanWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sweep from limit to limit: `left` and `right` set them where the camera looks now, `speed` needs `value`."""

    action: Literal["start", "left", "right", "speed", "stop"]
    group: Group = 1
    value: Twelve | None = None


class SwitchWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An auxiliary switch; number 1 is the wiper."""

    number: Group
    on: bool


class PreciseWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to look: pan in degrees clockwise, tilt in degrees with down positive, zoom a factor; what is not said
    stays. Beyond its limits a camera goes to the limit."""

    pan: Annotated[float, Meta(ge=0, le=360)] | None = None
    tilt: Annotated[float, Meta(ge=-90, le=180)] | None = None
    zoom: Annotated[float, Meta(ge=1, le=1000)] | None = None


class Drawn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A box in the picture, in pixels from its top left corner; the window's own size goes with it."""

    window_width: Pixels
    window_height: Pixels
    left: Annotated[int, Meta(ge=0, le=100_000)]
    top: Annotated[int, Meta(ge=0, le=100_000)]
    width: Pixels
    height: Pixels

    def box(self) -> Box:
        """Raises Problem when it leaves the window."""
        if self.left + self.width > self.window_width or self.top + self.height > self.window_height:
            raise Problem(400, "box-outside", "The box leaves the window.")
        middle_x, middle_y = self.left + self.width // 2, self.top + self.height // 2
        return Box(self.window_width, self.window_height, middle_x, middle_y, self.width, self.height)


class ZoomBoxWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`in` enlarges what is in the box to the whole picture, `out` shrinks the picture into the box."""

    direction: Literal["in", "out"]
    box: Drawn


class TrackWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Follow a target: `manual` needs the box around it, drawn in the picture of `panorama` or of the camera itself."""

    mode: Literal["auto", "manual", "stop"]
    panorama: Code | None = None
    box: Drawn | None = None


class HomeWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Return to a preset after some seconds without a command."""

    enabled: bool
    reset_time_s: Annotated[int, Meta(ge=1, le=86_400)] | None = None
    preset: Annotated[int, Meta(ge=0, le=255)] | None = None


class GuardWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    on: bool


class AlarmResetWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which alarms; "" is all. `method` is 0 to 7, of several joined by a slash (edition 2022)."""

    method: Annotated[str, Meta(pattern=r"^[0-7]?(/[1-7])*$", max_length=16)] = ""
    type: Annotated[str, Meta(pattern=r"^[0-9]*(/[0-9]+)*$", max_length=32)] = ""


class DeviceRecordWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Have the device itself record. `stream` 0 is the main one; others need edition 2022."""

    on: bool
    stream: Annotated[int, Meta(ge=0, le=15)] = 0


class FormatWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A card by its number from 1; 0 is all of them."""

    card: Annotated[int, Meta(ge=0, le=64)]


DRAWN = Drawn(1280, 720, 320, 180, 320, 180)
DONE = Obeyed(True)
CRUISE_ACTIONS = {
    "add": ptz.CruiseAction.ADD,
    "delete": ptz.CruiseAction.DELETE,
    "clear": ptz.CruiseAction.DELETE,
    "speed": ptz.CruiseAction.SPEED,
    "dwell": ptz.CruiseAction.DWELL,
    "start": ptz.CruiseAction.START,
}
SCAN_ACTIONS = {
    "start": ptz.ScanAction.START,
    "left": ptz.ScanAction.LEFT,
    "right": ptz.ScanAction.RIGHT,
    "speed": ptz.ScanAction.SPEED,
}


@route(
    "POST",
    "/channels/{owner}/{code}/cruise",
    role=Role.OPERATOR,
    problems=PROBLEMS,
    body_example=CruiseWish("add", 1, 3),
)
async def cruise(visit: Visit, owner: Code, code: Code, body: CruiseWish) -> None:
    """Make, start or stop a tour over presets."""
    if body.name:
        if len(body.name.encode("gb18030", "replace")) > MOST_NAME_BYTES:
            raise Problem(400, "name-too-long", f"The name of a tour has at most {MOST_NAME_BYTES} bytes.")
        need_2022(visit, owner, "cruise-name")
    await turn_lever(visit, owner, code, cruise_command(body), cruise_name=body.name)


def cruise_command(wish: CruiseWish) -> ptz.Command:
    """Raises Problem when what the action needs is not there."""
    if wish.action == "stop":
        return ptz.Stop()
    needs = {"add": wish.preset, "delete": wish.preset, "speed": wish.value, "dwell": wish.value}
    value = needs.get(wish.action, 0)
    if value is None:
        raise Problem(400, "cruise-unclear", f"{wish.action} needs a preset or a value.")
    return ptz.Cruise(CRUISE_ACTIONS[wish.action], wish.group, value)


@route(
    "POST",
    "/channels/{owner}/{code}/scan",
    role=Role.OPERATOR,
    problems=PROBLEMS,
    body_example=ScanWish("start", 1),
)
async def scan(visit: Visit, owner: Code, code: Code, body: ScanWish) -> None:
    """Set the limits of a sweep, start or stop it."""
    if body.action == "stop":
        await turn_lever(visit, owner, code, ptz.Stop())
        return
    if (body.value is None) is (body.action == "speed"):
        raise Problem(400, "scan-unclear", "A value belongs to speed, and speed needs one.")
    await turn_lever(visit, owner, code, ptz.Scan(SCAN_ACTIONS[body.action], body.group, body.value or 0))


@route(
    "POST",
    "/channels/{owner}/{code}/switch",
    role=Role.OPERATOR,
    problems=PROBLEMS,
    body_example=SwitchWish(1, True),
)
async def switch(visit: Visit, owner: Code, code: Code, body: SwitchWish) -> None:
    """Turn an auxiliary switch, such as the wiper, on or off."""
    await turn_lever(visit, owner, code, ptz.Auxiliary(body.number, body.on))


@route(
    "POST",
    "/channels/{owner}/{code}/precise",
    role=Role.OPERATOR,
    problems=PROBLEMS,
    body_example=PreciseWish(90.0, 12.5, 4.0),
)
async def precise(visit: Visit, owner: Code, code: Code, body: PreciseWish) -> None:
    """Look exactly there (edition 2022)."""
    if body == PreciseWish():
        raise Problem(400, "precise-unclear", "Say at least one of pan, tilt and zoom.")
    need_2022(visit, owner, "precise")
    await order(visit, owner, code, DeviceControl(0, code, precise=PrecisePosition(body.pan, body.tilt, body.zoom)))


@route(
    "POST",
    "/channels/{owner}/{code}/zoom-box",
    role=Role.OPERATOR,
    problems=PROBLEMS,
    body_example=ZoomBoxWish("in", DRAWN),
)
async def zoom_box(visit: Visit, owner: Code, code: Code, body: ZoomBoxWish) -> None:
    """Zoom by a box that was drawn in the picture."""
    box = body.box.box()
    control = DeviceControl(0, code, zoom_in=box) if body.direction == "in" else DeviceControl(0, code, zoom_out=box)
    await order(visit, owner, code, control)


@route(
    "POST",
    "/channels/{owner}/{code}/track",
    role=Role.OPERATOR,
    problems=PROBLEMS,
    body_example=TrackWish("manual", None, DRAWN),
)
async def track(visit: Visit, owner: Code, code: Code, body: TrackWish) -> None:
    """Follow a target by itself, or one that is shown by a box, or no longer (edition 2022)."""
    if (body.box is None) is (body.mode == "manual"):
        raise Problem(400, "track-unclear", "A box belongs to manual, and manual needs one.")
    need_2022(visit, owner, "track")
    area = body.box.box() if body.box is not None else None
    panorama = body.panorama or (code if area is not None else "")
    control = DeviceControl(0, code, track=body.mode.capitalize(), track_panorama=panorama, target_area=area)
    await order(visit, owner, code, control)


@route(
    "POST",
    "/channels/{owner}/{code}/home-position",
    role=Role.OPERATOR,
    problems=PROBLEMS,
    body_example=HomeWish(True, 120, 3),
    example=DONE,
)
async def home_position(visit: Visit, owner: Code, code: Code, body: HomeWish) -> Obeyed:
    """Have the camera return to a preset after some rest, or not."""
    home = HomePosition(body.enabled, body.reset_time_s, body.preset)
    return Obeyed(await order(visit, owner, code, DeviceControl(0, code, home_position=home)))


@route(
    "POST",
    "/channels/{owner}/{code}/guard",
    role=Role.OPERATOR,
    problems=PROBLEMS,
    body_example=GuardWish(True),
    example=DONE,
)
async def guard(visit: Visit, owner: Code, code: Code, body: GuardWish) -> Obeyed:
    """Put an alarm input, or the device with all of its, on guard or off."""
    return Obeyed(await order(visit, owner, code, DeviceControl(0, code, guard=body.on)))


@route(
    "POST",
    "/channels/{owner}/{code}/alarm-reset",
    role=Role.OPERATOR,
    problems=PROBLEMS,
    body_example=AlarmResetWish(),
    example=DONE,
)
async def alarm_reset(visit: Visit, owner: Code, code: Code, body: AlarmResetWish) -> Obeyed:
    """Reset alarms at the device."""
    if "/" in body.method:
        need_2022(visit, owner, "alarm-methods")
    control = DeviceControl(0, code, alarm_reset=True, alarm_method=body.method, alarm_type=body.type)
    return Obeyed(await order(visit, owner, code, control))


@route(
    "POST",
    "/channels/{owner}/{code}/device-record",
    role=Role.OPERATOR,
    problems=PROBLEMS,
    body_example=DeviceRecordWish(True, 0),
    example=DONE,
)
async def device_record(visit: Visit, owner: Code, code: Code, body: DeviceRecordWish) -> Obeyed:
    """Have the device record a stream by itself, or no longer."""
    if body.stream:
        need_2022(visit, owner, "record-stream")
    control = DeviceControl(0, code, record=body.on, stream_number=body.stream)
    return Obeyed(await order(visit, owner, code, control))


@route("POST", "/channels/{owner}/{code}/key-frame", role=Role.OPERATOR, problems=PROBLEMS)
async def key_frame(visit: Visit, owner: Code, code: Code) -> None:
    """Have the camera send a key frame at once."""
    await order(visit, owner, code, DeviceControl(0, code, i_frame=True))


@route("POST", "/channels/{owner}/{code}/reboot", problems=PROBLEMS)
async def reboot(visit: Visit, owner: Code, code: Code) -> None:
    """Have a device start anew. What it records and sends is cut meanwhile."""
    await order(visit, owner, code, DeviceControl(0, code, teleboot=True))


@route("POST", "/channels/{owner}/{code}/format-card", problems=PROBLEMS, body_example=FormatWish(1))
async def format_card(visit: Visit, owner: Code, code: Code, body: FormatWish) -> None:
    """Erase a storage card of a device, or all (edition 2022). What was recorded on it is gone."""
    need_2022(visit, owner, "format-card")
    await order(visit, owner, code, DeviceControl(0, code, format_card=body.card))
