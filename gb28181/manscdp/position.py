"""Where things are and look: MobilePosition of both editions, PTZPosition (GB/T 28181-2022 A.2.4.9, A.2.5.6).

2016 reports one place in flat elements, often without DeviceID; 2022 a list of places. Both are read as a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.manscdp.fields import Fields, local_name, wire_time
from gb28181.manscdp.writing import Sheet, row

MOST_FIXES = 10_000


@dataclass(frozen=True, slots=True)
class Fix:
    """Where `device` was, "" when the report did not say whose place it is.

    `at` is UNIX seconds, None when not said; degrees WGS-84; speed in km/h; direction in degrees clockwise from
    north, 0 to below 360; altitude and height above ground in metres.
    """

    device: str
    at: float | None
    longitude: float
    latitude: float
    speed: float | None = None
    direction: float | None = None
    altitude: float | None = None
    height: float | None = None


@dataclass(frozen=True, slots=True)
class MobilePosition:
    """A report of places. `damaged` counts those that have no coordinates we can read."""

    root: ClassVar[str] = "Notify"
    cmd_type: ClassVar[str] = "MobilePosition"

    sn: int
    device: str
    at: float | None = None
    fixes: tuple[Fix, ...] = ()
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class MobilePositionQuery:
    """The body of a subscription to places, reported every `interval_s` seconds."""

    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "MobilePosition"
    answer_type: ClassVar[type] = MobilePosition
    in_parts: ClassVar[bool] = False

    sn: int
    device: str
    interval_s: int = 5


@dataclass(frozen=True, slots=True)
class Look:
    """Where a dome looks: degrees (tilt is positive downward), a zoom factor, and metres; None when not said."""

    pan: float | None = None
    tilt: float | None = None
    zoom: float | None = None
    horizontal_angle: float | None = None
    vertical_angle: float | None = None
    max_distance: float | None = None


@dataclass(frozen=True, slots=True)
class PtzPosition:
    """How a dome looks, asked by MESSAGE (2022 A.2.6.15)."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "PTZPosition"

    sn: int
    device: str
    look: Look = Look()
    ok: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PtzPositionNotice:
    """The same told to a subscriber when it changes."""

    root: ClassVar[str] = "Notify"
    cmd_type: ClassVar[str] = "PTZPosition"

    sn: int
    device: str
    look: Look = Look()


@dataclass(frozen=True, slots=True)
class PtzPositionQuery:
    """Asked once by MESSAGE, or the body of a subscription."""

    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "PTZPosition"
    answer_type: ClassVar[type] = PtzPosition
    in_parts: ClassVar[bool] = False

    sn: int
    device: str


def read_mobile_position(sn: int, device: str, fields: Fields, damaged: int) -> MobilePosition:
    at = fields.time("Time")
    listed = fields.inside("DeviceList")
    if listed is None:
        places = [fields] if "Longitude" in fields or "Latitude" in fields else []
    else:
        places = [Fields(item) for item in listed.element if local_name(item) == "item"][:MOST_FIXES]
    found = [_read_fix(place, device, at) for place in places]
    fixes = tuple(fix for fix in found if fix is not None)
    return MobilePosition(sn, device, at, fixes, damaged + len(found) - len(fixes))


def _read_fix(place: Fields, device: str, at: float | None) -> Fix | None:
    longitude, latitude = place.number("Longitude"), place.number("Latitude")
    if longitude is None or latitude is None or not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        return None
    taken = place.time("CaptureTime", "Time")
    return Fix(
        place.text("DeviceID") or device,
        taken if taken is not None else at,
        longitude,
        latitude,
        place.number("Speed"),
        _direction(place.number("Direction")),
        place.number("Altitude"),
        place.number("Height"),
    )


def _direction(degrees: float | None) -> float | None:
    """2016 allows 360 where 2022 wants 0."""
    return None if degrees is None or not -360 <= degrees <= 360 else degrees % 360


def write_mobile_position(said: MobilePosition, sheet: Sheet) -> None:
    """2022 lists; 2016 has room for the first place alone, and its DeviceID is the extension devices send."""
    sheet.time("Time", said.at if said.at is not None else next((fix.at for fix in said.fixes), None))
    if not sheet.edition.is_2022:
        for fix in said.fixes[:1]:
            for name, value in _flat(fix):
                sheet.may(name, value)
        return
    sheet.must("SumNum", len(said.fixes))
    if not said.fixes:
        return
    sheet.row(f'<DeviceList Num="{len(said.fixes)}">')
    for fix in said.fixes:
        taken = fix.at if fix.at is not None else said.at
        head = (("DeviceID", fix.device or said.device), ("CaptureTime", wire_time(taken) if taken is not None else ""))
        sheet.row(row("Item", (*head, *_flat(fix), ("Height", fix.height))))
    sheet.close("DeviceList")


def _flat(fix: Fix) -> tuple[tuple[str, float | None], ...]:
    return (
        ("Longitude", fix.longitude),
        ("Latitude", fix.latitude),
        ("Speed", fix.speed),
        ("Direction", fix.direction),
        ("Altitude", fix.altitude),
    )


def read_mobile_position_query(sn: int, device: str, fields: Fields, damaged: int) -> MobilePositionQuery:
    return MobilePositionQuery(sn, device, fields.count("Interval") or 5)


def write_mobile_position_query(said: MobilePositionQuery, sheet: Sheet) -> None:
    sheet.must("Interval", said.interval_s)


def read_ptz_position(sn: int, device: str, fields: Fields, damaged: int) -> PtzPosition:
    return PtzPosition(sn, device, _look(fields), fields.switch("Result") is not False, fields.text("Reason"))


def read_ptz_position_notice(sn: int, device: str, fields: Fields, damaged: int) -> PtzPositionNotice:
    return PtzPositionNotice(sn, device, _look(fields))


def read_ptz_position_query(sn: int, device: str, fields: Fields, damaged: int) -> PtzPositionQuery:
    return PtzPositionQuery(sn, device)


_LOOK = ("Pan", "Tilt", "Zoom", "HorizontalFieldAngle", "VerticalFieldAngle", "MaxViewDistance")


def _look(fields: Fields) -> Look:
    return Look(*map(fields.number, _LOOK))


def write_ptz_position(said: PtzPosition | PtzPositionNotice, sheet: Sheet) -> None:
    if isinstance(said, PtzPosition) and not said.ok:
        sheet.result(False)
        sheet.may("Reason", said.reason)
    look = said.look
    values = (look.pan, look.tilt, look.zoom, look.horizontal_angle, look.vertical_angle, look.max_distance)
    for name, value in zip(_LOOK, values, strict=True):
        sheet.may(name, value)
