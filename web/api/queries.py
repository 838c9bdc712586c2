"""What a device tells when it is asked: itself, its state, its head, its cards, its place, its alarms of before.

`code` is a channel of `owner`, or `owner` itself where the device as a whole is meant. Nothing of this is kept: each
answer is as old as its `at`. Lists say whether they are complete, for devices stop half-way.
"""

from __future__ import annotations

import time
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from gb28181.manscdp.alarm import Alarm, AlarmQuery
from gb28181.manscdp.cruise import CruisePoints, CruiseTrackList, CruiseTrackListQuery, CruiseTrackQuery
from gb28181.manscdp.device_info import DeviceInfo, DeviceInfoQuery
from gb28181.manscdp.device_status import DeviceStatus, DeviceStatusQuery
from gb28181.manscdp.home_position import HomePositionAnswer, HomePositionQuery
from gb28181.manscdp.position import MobilePosition, MobilePositionQuery, PtzPosition, PtzPositionQuery
from gb28181.manscdp.sd_card import SdCardStatus, SdCardStatusQuery
from gb28181.peer import Gathered, Hop, PeerRefused
from web.api.reach import need_2022, patience, peer_of
from web.auth import Role
from web.desk import Visit
from web.errors import Problem
from web.routing import route
from web.texts import Code

CODE = "34020000001320000001"
AT = 1_795_226_430.0
PROBLEMS = (404, 409, 502, 504)
Number = Annotated[str, Meta(pattern=r"^[0-9]{1,5}$", description="0 is the first")]
LONGEST_SPAN_S = 31 * 86_400.0
ALARMS_S = 15.0
"""How long alarms of before are waited for: nothing says how many there are."""

T = TypeVar("T")


class InfoView(msgspec.Struct, frozen=True):
    at: float
    name: str
    manufacturer: str
    model: str
    firmware: str
    channels: int | None


class DutyView(msgspec.Struct, frozen=True):
    """An alarm input: ONDUTY, OFFDUTY or ALARM, or what else the device says."""

    code: str
    duty: str


class StatusView(msgspec.Struct, frozen=True):
    """`clock` is the device's own time; `encoding` and `recording` are null when it does not say."""

    at: float
    online: bool
    ok: bool
    reason: str
    encoding: bool | None
    recording: bool | None
    clock: float | None
    duties: list[DutyView]


class HomeView(msgspec.Struct, frozen=True):
    """`enabled` is null when the camera tells of no home position."""

    at: float
    enabled: bool | None
    reset_time_s: int | None
    preset: int | None


class CruiseView(msgspec.Struct, frozen=True):
    number: int
    name: str


class Cruises(msgspec.Struct, frozen=True):
    at: float
    items: list[CruiseView]
    complete: bool
    got: int
    expected: int


class PointView(msgspec.Struct, frozen=True):
    preset: int
    stay_s: int
    speed: int


class CruiseDetail(msgspec.Struct, frozen=True):
    at: float
    number: int
    name: str
    points: list[PointView]
    complete: bool
    got: int
    expected: int


class LookView(msgspec.Struct, frozen=True):
    """Degrees (down is positive), a zoom factor, metres; null where the camera does not say."""

    at: float
    pan: float | None
    tilt: float | None
    zoom: float | None
    horizontal_angle: float | None
    vertical_angle: float | None
    max_distance: float | None


class CardView(msgspec.Struct, frozen=True):
    """`state` is ok, formatting, unformatted, idle or error; `progress` of formatting in per cent."""

    number: int
    name: str
    state: str
    progress: int | None
    capacity_mb: int
    free_mb: int


class Cards(msgspec.Struct, frozen=True):
    at: float
    items: list[CardView]
    complete: bool
    got: int
    expected: int


class PlaceView(msgspec.Struct, frozen=True):
    """WGS-84 degrees, km/h, degrees clockwise from north, metres. `taken_at` is when it was there."""

    at: float
    code: str
    taken_at: float | None
    longitude: float
    latitude: float
    speed: float | None
    direction: float | None
    altitude: float | None


class PastAlarmsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """UNIX seconds, and at most 31 days; priorities 1 (highest) to 4; `method` 1 to 7, 0 is any."""

    start: float
    end: float
    first_priority: Annotated[int, Meta(ge=0, le=4)] = 0
    last_priority: Annotated[int, Meta(ge=0, le=4)] = 0
    method: Annotated[int, Meta(ge=0, le=7)] = 0


class PastAlarm(msgspec.Struct, frozen=True):
    code: str
    at: float | None
    priority: int
    method: int
    alarm_type: int | None
    description: str


class PastAlarms(msgspec.Struct, frozen=True):
    """`complete` is true only when the device said that there are no more."""

    at: float
    items: list[PastAlarm]
    complete: bool


@route(
    "GET",
    "/channels/{owner}/{code}/info",
    role=Role.VIEWER,
    problems=PROBLEMS,
    example=InfoView(AT, "Yard NVR", "Maker", "Model 1", "1.0.2", 16),
)
async def info(visit: Visit, owner: Code, code: Code) -> InfoView:
    """Who a device says it is."""
    said = await _ask(visit, owner, code, DeviceInfoQuery(0, code), DeviceInfo)
    return InfoView(time.time(), said.name, said.manufacturer, said.model, said.firmware, said.channels)


@route(
    "GET",
    "/channels/{owner}/{code}/status",
    role=Role.VIEWER,
    problems=PROBLEMS,
    example=StatusView(AT, True, True, "", True, False, AT, [DutyView("34020000001340000001", "ONDUTY")]),
)
async def status(visit: Visit, owner: Code, code: Code) -> StatusView:
    """How a device says it is, and which of its alarm inputs are armed."""
    said = await _ask(visit, owner, code, DeviceStatusQuery(0, code), DeviceStatus)
    duties = [DutyView(duty.device, duty.duty) for duty in said.duties]
    return StatusView(
        time.time(), said.online, said.status_ok, said.reason, said.encoding, said.recording, said.at, duties
    )


@route(
    "GET",
    "/channels/{owner}/{code}/home-position",
    role=Role.VIEWER,
    problems=PROBLEMS,
    example=HomeView(AT, True, 120, 1),
)
async def home_position(visit: Visit, owner: Code, code: Code) -> HomeView:
    """Where a camera returns to by itself."""
    need_2022(visit, owner, "HomePositionQuery")
    said = await _ask(visit, owner, code, HomePositionQuery(0, code), HomePositionAnswer)
    home = said.home
    if home is None:
        return HomeView(time.time(), None, None, None)
    return HomeView(time.time(), home.enabled, home.reset_time_s, home.preset)


@route(
    "GET",
    "/channels/{owner}/{code}/cruises",
    role=Role.VIEWER,
    problems=PROBLEMS,
    example=Cruises(AT, [CruiseView(0, "Night")], True, 1, 1),
)
async def cruises(visit: Visit, owner: Code, code: Code) -> Cruises:
    """The cruises a camera knows."""
    need_2022(visit, owner, "CruiseTrackListQuery")
    gathered, parts = await _gather(visit, owner, code, CruiseTrackListQuery(0, code), CruiseTrackList)
    items = {track.number: CruiseView(track.number, track.name) for part in parts for track in part.tracks}
    return Cruises(time.time(), list(items.values()), *_how_far(gathered, len(items)))


@route(
    "GET",
    "/channels/{owner}/{code}/cruises/{number}",
    role=Role.VIEWER,
    problems=PROBLEMS,
    example=CruiseDetail(AT, 0, "Night", [PointView(1, 15, 8), PointView(3, 15, 8)], True, 2, 2),
)
async def cruise(
    visit: Visit, owner: Code, code: Code, number: Annotated[str, Meta(pattern=r"^\d{1,5}$")]
) -> CruiseDetail:
    """One cruise, stop by stop."""
    need_2022(visit, owner, "CruiseTrackQuery")
    gathered, parts = await _gather(visit, owner, code, CruiseTrackQuery(0, code, int(number)), CruisePoints)
    points = [PointView(point.preset, point.stay_s, point.speed) for part in parts for point in part.points]
    name = next((part.name for part in parts if part.name), "")
    return CruiseDetail(time.time(), int(number), name, points, *_how_far(gathered, len(points)))


@route(
    "GET",
    "/channels/{owner}/{code}/look",
    role=Role.VIEWER,
    problems=PROBLEMS,
    example=LookView(AT, 90.0, 12.5, 4.0, 15.0, 8.4, 100.0),
)
async def look(visit: Visit, owner: Code, code: Code) -> LookView:
    """Where a camera looks now."""
    need_2022(visit, owner, "PTZPosition")
    said = (await _ask(visit, owner, code, PtzPositionQuery(0, code), PtzPosition)).look
    angles = (said.horizontal_angle, said.vertical_angle, said.max_distance)
    return LookView(time.time(), said.pan, said.tilt, said.zoom, *angles)


@route(
    "GET",
    "/channels/{owner}/{code}/cards",
    role=Role.VIEWER,
    problems=PROBLEMS,
    example=Cards(AT, [CardView(1, "SD1", "formatting", 40, 61_440, 0)], True, 1, 1),
)
async def cards(visit: Visit, owner: Code, code: Code) -> Cards:
    """The storage cards of a device."""
    need_2022(visit, owner, "SDCardStatus")
    gathered, parts = await _gather(visit, owner, code, SdCardStatusQuery(0, code), SdCardStatus)
    items = {
        card.number: CardView(card.number, card.name, card.state, card.progress, card.capacity_mb, card.free_mb)
        for part in parts
        for card in part.cards
    }
    return Cards(time.time(), list(items.values()), *_how_far(gathered, len(items)))


@route(
    "GET",
    "/channels/{owner}/{code}/place",
    role=Role.VIEWER,
    problems=PROBLEMS,
    example=PlaceView(AT, CODE, AT, 117.283042, 31.86119, 36.5, 128.0, None),
)
async def place(visit: Visit, owner: Code, code: Code) -> PlaceView:
    """Where a thing is now, asked once."""
    said = await _ask(visit, owner, code, MobilePositionQuery(0, code), MobilePosition)
    fix = next((fix for fix in said.fixes if fix.device in ("", code)), None)
    if fix is None:
        raise Problem(502, "no-place", f"{code} answered and told no place.")
    return PlaceView(time.time(), code, fix.at, fix.longitude, fix.latitude, fix.speed, fix.direction, fix.altitude)


@route(
    "GET",
    "/channels/{owner}/{code}/past-alarms",
    role=Role.VIEWER,
    problems=PROBLEMS,
    example=PastAlarms(AT, [PastAlarm(CODE, AT, 2, 5, 2, "motion")], True),
)
async def past_alarms(visit: Visit, owner: Code, code: Code, query: PastAlarmsQuery) -> PastAlarms:
    """The alarms a device has kept."""
    if not 0 <= query.end - query.start <= LONGEST_SPAN_S:
        raise Problem(400, "span", "From start to end is 0 to 31 days.", {"days": 31})
    asked = AlarmQuery(
        0,
        code,
        query.first_priority,
        query.last_priority,
        (query.method,) if query.method else (),
        start=query.start,
        end=query.end,
    )
    peer = await peer_of(visit, owner, code)
    answer = await peer.ask(asked, timeout_s=await patience(visit, owner, code) or ALARMS_S)
    gathered = _gathered(answer)
    items = [
        PastAlarm(one.device or code, one.at, one.priority, one.method, one.alarm_type, one.description)
        for one in gathered.parts
        if isinstance(one, Alarm)
    ]
    return PastAlarms(time.time(), items, gathered.complete)


async def _ask(visit: Visit, owner: str, code: str, query: object, kind: type[T]) -> T:
    """The one answer to a question. Raises Problem, PeerError kinds; PeerRefused where it says that it cannot."""
    peer = await peer_of(visit, owner, code)
    answer = await peer.ask(query, timeout_s=await patience(visit, owner, code))
    return _checked(code, answer, kind)


async def _gather(visit: Visit, owner: str, code: str, query: object, kind: type[T]) -> tuple[Gathered, list[T]]:
    """The parts of an answer. Raises as `_ask`."""
    peer = await peer_of(visit, owner, code)
    answer = _gathered(await peer.ask(query, timeout_s=await patience(visit, owner, code)))
    return answer, [_checked(code, part, kind) for part in answer.parts]


def _gathered(answer: object) -> Gathered:
    return answer if isinstance(answer, Gathered) else Gathered((answer,), 1, 1, True)


def _checked(code: str, answer: object, kind: type[T]) -> T:
    if not isinstance(answer, kind):
        raise TypeError(f"{code} answered with {type(answer).__name__}, not {kind.__name__}")
    if not getattr(answer, "ok", True):
        reason = getattr(answer, "reason", "") or "Result ERROR"
        what = getattr(answer, "cmd_type", "")
        hops = (Hop(code, what, 200, reason),)
        raise PeerRefused(f"{code} answered {what} with an error: {reason}", status=200, reason=reason, hops=hops)
    return answer


def _how_far(gathered: Gathered, got: int) -> tuple[bool, int, int]:
    """Whether all came, how many did, and how many were meant."""
    return gathered.complete and not gathered.damaged, got, max(gathered.expected, got)
