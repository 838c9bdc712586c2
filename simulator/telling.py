"""What a camera's head and cards tell when they are asked (GB/T 28181-2022 9.5; an older device knows none of it)."""

from __future__ import annotations

from collections.abc import Sequence

from gb28181.manscdp.cruise import (
    CruisePoint,
    CruisePoints,
    CruiseTrack,
    CruiseTrackList,
    CruiseTrackListQuery,
    CruiseTrackQuery,
)
from gb28181.manscdp.home_position import HomePositionAnswer, HomePositionQuery
from gb28181.manscdp.message import Manscdp
from gb28181.manscdp.position import Look, PtzPosition, PtzPositionQuery
from gb28181.manscdp.sd_card import SdCard, SdCardStatus, SdCardStatusQuery
from simulator.head import Head
from simulator.routine import MOST_SPEED

NEW_IN_2022 = HomePositionQuery | CruiseTrackListQuery | CruiseTrackQuery | PtzPositionQuery | SdCardStatusQuery
WIDEST = (60.0, 33.75)
"""Degrees that a picture shows at zoom 1, across and upward."""


def told_by_head(head: Head, asked: NEW_IN_2022, now: float, items_a_part: int) -> list[Manscdp]:
    """Its home position, its cruises, or where it looks now; [] when it is asked for something else."""
    match asked:
        case HomePositionQuery():
            return [HomePositionAnswer(asked.sn, asked.device, head.home)]
        case CruiseTrackListQuery():
            tracks = [CruiseTrack(number, track.name) for number, track in sorted(head.cruises.items())]
            parts = [tracks[first : first + items_a_part] for first in range(0, len(tracks), items_a_part)] or [[]]
            return [CruiseTrackList(asked.sn, asked.device, tuple(part), len(tracks)) for part in parts]
        case CruiseTrackQuery():
            return [_cruise(head, asked)]
        case PtzPositionQuery():
            aim = head.at(now)
            across, upward = (round(angle / aim.zoom, 2) for angle in WIDEST)
            degrees = aim.degrees
            look = Look(degrees.pan, degrees.tilt, degrees.zoom, across, upward, 100.0)
            return [PtzPosition(asked.sn, asked.device, look)]
    return []


def _cruise(head: Head, asked: CruiseTrackQuery) -> CruisePoints:
    track = head.cruises.get(asked.number)
    if track is None:
        return CruisePoints(asked.sn, asked.device, asked.number, ok=False, reason=f"no cruise {asked.number}")
    speed = 1 + track.speed * 14 // MOST_SPEED
    points = tuple(CruisePoint(preset, track.dwell_s, speed) for preset in track.points)
    return CruisePoints(asked.sn, asked.device, asked.number, track.name, points, len(points))


def told_of_cards(cards: Sequence[SdCard], asked: SdCardStatusQuery) -> list[Manscdp]:
    return [SdCardStatus(asked.sn, asked.device, tuple(cards), len(cards))]
