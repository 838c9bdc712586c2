"""Where moving things are and were."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry.device import Device
from registry.directory import Directory
from registry.events import Bus, PositionReported
from registry.fix import KeptFix, Thinning, length_m, metres_between, simplified
from registry.tracks import Tracks, TrackSettings

CAR = "34020000001320000001"
METRE = 1 / 111_320.0
NOON = 1_795_000_000.0


def fix(at_s: float, north_m: float = 0.0, direction: float | None = None, east_m: float = 0.0) -> KeptFix:
    longitude = 118.0 + east_m * METRE / math.cos(math.radians(31.0))
    return KeptFix(CAR, CAR, round(at_s * 1000), longitude, 31.0 + north_m * METRE, 30.0, direction)


def test_a_place_is_kept_when_far_when_turned_or_when_time_went_by():
    thinning = Thinning(far_m=15, turn_deg=25, rest_s=60)
    last = fix(0, 0, 90)
    assert thinning.keeps(None, last)
    assert not thinning.keeps(last, fix(5, 10, 90))
    assert thinning.keeps(last, fix(5, 16, 90))
    assert thinning.keeps(last, fix(5, 10, 120)) and thinning.keeps(fix(0, 0, 350), fix(5, 10, 20))
    assert not thinning.keeps(last, fix(5, 0.5, 270)), "who stands and turns makes no line"
    assert thinning.keeps(last, fix(60, 0, 90))
    assert not thinning.keeps(last, fix(0, 500, 90)) and not thinning.keeps(last, fix(-9, 500, 90))


def test_distances_are_metres():
    assert metres_between(fix(0), fix(1, 300, east_m=400)) == pytest.approx(500, rel=0.01)
    assert length_m([fix(0), fix(1, 100), fix(2, 100, east_m=100)]) == pytest.approx(200, rel=0.01)
    assert length_m([]) == length_m([fix(0)]) == 0


def test_a_line_is_shown_with_fewer_places_and_keeps_its_corners():
    square = [fix(at, min(at, 100), east_m=max(0, at - 100)) for at in range(201)]
    shown = simplified(square, 10)
    assert len(shown) <= 10 and shown[0] == square[0] and shown[-1] == square[-1] and square[100] in shown
    assert simplified(square[:2], 2) == square[:2] and simplified([], 5) == []
    circle = [fix(at, 500 * math.sin(at / 50), east_m=500 * math.cos(at / 50)) for at in range(1_000)]
    assert 50 < len(simplified(circle, 100)) <= 100


@pytest.fixture(params=["memory:", "sqlite"])
async def directory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Directory]:
    url = request.param if request.param == "memory:" else f"sqlite:///{tmp_path / 'library.db'}"
    directory = Directory(Bus())
    await directory.open(url)
    yield directory
    await directory.close()


def report(directory: Directory, at: float, north_m: float, code: str = CAR) -> None:
    directory.bus.tell(PositionReported(CAR, code, at, 118.0, 31.0 + north_m * METRE, 30.0, 0.0))


async def test_a_way_is_found_again_with_its_last_place_though_that_was_too_near_to_keep(directory: Directory):
    tracks = Tracks(directory, clock=lambda: NOON + 100)
    await tracks.open()
    for second in range(0, 31):
        report(directory, NOON + second, second * 4.0)
    found = await tracks.track(CAR, CAR, NOON, NOON + 100)
    assert [round((each.latitude - 31.0) / METRE) for each in found] == [0, 16, 32, 48, 64, 80, 96, 112, 120]
    assert tracks.statistics().heard == 31 and tracks.statistics().kept == 8
    assert await tracks.track(CAR, CAR, NOON + 10, NOON + 14) == [found[3]]
    assert await tracks.track(CAR, "another", NOON, NOON + 100) == []
    (now,), _ = tracks.now()
    assert now == found[-1] == tracks.now_of(CAR, CAR)
    await tracks.close()
    again = Tracks(directory)
    await again.open()
    assert again.now_of(CAR, CAR) == found[-2], "what was not worth keeping is gone with the restart"
    await again.close()


async def test_what_comes_late_in_order_is_a_part_of_the_way(directory: Directory):
    tracks = Tracks(directory, clock=lambda: NOON + 1000)
    await tracks.open()
    report(directory, NOON + 900, 0)
    for second in range(0, 300, 10):
        report(directory, NOON + second, second * 2.0)
    found = await tracks.track(CAR, CAR, NOON, NOON + 1000)
    assert len(found) == 31 and [each.at_ms for each in found] == sorted(each.at_ms for each in found)
    assert tracks.now_of(CAR, CAR) == found[-1] and found[-1].at_ms == (NOON + 900) * 1000
    await tracks.close()


async def test_only_what_was_heard_since_is_told_again(directory: Directory):
    tracks = Tracks(directory)
    await tracks.open()
    report(directory, NOON, 0, "a")
    report(directory, NOON, 0, "b")
    found, number = tracks.now()
    assert {each.code for each in found} == {"a", "b"}
    assert tracks.now(number) == ([], number)
    report(directory, NOON + 1, 1, "a")
    found, later = tracks.now(number)
    assert [each.code for each in found] == ["a"] and later > number
    await tracks.close()


async def test_what_lies_nowhere_is_counted_and_a_clock_ahead_is_not_believed(directory: Directory):
    tracks = Tracks(directory, clock=lambda: NOON)
    await tracks.open()
    for longitude, latitude in ((0.0, 0.0), (181.0, 31.0), (118.0, -91.0), (math.nan, 31.0)):
        directory.bus.tell(PositionReported(CAR, CAR, NOON, longitude, latitude))
    assert tracks.now()[0] == [] and tracks.statistics().strange == 4
    report(directory, NOON + 86_400, 0)
    (now,), _ = tracks.now()
    assert now.at_ms == NOON * 1000
    await tracks.close()


async def test_old_places_and_those_of_a_removed_device_are_forgotten(directory: Directory):
    tracks = Tracks(directory, TrackSettings(keep_days=1, most=3), clock=lambda: NOON)
    await tracks.open()
    await directory.add_device(Device(CAR))
    for hours in (30, 20, 10, 5, 1):
        report(directory, NOON - hours * 3600, hours * 100.0)
    assert len(await tracks.track(CAR, CAR, 0, NOON)) == 5
    shelf = directory.fixes
    assert await shelf.prune(round((NOON - 86_400) * 1000), 100) == 1
    assert await shelf.prune(0, 3) == 1 and await shelf.count() == 3
    await directory.remove_device(CAR)
    assert tracks.now()[0] == [] and await tracks.track(CAR, CAR, 0, NOON) == [] and await shelf.count() == 0
    await tracks.close()


@pytest.mark.parametrize("wrong", [{"keep_days": 0}, {"most": 0}, {"far_m": -1}, {"write_every_s": 0}])
def test_settings_that_cannot_be_are_refused(wrong: dict[str, float]):
    with pytest.raises(ValueError):
        TrackSettings(**wrong)
