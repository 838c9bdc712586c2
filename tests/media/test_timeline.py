"""A clock that runs on."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.timeline import Timeline


def placed(times: list[int]) -> list[int]:
    line = Timeline()
    return [line.place(time) for time in times]


def test_a_steady_clock_is_left_alone() -> None:
    assert placed([1000 + 3600 * n for n in range(40)]) == [1000 + 3600 * n for n in range(40)]


def test_jitter_is_left_alone() -> None:
    times = [0, 3000, 7500, 10000, 14400]
    assert placed(times) == times


def test_a_jump_in_either_direction_becomes_one_usual_step() -> None:
    times = [0, 3600, 7200, 900_000_000, 900_003_600, 5, 3605]
    assert placed(times) == [0, 3600, 7200, 10800, 14400, 18000, 21600]


def test_a_gap_that_is_known_is_kept_up_to_ten_seconds() -> None:
    line = Timeline()
    line.place(0), line.place(3600)
    assert line.place(603_600, after_gap=True) == 603_600
    assert line.place(9_000_000, after_gap=True) == 607_200
    assert line.repairs == 1


def test_a_camera_that_slows_down_to_one_picture_a_second_is_followed() -> None:
    times = [3600 * n for n in range(20)] + [68_400 + 90_000 * n for n in range(1, 10)]
    steps = [b - a for a, b in pairwise(placed(times))]
    assert steps[-6:] == [90_000] * 6


@given(st.lists(st.integers(-(1 << 40), 1 << 40), max_size=60))
def test_whatever_comes_time_grows(times: list[int]) -> None:
    assert all(later > earlier for earlier, later in pairwise(placed(times)))
