"""One clock across the sessions of a source."""

from __future__ import annotations

from itertools import pairwise

from media.clock import STEP_90K, OutputClock, Pacer
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


def paced(pacer: Pacer, raw_step: int, every_s: float, *, frames: int, at: float, raw: int) -> tuple[list[int], float]:
    """So many pictures, stamped `raw_step` apart, one every `every_s` seconds."""
    times = []
    for number in range(frames):
        picture = frame(raw + number * raw_step)
        assert pacer.place(picture, at + number * every_s)
        times.append(picture.dts_90k)
    return times, at + frames * every_s


def test_pictures_at_four_times_the_speed_are_shown_in_real_time():
    pacer = Pacer()
    pacer.set_scale(4.0)
    times, _ = paced(pacer, 3600, 0.01, frames=501, at=0.0, raw=0)
    assert abs((times[-1] - times[0]) / 90_000 - 5.0) < 0.05


def test_slow_motion_is_shown_in_real_time_too():
    pacer = Pacer()
    pacer.set_scale(0.25)
    times, _ = paced(pacer, 3600, 0.16, frames=51, at=0.0, raw=0)
    assert abs((times[-1] - times[0]) / 90_000 - 8.0) < 0.2


def test_a_sender_that_ignores_the_speed_is_believed_its_own_clock_after_a_moment():
    pacer = Pacer()
    pacer.set_scale(4.0)
    first, at = paced(pacer, 3600, 0.04, frames=30, at=0.0, raw=0)
    later, _ = paced(pacer, 3600, 0.04, frames=100, at=at, raw=30 * 3600)
    assert abs((later[-1] - later[0]) / 90_000 - 99 * 0.04) < 0.05
    assert later[0] > first[-1]


def test_time_never_stands_still_nor_goes_back_when_the_speed_changes():
    pacer = Pacer()
    all_times, at, raw = [], 0.0, 0
    for scale in (4.0, 1.0, 0.5, 16.0, 1.0):
        pacer.set_scale(scale)
        times, at = paced(pacer, 3600, 0.04 / scale, frames=60, at=at, raw=raw)
        raw += 60 * 3600
        all_times += times
    assert all(later > earlier for earlier, later in pairwise(all_times))


def test_a_pause_is_no_measure_of_the_speed():
    pacer = Pacer()
    pacer.set_scale(2.0)
    _, at = paced(pacer, 3600, 0.02, frames=200, at=0.0, raw=0)
    later, _ = paced(pacer, 3600, 0.02, frames=200, at=at + 60, raw=200 * 3600)
    assert abs((later[-1] - later[0]) / 90_000 - 199 * 0.02) < 0.05


def test_backwards_only_key_frames_are_shown_and_as_they_come():
    pacer = Pacer()
    pacer.place(frame(0), 0.0)
    pacer.set_scale(-1.0)
    assert not pacer.place(frame(3600), 0.04)
    key = Frame(Codec.H264, b"", 7200, 7200, key=True)
    assert pacer.place(key, 2.0)
    later = Frame(Codec.H264, b"", 10800, 10800, key=True)
    assert pacer.place(later, 4.0)
    assert later.dts_90k - key.dts_90k == 180_000


def test_sound_is_laid_beside_the_picture():
    pacer = Pacer()
    pacer.set_scale(4.0)
    paced(pacer, 3600, 0.01, frames=300, at=0.0, raw=0)
    assert pacer.is_silent
    pacer.set_scale(1.0)
    picture, sound = frame(300 * 3600), Frame(Codec.G711A, b"", 300 * 3600 + 900, 300 * 3600 + 900)
    pacer.place(picture, 3.0)
    pacer.follow(sound)
    assert not pacer.is_silent and sound.dts_90k - picture.dts_90k == 900
