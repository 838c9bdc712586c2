"""Rates come from counters looked at once a second, and the packet path does nothing for them."""

from __future__ import annotations

import pytest

from media.frame import Codec, Frame
from media.inlets.gauge import Gauge
from media.load import Load, resident_bytes
from media.rates import Counted, Rates


def flowing(seconds: int, *, packets: int = 376, size: int = 1400, fps: int = 25, lost: int = 0) -> Rates:
    rates = Rates()
    for second in range(seconds + 1):
        rates.sample(Counted(packets * second, packets * size * second, lost * second, fps * second), float(second))
    return rates


def test_rates_are_means_of_the_last_seconds():
    rates = flowing(20)
    assert rates.bitrate_bps == 8 * 376 * 1400
    assert (rates.packets_per_s, rates.fps, rates.loss) == (376, 25, 0.0)


def test_before_a_second_look_there_is_no_rate():
    rates = Rates()
    rates.sample(Counted(50, 5000, 0, 2), 100.0)
    assert (rates.bitrate_bps, rates.packets_per_s, rates.fps, rates.loss) == (0, 0, 0, 0)
    assert rates.total == Counted(50, 5000, 0, 2)


def test_looking_more_often_than_once_a_second_changes_nothing():
    often, once = Rates(), Rates()
    for quarter in range(41):
        counted = Counted(25 * quarter, 25_000 * quarter, 0, 6 * quarter)
        often.sample(counted, quarter / 4)
        if quarter % 4 == 0:
            once.sample(counted, quarter / 4)
    assert often.bitrate_bps == once.bitrate_bps
    assert often.total == once.total


def test_a_stream_that_fell_silent_has_a_rate_of_nothing_after_a_few_seconds():
    rates = flowing(10)
    for second in range(11, 17):
        rates.sample(Counted(3760, 3760 * 1400, 0, 250), float(second))
    assert (rates.bitrate_bps, rates.fps) == (0, 0)


def test_loss_is_the_share_of_what_was_sent():
    assert flowing(20, packets=95, lost=5).loss == pytest.approx(0.05)


def test_loss_of_long_ago_is_forgotten():
    rates = flowing(20, packets=50, lost=50)
    for second in range(21, 33):
        rates.sample(Counted(50 * second, 50 * 1400 * second, 1000, 25 * second), float(second))
    assert rates.loss == 0.0


def test_counters_that_begin_anew_go_on_in_the_total():
    rates = Rates()
    rates.sample(Counted(100, 10_000, 3, 25), 0.0)
    rates.sample(Counted(40, 4_000, 3, 30), 1.0)
    assert rates.total == Counted(140, 14_000, 3, 30)
    assert rates.packets_per_s == 40


def test_the_last_look_counts_what_came_since_the_one_before():
    rates = Rates()
    rates.sample(Counted(100, 10_000, 0, 25), 0.0)
    rates.sample(Counted(110, 11_000, 1, 27), 0.4, is_last=True)
    assert rates.total == Counted(110, 11_000, 1, 27)


def test_a_clock_that_stood_still_still_gives_a_rate():
    rates = Rates()
    rates.sample(Counted(), 0.0)
    rates.sample(Counted(6000, 6_000_000, 0, 1500), 60.0)
    assert rates.packets_per_s == 100


def picture(number: int, key: bool, codec: Codec = Codec.H264) -> Frame:
    return Frame(codec, b"", 3600 * number, 3600 * number, key)


def test_a_group_is_counted_from_key_frame_to_key_frame():
    gauge = Gauge()
    assert (gauge.gop_frames, gauge.gop_s, gauge.key_frame_age_s(5.0)) == (None, None, None)
    for number in range(51):
        gauge.note(picture(number, number % 50 == 0), number / 25)
        gauge.note(picture(number, False, Codec.G711A), number / 25)
    assert (gauge.gop_frames, gauge.gop_s) == (50, 2.0)
    assert gauge.key_frame_age_s(2.5) == pytest.approx(0.5)


def test_a_group_that_was_not_seen_whole_is_not_counted():
    gauge = Gauge()
    for number in range(26):
        gauge.note(picture(number, number % 25 == 0), number / 25)
    gauge.doze()
    assert gauge.key_frame_age_s(9.0) is None
    gauge.note(picture(300, True), 12.0)
    assert (gauge.gop_frames, gauge.gop_s) == (25, 1.0)
    assert gauge.key_frame_age_s(12.0) == 0.0


def test_while_nobody_unpacks_time_stamps_are_the_pictures():
    gauge = Gauge()
    for number in range(25):
        gauge.note(picture(number, number == 0), number / 25)
    gauge.sample(376, 1, 0, 50, 0.0, is_awake=True)  # pictures and sound
    gauge.sample(752, 2, 0, 75, 1.0, is_awake=False)
    assert gauge.rates.fps == 25


def test_load_is_the_share_of_a_core():
    spent = iter([0.0, 0.5, 1.0, 1.0])
    load = Load(lambda: next(spent))
    load.sample(10.0)
    assert load.share == 0.0
    load.sample(11.0)
    assert load.share == 0.5
    load.sample(11.5)  # too soon to look again
    load.sample(12.0)
    assert load.share == 0.5
    load.sample(13.0)
    assert load.share == 0.25


def test_our_memory_is_more_than_a_megabyte():
    assert resident_bytes() > 1_000_000
