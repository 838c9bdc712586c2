"""A recording that is taken home: every picture once, in both files, and on from where it broke off."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from media.frame import Frame
from media.outlets.recording import Habits
from media.outlets.taking import Taker
from media.outlets.taking_files import MARKS, MP4, PS, last_mark
from media.plane import TakingEnded, TakingWish, Trouble
from tests.media.conftest import copies

HABITS = Habits(segment_s=10, segment_bytes=1 << 30, queue_bytes=1 << 24, fsync_s=0, keep_free_bytes=0)


class Slip:
    """A pen that writes at once."""

    failure: OSError | None = None

    def give(self, work: Callable[[], Any], then: Callable[[Any, OSError | None], None]) -> None:
        result, failure = None, self.failure
        if failure is None:
            try:
                result = work()
            except OSError as error:
                failure = error
        then(result, failure)


class Desk:
    """Calls that bring a recording, one after the other, into one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[TakingEnded] = []
        self.pen = Slip()

    def taker(self, begins_s: float = 0.0, habits: Habits = HABITS, keeps_s: float = 1e6) -> Taker:
        return Taker(
            "o1",
            "i1",
            TakingWish("d1", begins_s, keeps_s),
            self.folder,
            habits=habits,
            pen=self.pen,  # type: ignore[arg-type]  # it keeps the same promise
            sound=lambda: None,
            tell=self.told.append,  # type: ignore[arg-type]
        )

    def call(self, frames: list[Frame], begins_s: float = 0.0, *, keeps_s: float = 1e6, ends: bool = True) -> Taker:
        """One call that brings these; without `ends` our process dies at its end."""
        taker = self.taker(begins_s, keeps_s=keeps_s)
        for number, frame in enumerate(frames):
            taker.frame(frame, number * 0.005)
        if ends:
            taker.close()
        return taker

    def times(self, name: str) -> list[float]:
        """The moments of the pictures in a file, as ffprobe finds them."""
        form = "mp4" if name == MP4 else "mpeg"
        command = ("ffprobe", "-v", "error", "-f", form, "-select_streams", "v", "-show_entries", "packet=pts_time")
        path = str(self.folder / name)
        said = subprocess.run((*command, "-of", "csv=p=0", path), capture_output=True, text=True, check=True).stdout
        return sorted(float(line.strip(",")) for line in said.split("\n") if line.strip(",")[:1].isdigit())


@pytest.fixture
def film(h264: list[Frame]) -> list[Frame]:
    """Ten seconds and more of one recording, by its own clock."""
    long = [frame for turn in range(8) for frame in copies(h264, turn * 3600 * len(h264))]
    return [frame for frame in long if frame.codec.is_video]


def is_steady(times: list[float]) -> bool:
    return all(0.03 < later - earlier < 0.05 for earlier, later in pairwise(times))


def at_key(film: list[Frame], seconds: float) -> int:
    """The first key frame from a moment on."""
    first = film[0].dts_90k
    return next(i for i, frame in enumerate(film) if frame.key and frame.dts_90k - first >= seconds * 90_000)


def test_every_picture_of_one_call_is_in_both_files_once(tmp_path: Path, film: list[Frame]):
    desk = Desk(tmp_path)
    desk.call(film)
    for name in (MP4, PS):
        times = desk.times(name)
        assert len(times) == len(film) and is_steady(times)
    (ended,) = desk.told
    assert ended.frames == len(film) and abs(ended.seconds - len(film) / 25) < 0.05 and ended.trouble is None
    mark = last_mark(tmp_path)
    assert mark is not None and mark.is_end and mark.frames == len(film)


def test_another_call_goes_on_from_the_mark_and_what_comes_twice_is_passed_over(tmp_path: Path, film: list[Frame]):
    desk = Desk(tmp_path)
    cut = at_key(film, 5.0) + 7
    desk.call(film[:cut])
    end = last_mark(tmp_path)
    assert end is not None and end.is_end
    group = last_mark(tmp_path, end.at_90k - 1)
    assert group is not None and not group.is_end
    # The call is made for a whole second before it, where a device begins at a key frame.
    again = at_key(film, 3.0)
    begins_s = (film[again].dts_90k - film[0].dts_90k) / 90_000
    shifted = copies(film[again:], 77_000)  # the device's clock is another one by now
    desk.call(shifted, begins_s, keeps_s=group.at_90k / 90_000)
    for name in (MP4, PS):
        times = desk.times(name)
        assert len(times) == len(film) and is_steady(times)
    assert desk.told[-1].frames == len(film)


def test_what_lay_behind_the_last_mark_when_we_died_is_cut_off_and_fetched_again(tmp_path: Path, film: list[Frame]):
    desk = Desk(tmp_path)
    desk.call(film[: at_key(film, 6.0) + 11], ends=False)
    mark = last_mark(tmp_path)
    assert mark is not None and not mark.is_end and mark.at_90k > 3 * 90_000
    (tmp_path / MARKS).open("ab").write(b'{"at_90k":99')  # and a torn line
    again = at_key(film, mark.at_90k / 90_000 - 1.0)
    desk.call(film[again:], (film[again].dts_90k - film[0].dts_90k) / 90_000)
    times = desk.times(MP4)
    assert len(times) == len(film) and is_steady(times)


@pytest.mark.parametrize(("number", "trouble"), [(errno.ENOSPC, Trouble.DISK_FULL), (errno.EACCES, Trouble.DENIED)])
def test_a_disk_that_fails_ends_it_with_the_reason(tmp_path: Path, film: list[Frame], number: int, trouble: Trouble):
    desk = Desk(tmp_path)
    taker = desk.taker()
    for at, frame in enumerate(film):
        if at == len(film) // 2:
            desk.pen.failure = OSError(number, "no")
        taker.frame(frame, at * 0.2)
    desk.pen.failure = None
    taker.close()
    assert desk.told[-1].trouble is trouble
    assert taker.statistics().trouble is trouble
    mark = last_mark(tmp_path)
    assert mark is not None and mark.at_90k > 0


def test_a_disk_that_must_stay_free_is_not_filled(tmp_path: Path, film: list[Frame]):
    desk = Desk(tmp_path)
    taker = desk.taker(habits=Habits(10, 1 << 30, 1 << 24, 0, 1 << 60))
    for at, frame in enumerate(film):
        taker.frame(frame, at * 0.2)
    taker.close()
    assert desk.told[-1].trouble is Trouble.DISK_FULL
    assert (tmp_path / MP4).stat().st_size == 0


def test_a_disk_that_does_not_keep_up_ends_it_and_costs_no_memory(tmp_path: Path, film: list[Frame]):
    class Sleeper(Slip):
        """Never gets to it."""

        def give(self, work: Callable[[], Any], then: Callable[[Any, OSError | None], None]) -> None:
            if not self.is_open:
                self.is_open = True
                super().give(work, then)

        is_open = False

    desk = Desk(tmp_path)
    desk.pen = Sleeper()
    taker = desk.taker(habits=Habits(10, 1 << 30, 20_000, 0, 0))
    for at, frame in enumerate(film):
        taker.frame(frame, at * 0.2)
    counted = taker.statistics()
    assert counted.trouble is Trouble.TOO_SLOW and counted.queued_bytes <= 40_000


def test_a_call_that_brings_no_picture_leaves_what_is_there(tmp_path: Path, film: list[Frame]):
    desk = Desk(tmp_path)
    desk.call(film)
    before = (tmp_path / MP4).read_bytes()
    desk.call([], 3.0)
    assert (tmp_path / MP4).read_bytes() == before
    assert abs(desk.told[-1].seconds - len(film) / 25) < 0.05
