"""Steering a camera: pan, tilt, zoom, focus, iris and presets (GB/T 28181-2022 A.2.3.1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gb28181 import ptz
from gb28181.manscdp.preset import PresetList, PresetQuery
from gb28181.peer import Gathered
from web.api.reach import patience, peer_of, turn_lever
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code, Label

Speed = Annotated[float, Meta(ge=-1.0, le=1.0)]
# A hand on the stick sends several commands a second; the audit book has one line for all of them.
AUDIT_EVERY_S = 10.0


class PresetWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` is told to the camera with "set" (edition 2022)."""

    action: Literal["set", "call", "delete"]
    number: Annotated[int, Meta(ge=1, le=255)]
    name: Label = ""


class Steering(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One command: a movement (pan, tilt, zoom), a lens (focus, iris), `stop`, or a preset.

    Speeds run from -1 to 1; positive is right, up, nearer picture, farther focus, wider iris. A movement goes on until
    `stop`, a lens until both its speeds are 0; say it again every second or two, for after a few seconds without
    (setting `ptz_hold_s`) we stop it ourselves.
    """

    pan: Speed | None = None
    tilt: Speed | None = None
    zoom: Speed | None = None
    focus: Speed | None = None
    iris: Speed | None = None
    stop: bool = False
    preset: PresetWish | None = None


class PresetItem(msgspec.Struct, frozen=True):
    number: int
    name: str


class Presets(msgspec.Struct, frozen=True):
    """`complete` is false when the camera stopped before it had told all."""

    items: list[PresetItem]
    complete: bool


PRESET_ACTIONS = {"set": ptz.PresetAction.SET, "call": ptz.PresetAction.CALL, "delete": ptz.PresetAction.DELETE}


@route(
    "POST",
    "/channels/{owner}/{code}/ptz",
    role=Role.OPERATOR,
    problems=(404, 409, 502, 504),
    audit_every_s=AUDIT_EVERY_S,
    body_example=Steering(pan=0.5, tilt=-0.25),
)
async def steer(visit: Visit, owner: Code, code: Code, body: Steering) -> None:
    """Steer a camera; it is then yours for some seconds, see `holds`."""
    command = command_of(body)
    name = body.preset.name if body.preset is not None and body.preset.action == "set" else ""
    await turn_lever(visit, owner, code, command, preset_name=name)


@route(
    "GET",
    "/channels/{owner}/{code}/presets",
    role=Role.VIEWER,
    problems=(404, 409, 502, 504),
    example=Presets([PresetItem(1, "gate")], True),
)
async def presets(visit: Visit, owner: Code, code: Code) -> Presets:
    """The presets a camera knows."""
    peer = await peer_of(visit, owner, code)
    answer = await peer.ask(PresetQuery(sn=0, device=code), timeout_s=await patience(visit, owner, code))
    parts = answer.parts if isinstance(answer, Gathered) else (answer,)
    lists = [part for part in parts if isinstance(part, PresetList)]
    if any(not part.ok for part in lists):
        reason = next((part.reason for part in lists if part.reason), "")
        raise Problem(502, "device-refused", f"{code} does not tell its presets.", {"status": 0, "reason": reason})
    return presets_of(lists, complete=answer.complete if isinstance(answer, Gathered) else True)


def presets_of(lists: Sequence[PresetList], *, complete: bool) -> Presets:
    """Presets as we show them; what has no number cannot be called and is left out."""
    told = [preset for part in lists for preset in part.presets]
    items = [
        PresetItem(int(preset.number), preset.name)
        for preset in told
        if preset.number.isascii() and preset.number.isdigit() and len(preset.number) < 6
    ]
    sums = [part.sum_num for part in lists if part.sum_num is not None]
    whole = not any(part.damaged for part in lists) and (not sums or max(sums) <= len(told))
    return Presets(items, complete and whole)


def command_of(wish: Steering) -> ptz.Command:
    """The one command a wish means. Raises Problem when it means none or several."""
    moves = bool(wish.pan or wish.tilt or wish.zoom)
    lens = bool(wish.focus or wish.iris)
    if moves + lens + wish.stop + (wish.preset is not None) > 1 or wish == Steering():
        text = "Say one thing at a time: a movement, a lens, stop, or a preset."
        raise Problem(400, "steering-unclear", text)
    if wish.preset is not None:
        return ptz.Preset(PRESET_ACTIONS[wish.preset.action], wish.preset.number)
    if moves:
        return ptz.Move(pan=wish.pan or 0.0, tilt=wish.tilt or 0.0, zoom=wish.zoom or 0.0)
    is_of_lens = wish.focus is not None or wish.iris is not None
    still = wish.pan is None and wish.tilt is None and wish.zoom is None and not wish.stop
    if lens or (is_of_lens and still):
        return ptz.FocusIris(focus=wish.focus or 0.0, iris=wish.iris or 0.0)
    return ptz.Stop()
