"""A recording that was sent to its end, and one that broke off."""

from __future__ import annotations

from broker.end_of_file import EndOfFile
from broker.errand import Errand
from broker.watch import WatchKind


def session(**more) -> EndOfFile:
    """Of ten seconds, and it flows from 100 on."""
    end = EndOfFile(Errand(WatchKind.PLAYBACK, start=1_000, stop=1_010, **more))
    end.flow_began(100.0)
    return end


def test_a_sender_that_says_so_has_sent_it_all():
    assert session().is_reached("file-sent", 101.0) and session().is_reached("hung-up", 101.0)
    assert not session().is_reached("the device ended the call", 120.0)


def test_silence_is_the_end_when_it_comes_at_its_time():
    end = session()
    end.fell_silent = True
    assert not end.is_reached("silent for 10 s", 109.0) and end.is_reached("silent for 10 s", 110.0)


def test_a_download_is_due_sooner():
    end = session(download_speed=4)
    end.fell_silent = True
    assert not end.is_reached("silent for 10 s", 102.0) and end.is_reached("silent for 10 s", 102.5)


def test_who_paused_it_cannot_say_when_it_was_due():
    end = session()
    end.fell_silent = end.is_controlled = True
    assert not end.is_reached("silent for 10 s", 500.0)


def test_a_flow_that_begins_anew_has_not_fallen_silent():
    end = session()
    end.fell_silent = True
    end.flow_began(200.0)
    assert not end.is_reached("silent for 10 s", 250.0)
