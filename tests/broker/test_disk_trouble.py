"""One disk, one alarm, however many are recorded there."""

from __future__ import annotations

from broker.disk_trouble import DiskTrouble
from broker.reasons import Reason
from registry.events import RecordingChanged


def told(trouble: DiskTrouble, recording: str, state: str, note: str = "", *, by_us: bool = False) -> None:
    trouble.heard(RecordingChanged(recording, "owner", f"of {recording}", state, note, told_by_us=by_us))


def test_the_first_that_is_in_trouble_is_told_and_the_others_are_not():
    trouble = DiskTrouble()
    told(trouble, "a", "recording")
    for recording in ("a", "b", "c", "a"):
        told(trouble, recording, "troubled", "disk-full")
    assert trouble.news() == [("owner", "of a", Reason.DISK_FULL)] and trouble.news() == []
    told(trouble, "b", "troubled", "too-slow")
    assert trouble.news() == [("owner", "of b", Reason.DISK_FAILED)], "that is another trouble"


def test_it_is_told_again_when_all_were_well_in_between():
    trouble = DiskTrouble()
    told(trouble, "a", "troubled", "disk-full")
    told(trouble, "b", "troubled", "disk-full")
    trouble.news()
    told(trouble, "a", "recording")
    told(trouble, "a", "troubled", "disk-full")
    assert trouble.news() == [], "b was in trouble all the time"
    told(trouble, "a", "ended", by_us=True)
    told(trouble, "b", "waiting", by_us=True)
    told(trouble, "b", "troubled", "disk-full")
    assert trouble.news() == [("owner", "of b", Reason.DISK_FULL)]
