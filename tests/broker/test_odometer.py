"""Where a recording stands, by what is counted of it."""

from __future__ import annotations

from broker.odometer import Odometer

START = 1_700_000_000.0


def played(
    odometer: Odometer, *, leg: int, rate: float, fps: float, at: float, seconds: float, since: float = 0.0
) -> float:
    """Looks once a second at a recording whose clock runs at `rate`."""
    for second in range(int(seconds) + 1):
        odometer.look(leg, since + second * rate, int((at + second) * fps), at + second)
    return at + int(seconds)


def test_it_stands_where_its_own_clock_says_and_runs_on_between_two_looks():
    odometer = Odometer(START, 0.0)
    assert odometer.position(5.0) == START
    now = played(odometer, leg=0, rate=1.0, fps=25, at=1.0, seconds=10)
    assert odometer.position(now) == START + 10
    assert abs(odometer.position(now + 0.5) - START - 10.5) < 0.01
    assert abs(odometer.position(now + 60) - START - 11.5) < 0.01, "a stream that fell silent runs on for a moment only"


def test_at_four_times_the_speed_the_position_runs_four_times_as_fast():
    odometer = Odometer(START, 0.0)
    odometer.begin(START, 4.0, 0.0)
    now = played(odometer, leg=1, rate=4.0, fps=50, at=0.0, seconds=5)
    assert odometer.position(now) == START + 20
    assert odometer.real_speed == 4.0 and not odometer.ignores_speed


def test_counters_of_the_leg_before_mean_nothing():
    odometer = Odometer(START, 0.0)
    now = played(odometer, leg=0, rate=1.0, fps=25, at=0.0, seconds=5)
    odometer.begin(START + 600, 1.0, now)
    odometer.look(0, 5.9, 150, now + 0.5)
    assert odometer.position(now + 0.5) == START + 600
    played(odometer, leg=1, rate=1.0, fps=25, at=now + 1, seconds=3)
    assert odometer.position(now + 4) == START + 603


def test_a_recorder_that_takes_the_speed_and_ignores_it_is_noticed():
    odometer = Odometer(START, 0.0)
    now = played(odometer, leg=0, rate=1.0, fps=25, at=0.0, seconds=4)
    odometer.begin(START + 4, 4.0, now)
    assert not odometer.ignores_speed, "that cannot be said yet"
    now = played(odometer, leg=1, rate=1.0, fps=25, at=now, seconds=4)
    assert odometer.ignores_speed and odometer.real_speed == 1.0
    assert odometer.position(now) == START + 8


def test_a_recorder_that_stamps_fast_play_in_real_time_is_followed_by_the_speed():
    odometer = Odometer(START, 0.0)
    now = played(odometer, leg=0, rate=1.0, fps=25, at=0.0, seconds=4)
    odometer.begin(START + 4, 4.0, now)
    now = played(odometer, leg=1, rate=1.0, fps=100, at=now, seconds=4)
    assert odometer.is_restamped and not odometer.ignores_speed
    assert odometer.position(now) == START + 4 + 16


def test_our_own_recording_is_followed_by_its_speed_for_its_clock_runs_as_it_is_shown():
    for speed in (0.25, 4.0, 16.0, -2.0):
        odometer = Odometer(START, 0.0)
        odometer.begin_anew(START, 0.0, is_in_step=True)
        odometer.begin(START, speed, 0.0)
        now = played(odometer, leg=1, rate=1.0, fps=1, at=0.0, seconds=5)
        assert odometer.position(now) == START + 5 * speed
        assert odometer.real_speed == speed and not odometer.ignores_speed


def test_backwards_it_goes_back():
    odometer = Odometer(START + 100, 0.0)
    odometer.begin(START + 100, -2.0, 0.0)
    now = played(odometer, leg=1, rate=2.0, fps=25, at=0.0, seconds=5)
    assert odometer.position(now) == START + 90
    assert odometer.real_speed == -2.0


def test_a_pause_stands_and_is_no_measure_of_the_speed():
    odometer = Odometer(START, 0.0)
    now = played(odometer, leg=0, rate=1.0, fps=25, at=0.0, seconds=5)
    odometer.stand(now)
    assert odometer.position(now + 100) == START + 5
    odometer.go_on(now + 100)
    now = played(odometer, leg=0, rate=1.0, fps=25, at=now + 100, seconds=4, since=5.0)
    assert abs(odometer.real_speed - 1.0) < 0.05
    assert abs(odometer.position(now) - START - 9) < 0.01


def test_another_call_begins_with_counters_of_its_own():
    odometer = Odometer(START, 0.0)
    odometer.begin(START, 8.0, 0.0)
    odometer.begin_anew(START + 3600, 10.0)
    now = played(odometer, leg=0, rate=1.0, fps=25, at=10.0, seconds=2)
    assert odometer.position(now) == START + 3602 and odometer.speed == 1.0
