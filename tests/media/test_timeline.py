"""A clock that runs on."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media.timeline import DecodingTimes, Timeline


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


def test_pictures_that_overtake_each_other_are_decoded_before_they_are_shown():
    times = DecodingTimes()
    # I P B B P B B ... as they are decoded, 40 ms apart as they are shown.
    shown = [0] + [3600 * (3 * group + place) for group in range(40) for place in (3, 1, 2)]
    decoded = [times.of(time) for time in shown]
    assert times.is_proved
    settled = list(zip(decoded, shown, strict=True))[20:]
    assert all(dts <= pts for dts, pts in settled)
    assert all(before < after for before, after in pairwise(dts for dts, _ in settled))
    assert {after - before for before, after in pairwise(dts for dts, _ in settled)} == {3600}


def test_one_step_backwards_proves_nothing():
    times = DecodingTimes()
    shown = [3600 * number for number in range(50)]
    shown[20] -= 5000
    assert [times.of(time) for time in shown] == shown and not times.is_proved


def test_a_clock_that_jumps_is_followed_by_the_decoding_time():
    times = DecodingTimes()
    for group in range(20):
        for place in (3, 1, 2):
            times.of(3600 * (3 * group + place))
    assert times.of(90_000_000) == 90_000_000
    assert times.of(1_000) == 1_000
