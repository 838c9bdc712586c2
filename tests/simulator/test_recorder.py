"""What a simulated recorder has of a day, whatever time it is."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from simulator.recorder import history

CAMERA = "34020000001320000001"
DAY_S = 86_400


@given(st.integers(1_700_000_000, 1_700_000_000 + 2 * DAY_S))
def test_a_history_begins_a_day_ago_or_behind_the_gap_and_reaches_up_to_now(now: int):
    files = [each for each in history(CAMERA, now, DAY_S) if each.kind == "time"]
    assert files[-1].stop == now and files[0].start - (now - DAY_S) < 3600
    assert all(one.stop <= other.start for one, other in pairwise(files))
    assert 24 <= len(files) <= 26 and all(0 < each.stop - each.start <= 3600 for each in files)
    missing = DAY_S - sum(each.stop - each.start for each in files)
    assert 0 < missing < 3600 or now % DAY_S // 3600 == 19, "a gap a night, told when the night's hour is over"
