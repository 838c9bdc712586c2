"""One clock across the sessions of a source."""

from __future__ import annotations

from media.clock import STEP_90K, OutputClock
from media.frame import Codec, Frame


def frame(at: int) -> Frame:
    return Frame(Codec.H264, b"", at + 7, at)


def placed(clock: OutputClock, *times: int) -> list[int]:
    frames = [frame(at) for at in times]
    for each in frames:
        clock.place(each)
    assert all(each.pts_90k - each.dts_90k == 7 for each in frames)
    return [each.dts_90k for each in frames]


def test_the_first_session_keeps_its_own_times():
    assert placed(OutputClock(), 900, 4500) == [900, 4500]


def test_a_new_session_goes_on_where_the_last_one_broke_off():
    clock = OutputClock()
    placed(clock, 1_000_000, 1_003_600)
    clock.restart()
    assert placed(clock, 5, 3605) == [1_003_600 + STEP_90K, 1_003_600 + 2 * STEP_90K]
    clock.restart()
    assert placed(clock, 9_000_000)[0] == 1_003_600 + 3 * STEP_90K


def test_a_restart_before_anything_came_changes_nothing():
    clock = OutputClock()
    clock.restart()
    assert placed(clock, 42) == [42]
