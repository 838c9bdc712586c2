"""Lists of sloppy recorders become a timeline that says what is there."""

from __future__ import annotations

from gb28181.manscdp.record_info import RecordItem
from registry.recorded import Run, covered_s, days_of, gaps, run_at, runs, tidied

CAMERA = "34020000001320000001"


def item(start: float | None, end: float | None, kind: str = "time", **more: object) -> RecordItem:
    return RecordItem(CAMERA, start=start, end=end, kind=kind, **more)  # type: ignore[arg-type]


def spans(items: list[RecordItem], start: float = 0.0, end: float = 1000.0) -> list[tuple[float, float]]:
    return [(piece.start, piece.end) for piece in tidied(items, start, end)]


def test_what_is_said_twice_stands_once():
    assert spans([item(0, 100), item(0, 100), item(20, 60)]) == [(0, 100)]


def test_overlapping_files_of_one_kind_become_neighbours():
    assert spans([item(90, 200), item(0, 100)]) == [(0, 100), (100, 200)]


def test_files_of_another_kind_or_stream_lie_over_each_other():
    assert spans([item(0, 100), item(40, 50, "alarm")]) == [(0, 100), (40, 50)]
    assert spans([item(0, 100, stream_number=0), item(0, 100, stream_number=1)]) == [(0, 100), (0, 100)]


def test_times_the_wrong_way_round_are_turned_and_what_is_empty_is_left_out():
    assert spans([item(100, 50), item(200, 200), item(None, 300), item(None, None)]) == [(50, 100)]


def test_what_has_no_end_ends_where_the_next_one_begins_or_the_window_does():
    assert spans([item(0, None), item(300, 400), item(500, None)]) == [(0, 300), (300, 400), (500, 1000)]


def test_what_nobody_asked_for_is_cut_off():
    assert spans([item(-50, 20), item(990, 1100), item(2000, 2100)]) == [(0, 20), (990, 1000)]


def test_files_that_follow_each_other_are_one_run_and_holes_are_seen():
    pieces = tidied([item(0, 100), item(100.5, 200), item(300, 400), item(350, 380, "alarm")], 0, 1000)
    assert runs(pieces) == [Run(0, 200), Run(300, 400)]
    assert gaps(pieces, 50, 500) == [Run(200, 300), Run(400, 500)]
    assert covered_s(pieces, 50, 500) == 250
    assert gaps([], 0, 10) == [Run(0, 10)]
    assert gaps(pieces, 10, 20) == []


def test_a_moment_in_a_hole_means_the_next_run():
    pieces = tidied([item(0, 100), item(300, 400)], 0, 1000)
    assert run_at(pieces, 50) == Run(0, 100)
    assert run_at(pieces, 100) == Run(300, 400)
    assert run_at(pieces, 400) is None


def test_a_window_is_cut_at_the_midnights_of_its_zone():
    beijing = 8 * 3600
    noon = 1_700_020_800 + 0  # 2023-11-15 12:00 in Beijing
    assert (noon + beijing) % 86_400 == 43_200
    first, second = days_of(noon, noon + 86_400, beijing)
    assert first == (noon, noon + 43_200)
    assert second == (noon + 43_200, noon + 86_400)
