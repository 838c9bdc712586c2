"""What of a watch a stream is sent out with."""

from __future__ import annotations

from broker.errand import errand_of
from broker.watch import OutletKind, RecordTo, TakeHome, Watch, WatchKind
from media.plane import TakingWish

OWNER, CHANNEL, OURS = "34020000001110000001", "34020000001320000001", "34020000002000000001"


def test_a_watch_of_a_recording_says_which_and_how_fast():
    watch = Watch(
        OWNER,
        CHANNEL,
        OutletKind.FMP4_WS,
        WatchKind.PLAYBACK,
        start=100,
        stop=200,
        uri=f"{CHANNEL}:3",
        kept=True,
        enter=150,
    )
    errand = errand_of(watch, (("X-PreferredPath", OURS),), OURS)
    assert (errand.kind, errand.start, errand.stop, errand.enter, errand.kept) == ("playback", 100, 200, 150, True)
    assert (errand.uri, errand.own_code) == (f"{CHANNEL}:3", OURS) and errand.headers == (("X-PreferredPath", OURS),)
    assert errand.taking is None and not errand.is_recorded


def test_only_who_takes_it_home_has_it_written_from_its_first_picture_on():
    home = errand_of(Watch(OWNER, CHANNEL, TakeHome("film", 3.0, 9.0), WatchKind.DOWNLOAD, download_speed=4), (), OURS)
    assert home.taking == TakingWish("film", 3.0, 9.0) and home.download_speed == 4 and not home.is_recorded


def test_a_recording_of_ours_needs_a_host_that_reaches_our_disk():
    assert errand_of(Watch(OWNER, CHANNEL, RecordTo("r1")), (), OURS).is_recorded
