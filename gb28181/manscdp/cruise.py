"""Cruise tracks of a dome: which there are, and the points of one (GB/T 28181-2022 A.2.4.11, A.2.4.12)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gb28181.manscdp.fields import Fields, local_name
from gb28181.manscdp.writing import Sheet, row

MOST_TRACKS = 1024
MOST_POINTS = 4096


@dataclass(frozen=True, slots=True)
class CruiseTrack:
    """A cruise by its number, the first is 0."""

    number: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class CruisePoint:
    """A stop of a cruise: which preset, how many seconds, and how fast it is reached (1 to 15)."""

    preset: int
    stay_s: int = 0
    speed: int = 0


@dataclass(frozen=True, slots=True)
class CruiseTrackList:
    """The cruises of a dome, or some of them; `damaged` counts those without a number."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "CruiseTrackListQuery"

    sn: int
    device: str
    tracks: tuple[CruiseTrack, ...] = ()
    sum_num: int | None = None
    ok: bool = True
    reason: str = ""
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class CruiseTrackListQuery:
    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "CruiseTrackListQuery"
    answer_type: ClassVar[type] = CruiseTrackList
    in_parts: ClassVar[bool] = False

    sn: int
    device: str


@dataclass(frozen=True, slots=True)
class CruisePoints:
    """One cruise with its points in their order, or some of them; `damaged` counts those without a preset."""

    root: ClassVar[str] = "Response"
    cmd_type: ClassVar[str] = "CruiseTrackQuery"

    sn: int
    device: str
    number: int = 0
    name: str = ""
    points: tuple[CruisePoint, ...] = ()
    sum_num: int | None = None
    ok: bool = True
    reason: str = ""
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class CruiseTrackQuery:
    """Asks for the cruise with this number, the first is 0."""

    root: ClassVar[str] = "Query"
    cmd_type: ClassVar[str] = "CruiseTrackQuery"
    answer_type: ClassVar[type] = CruisePoints
    in_parts: ClassVar[bool] = False

    sn: int
    device: str
    number: int = 0


def read_cruise_list(sn: int, device: str, fields: Fields, damaged: int) -> CruiseTrackList:
    items = _listed(fields, "CruiseTrackList", "cruisetrack")[:MOST_TRACKS]
    found = [(item.count("Number"), item.text("Name")) for item in items]
    tracks = tuple(CruiseTrack(number, name) for number, name in found if number is not None)
    return CruiseTrackList(
        sn,
        device,
        tracks,
        fields.count("SumNum"),
        fields.switch("Result") is not False,
        fields.text("Reason"),
        damaged + len(found) - len(tracks),
    )


def write_cruise_list(said: CruiseTrackList, sheet: Sheet) -> None:
    _write_refusal(said.ok, said.reason, sheet)
    sheet.must("SumNum", len(said.tracks) if said.sum_num is None else said.sum_num)
    if said.tracks:
        sheet.row(f'<CruiseTrackList Num="{len(said.tracks)}">')
        for track in said.tracks:
            sheet.row(row("CruiseTrack", (("Number", track.number), ("Name", track.name))))
        sheet.close("CruiseTrackList")


def read_cruise_list_query(sn: int, device: str, fields: Fields, damaged: int) -> CruiseTrackListQuery:
    return CruiseTrackListQuery(sn, device)


def read_cruise_points(sn: int, device: str, fields: Fields, damaged: int) -> CruisePoints:
    items = _listed(fields, "CruisePointList", "cruisepoint")[:MOST_POINTS]
    found = [(item.count("PresetIndex"), item.count("StayTime") or 0, item.count("Speed") or 0) for item in items]
    points = tuple(CruisePoint(preset, stay_s, speed) for preset, stay_s, speed in found if preset is not None)
    return CruisePoints(
        sn,
        device,
        fields.count("Number") or 0,
        fields.text("Name"),
        points,
        fields.count("SumNum"),
        fields.switch("Result") is not False,
        fields.text("Reason"),
        damaged + len(found) - len(points),
    )


def write_cruise_points(said: CruisePoints, sheet: Sheet) -> None:
    _write_refusal(said.ok, said.reason, sheet)
    sheet.must("Number", said.number)
    sheet.may("Name", said.name)
    sheet.must("SumNum", len(said.points) if said.sum_num is None else said.sum_num)
    if said.points:
        sheet.row(f'<CruisePointList Num="{len(said.points)}">')
        for point in said.points:
            values = (("PresetIndex", point.preset), ("StayTime", point.stay_s), ("Speed", point.speed))
            sheet.row(row("CruisePoint", values))
        sheet.close("CruisePointList")


def read_cruise_query(sn: int, device: str, fields: Fields, damaged: int) -> CruiseTrackQuery:
    return CruiseTrackQuery(sn, device, fields.count("Number") or 0)


def write_cruise_query(said: CruiseTrackQuery, sheet: Sheet) -> None:
    sheet.must("Number", said.number)


def _listed(fields: Fields, within: str, name: str) -> list[Fields]:
    listed = fields.inside(within)
    found = listed.element if listed is not None else ()
    return [Fields(item) for item in found if local_name(item) in (name, "item")]


def _write_refusal(ok: bool, reason: str, sheet: Sheet) -> None:
    """The standard has no Result here; devices add it to say that they cannot."""
    if not ok:
        sheet.result(False)
        sheet.may("Reason", reason)
