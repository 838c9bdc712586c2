"""Recordings are whole on disk whatever happens to the disk or to us, and nobody waits for it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from media.aac import AacFormat, format_of
from media.frame import Codec, Frame
from media.outlets import segment as segments
from media.outlets.pen import Pen
from media.outlets.recorders import Recorders
from media.outlets.recording import BELIEVED_MS, DRAWN_MS, RETRY_S, Habits, Recorder, Sound, State
from media.outlets.segment import SegmentFile, name_of, read_index, recover
from media.plane import (
    NoCapacity,
    OutletClosed,
    OutletKind,
    RecordingForm,
    RecordingResumed,
    RecordingTrouble,
    RecordingWish,
    Segment,
    SegmentWritten,
    StreamFailed,
    Trouble,
)
from media.ps.demux import Demuxer
from media.ps.mux import Muxer
from tests.media.conftest import aac, copies, tone

HOUSE = Path(__file__).resolve().parents[2]
HABITS = Habits(segment_s=1.0, segment_bytes=1 << 30, queue_bytes=1 << 20, fsync_s=0.0, keep_free_bytes=0)
AT_MS = 1_795_946_100_250


class Slip:
    """A pen that writes at once, or when it is told to: no thread, and time is what the test says."""

    def __init__(self) -> None:
        self.is_slow = False
        self.work: list[tuple[Callable[[], Any], Callable[[Any, OSError | None], None]]] = []

    def give(self, work: Callable[[], Any], then: Callable[[Any, OSError | None], None]) -> None:
        self.work.append((work, then))
        if not self.is_slow:
            self.catch_up()

    def catch_up(self) -> None:
        given, self.work = self.work, []
        for work, then in given:
            result, failure = None, None
            try:
                result = work()
            except OSError as error:
                failure = error
            then(result, failure)


class Desk:
    """A recorder with a pen that obeys, and a ledger of what it told."""

    def __init__(self, folder: Path, habits: Habits = HABITS, form: RecordingForm = RecordingForm.MP4) -> None:
        self.folder = folder
        self.told: list[Any] = []
        self.pen = Slip()
        self.wall = AT_MS / 1000
        self.heard: Sound | None = None
        self.recorder = Recorder(
            "o1",
            "i1",
            RecordingWish("r1", form),
            folder,
            habits=habits,
            pen=self.pen,  # type: ignore[arg-type]  # it keeps the same promise
            keeper=self.pen,  # type: ignore[arg-type]
            sound=lambda: self.heard,
            tell=self.told.append,
            wall=lambda: self.wall,
        )

    def feed(self, frames: list[Frame], start_s: float = 100.0) -> float:
        """Frames at their own pace; the time of the last comes back."""
        now = start_s
        for frame in frames:
            now = start_s + (frame.dts_90k - frames[0].dts_90k) / 90_000
            self.wall = AT_MS / 1000 + now - 100.0
            self.recorder.frame(frame, now)
            self.recorder.tick(now)
        return now

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


def long(frames: list[Frame], times: int) -> list[Frame]:
    """The same pictures over and over, on one clock."""
    return [frame for turn in range(times) for frame in copies(frames, turn * 3600 * len(frames))]


def decodes(path: Path) -> str:
    """What ffmpeg finds wrong in a file, "" when nothing. It takes G.711 in a program stream for MPEG sound."""
    only = ("-map", "0:v") if path.suffix == ".ps" else ()
    command = ("ffmpeg", "-v", "error", "-i", str(path), *only, "-f", "null", "-")
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stderr
    return "".join(line for line in said.splitlines() if not line.startswith("[mp2 @"))


def pictures(path: Path, stream: str = "v") -> int:
    out = subprocess.run(
        (
            *("ffprobe", "-v", "error", "-select_streams", stream, "-count_frames"),
            *("-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", str(path)),
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    return int(out.strip().split("\n")[0].strip(",") or 0)


# ---- segments


@pytest.mark.ffmpeg
@pytest.mark.parametrize("form", RecordingForm)
@pytest.mark.parametrize("sound", [None, Codec.G711A])
def test_segments_begin_at_key_frames_and_decode_without_an_error(tmp_path, h264, form, sound):
    desk = Desk(tmp_path, form=form)
    desk.heard = Sound(sound, None) if sound else None
    frames = long(h264, 2)
    sounds = tone(frames, sound) if sound else []
    both = sorted([*frames, *sounds], key=lambda each: (each.dts_90k, not each.codec.is_video))
    desk.feed(both)
    desk.recorder.close()
    index = read_index(tmp_path)
    assert len(index) == 3 and index == [event.segment for event in desk.of(SegmentWritten)]
    assert [each.frames for each in index] == [30, 30, 20], "a second, to the next key frame"
    assert sum(each.frames for each in index) == len(frames) == desk.recorder.frames
    for each in index:
        path = tmp_path / each.name
        assert path.stat().st_size == each.bytes
        assert decodes(path) == ""
        assert pictures(path) == each.frames
        if form is RecordingForm.PS:
            got = [frame for frame in Demuxer().feed(path.read_bytes()) if not frame.codec.is_video]
            assert len(got) >= each.frames - 1 if sound else not got
        elif sound:
            assert pictures(path, "a") > 3
    assert [each.start_ms for each in index] == [AT_MS, AT_MS + 1200, AT_MS + 2400]
    assert all(abs(each.end_ms - each.start_ms - 1200) <= 40 for each in index[:2])


@pytest.mark.ffmpeg
def test_h265_is_recorded_too(tmp_path, h265):
    desk = Desk(tmp_path)
    desk.feed(copies(h265))
    desk.recorder.close()
    assert [decodes(tmp_path / each.name) for each in read_index(tmp_path)] == ["", ""]


def test_names_sort_as_their_pictures_do():
    names = [name_of(AT_MS + step, RecordingForm.MP4) for step in (0, 1, 1000, 60_000, 86_400_000)]
    assert names == sorted(names) and names[0] == "20261129T095500.250Z.mp4"
    assert [segments._start_of(name) for name in names][:3] == [AT_MS, AT_MS + 1, AT_MS + 1000]


def test_nothing_is_written_before_a_key_frame(tmp_path, h264):
    desk = Desk(tmp_path / "new")
    desk.feed(copies(h264)[1:10])
    desk.recorder.close()
    assert not (tmp_path / "new").exists() and desk.told == []


def test_a_new_resolution_begins_a_new_segment(tmp_path, h264, larger):
    desk = Desk(tmp_path)
    desk.feed([*copies(h264)[:10], *copies(larger)[:10]])
    desk.recorder.close()
    assert [each.frames for each in read_index(tmp_path)] == [10, 10]


def test_other_sound_waits_for_the_next_segment_and_spoils_none(tmp_path, h264):
    desk = Desk(tmp_path)
    pictures = copies(h264)
    first, then = AacFormat(2, 8000, 1), AacFormat(2, 16000, 2)
    for frame in sorted(
        pictures + aac(first, h264[:14]) + aac(then, h264[14:]), key=lambda frame: (frame.dts_90k, frame.codec.is_video)
    ):
        if frame.codec is Codec.AAC:
            desk.heard = Sound(Codec.AAC, format_of(frame.data))
        desk.recorder.frame(frame, 100.0)
    desk.recorder.close()
    files = sorted(tmp_path.glob("*.mp4"))
    assert len(files) == 2
    for path, channels in zip(files, (1, 2), strict=True):
        assert decodes(path) == ""
        with av.open(str(path)) as opened:
            assert {sound.layout.nb_channels for sound in opened.decode(audio=0)} == {channels}


def test_a_break_of_the_source_begins_a_new_segment_at_its_own_time(tmp_path, h264):
    desk = Desk(tmp_path)
    desk.feed(copies(h264)[:15])
    desk.recorder.cut()
    desk.feed(copies(h264, 15 * 3600)[:10], start_s=160.0)
    desk.recorder.close()
    first, second = read_index(tmp_path)
    assert (first.frames, second.frames) == (15, 10)
    assert second.start_ms - first.start_ms == 60_000


def test_files_follow_each_other_by_the_clock_of_the_stream_whenever_their_pictures_came(tmp_path, h264):
    desk = Desk(tmp_path)
    frames = long(h264, 12)
    late = 0.0
    for frame in frames:
        at_s = (frame.dts_90k - frames[0].dts_90k) / 90_000
        if frame.key:
            late = 0.3 - late  # every other group of pictures is held up on its way
        desk.wall = AT_MS / 1000 + at_s + late
        desk.recorder.frame(frame, 100.0 + at_s)
    desk.recorder.close()
    starts = [each.start_ms for each in read_index(tmp_path)]
    steps = [later - earlier for earlier, later in pairwise(starts)]
    assert len(steps) > 8 and max(abs(step - 1200) for step in steps) <= DRAWN_MS


@pytest.mark.parametrize("drift", [-100e-6, 100e-6])
def test_a_camera_whose_clock_drifts_stays_with_ours(tmp_path, h264, drift):
    """100 parts in a million, in files of five minutes, for a day."""
    desk = Desk(tmp_path)
    key = next(frame for frame in copies(h264) if frame.key)
    for number in range(288):
        raw = number * 300 * 90_000
        desk.wall = AT_MS / 1000 + number * 300 * (1 + drift)
        began = desk.recorder._taken_ms(copies([key], raw)[0])
        assert abs(began - desk.wall * 1000) < BELIEVED_MS


def test_a_clock_put_back_gives_no_two_segments_one_name(tmp_path, h264):
    desk = Desk(tmp_path)
    for _ in range(3):
        desk.feed(copies(h264)[:10])  # the same wall clock each time
        desk.recorder.cut()
    assert len({each.name for each in read_index(tmp_path)}) == 3


def test_what_was_kept_before_the_recording_began_is_in_it_at_its_own_time(tmp_path, h264):
    desk = Desk(tmp_path, Habits(60.0, 1 << 30, 1 << 20, 0, 0))
    desk.recorder.catch_up(copies(h264)[:25], 100.0)
    desk.feed(copies(h264)[25:], start_s=100.04)
    desk.recorder.close()
    (only,) = read_index(tmp_path)
    assert only.frames == len(h264) and only.start_ms == AT_MS - 24 * 40


def test_what_was_taken_elsewhere_has_the_times_of_then(tmp_path, h264):
    desk = Desk(tmp_path)
    desk.recorder.wish = RecordingWish("r1", began_ms=1_700_000_000_000)
    for frame in long(h264, 2):
        desk.recorder.frame(frame, 100.0)  # all at once, as a download comes
    desk.recorder.close()
    assert [each.start_ms for each in read_index(tmp_path)] == [1_700_000_000_000 + step for step in (0, 1200, 2400)]


def test_the_file_that_is_being_written_says_from_when_until_when_it_is_on_disk(tmp_path, h264):
    desk = Desk(tmp_path, Habits(60.0, 1 << 30, 1 << 20, 0, 0))
    desk.feed(long(h264, 2))
    said = desk.recorder.statistics()
    assert said.open_from_ms == AT_MS and 2000 <= said.open_to_ms - AT_MS <= 3200
    desk.recorder.close()
    assert desk.recorder.statistics().open_from_ms == 0


# ---- trouble


def test_a_slow_disk_costs_pictures_and_no_memory(tmp_path, h264):
    size = sum(len(frame.data) for frame in h264)
    desk = Desk(tmp_path, Habits(60.0, 1 << 30, queue_bytes=2 * size, fsync_s=0, keep_free_bytes=0))
    desk.pen.is_slow = True
    now = desk.feed(long(h264, 12))
    statistics = desk.recorder.statistics()
    assert statistics.queued_bytes <= 2 * size and statistics.dropped > 200
    assert statistics.trouble is Trouble.TOO_SLOW
    (told,) = desk.of(RecordingTrouble)
    assert told.trouble is Trouble.TOO_SLOW
    desk.pen.is_slow = False
    desk.pen.catch_up()
    assert desk.of(RecordingResumed) and desk.recorder.statistics().trouble is None
    desk.feed(copies(h264, 12 * 40 * 3600), start_s=now)
    desk.recorder.close()
    assert sum(each.frames for each in read_index(tmp_path)) == desk.recorder.frames
    assert desk.recorder.frames + desk.recorder.dropped == 13 * len(h264)


@pytest.mark.parametrize(
    ("number", "trouble"),
    [
        (errno.ENOSPC, Trouble.DISK_FULL),
        (errno.EACCES, Trouble.DENIED),
        (errno.EROFS, Trouble.DENIED),
        (errno.EIO, Trouble.FAILED),
    ],
)
def test_a_disk_that_fails_is_told_once_and_tried_again(tmp_path, h264, monkeypatch, number, trouble):
    desk = Desk(tmp_path)
    really = os.write
    fails = [True]

    def write(fd: int, data: Any) -> int:
        if fails[0]:
            raise OSError(number, os.strerror(number))
        return really(fd, data)

    monkeypatch.setattr(os, "write", write)
    now = desk.feed(long(h264, 8))
    (told,) = desk.of(RecordingTrouble)
    assert (told.trouble, told.recording) == (trouble, "r1") and os.strerror(number) in told.why
    assert desk.recorder.state is State.TROUBLED and desk.recorder.statistics().failures == 3  # 12.8 s, each after 5
    fails[0] = False
    desk.feed(long(copies(h264, 8 * 40 * 3600), 4), start_s=now)
    desk.recorder.close()
    assert len(desk.of(RecordingResumed)) == 1
    assert sum(each.frames for each in read_index(tmp_path)) == desk.recorder.frames > 20


def test_what_was_whole_before_the_disk_was_full_stays(tmp_path, h264, monkeypatch):
    folder = tmp_path / "recordings" / "camera"
    desk = Desk(folder, Habits(60.0, 1 << 30, 1 << 20, 0, 0))
    desk.feed(copies(h264))
    whole = desk.recorder.bytes
    assert whole > 0
    really = os.write

    def half(fd: int, data: Any) -> int:
        if len(data) > 1:
            return really(fd, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half)
        desk.feed(copies(h264, 40 * 3600), start_s=101.6)
        desk.recorder.cut()
    (path,) = folder.glob("*.mp4")
    assert path.stat().st_size == whole, "half a piece is cut off"
    assert read_index(folder) == [], "its line could not be written on the full disk"
    desk.feed(copies(h264, 80 * 3600), start_s=110.0)
    assert [each.bytes for each in read_index(folder)] == [whole], "it is written when there is room again"
    desk.recorder.close()
    assert [each.frames > 0 for each in read_index(folder)] == [True, True] and recover(folder.parent) == 0


def test_a_line_that_could_not_be_written_is_written_at_the_next_start_at_the_latest(tmp_path, h264, monkeypatch):
    folder = tmp_path / "recordings" / "camera"
    desk = Desk(folder, Habits(60.0, 1 << 30, 1 << 20, 0, 0))
    really = os.write
    with monkeypatch.context() as patched:
        # There is room for pictures, and for the first three bytes of a line.
        patched.setattr(os, "write", lambda fd, data: really(fd, data if len(data) > 300 else data[:3]))
        desk.feed(copies(h264))
        desk.recorder.close()
    assert (folder / "index.jsonl").read_bytes() == b"", "nothing of the line is left to spoil the next"
    assert recover(folder.parent) == 1
    (mended,) = read_index(folder)
    assert (mended.bytes, mended.frames, mended.start_ms) == (desk.recorder.bytes, len(h264), AT_MS)


def test_a_real_limit_of_the_file_system_is_an_event_and_not_a_crash(tmp_path):
    """In a process of its own: the limit is for all of its files."""
    script = f"""
import resource, sys
from pathlib import Path
from media.plane import RecordingForm
from media.outlets.recording import trouble_of
from media.outlets.segment import SegmentFile
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
file = SegmentFile(Path({str(tmp_path)!r}), RecordingForm.MP4, {AT_MS}, fsync_s=0, keep_free=0)
assert file.write([bytes(60_000)], 25, {AT_MS + 1000})
try:
    file.write([bytes(60_000)], 25, {AT_MS + 2000})
except OSError as error:
    print(trouble_of(error))
assert not file.write([bytes(10)], 1, {AT_MS + 3000})
file.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=HOUSE, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "disk-full"
    (left,) = read_index(tmp_path)
    assert (left.bytes, left.frames) == (60_000, 25)
    assert (tmp_path / left.name).stat().st_size == 60_000


def test_the_last_of_the_disk_is_left_to_others(tmp_path, h264):
    free = shutil.disk_usage(tmp_path).free
    desk = Desk(tmp_path, Habits(1.0, 1 << 30, 1 << 20, 0, keep_free_bytes=free * 2))
    desk.feed(copies(h264))
    (told,) = desk.of(RecordingTrouble)
    assert told.trouble is Trouble.DISK_FULL and "must stay" in told.why
    assert list(tmp_path.iterdir()) == []


def test_after_a_failure_nothing_is_tried_before_its_time(tmp_path, h264):
    desk = Desk(tmp_path / "file" / "below")
    (tmp_path / "file").write_text("in the way")
    desk.feed(long(h264, 2))
    assert desk.recorder.failures == 1 and RETRY_S > 3.2


# ---- after a crash


@pytest.mark.ffmpeg
@pytest.mark.parametrize("form", RecordingForm)
@pytest.mark.parametrize("torn", [1, 37, 900])
def test_a_torn_segment_is_mended_to_its_last_whole_picture(tmp_path, h264, form, torn):
    folder = tmp_path / "r1"
    desk = Desk(folder, Habits(60.0, 1 << 30, 1 << 20, 0, 0), form)
    desk.feed(copies(h264))
    desk.recorder.close()
    (whole,) = read_index(folder)
    (folder / "index.jsonl").write_bytes(b'{"name":"2026')  # torn, too
    os.truncate(folder / whole.name, whole.bytes - torn)
    assert recover(tmp_path) == 1
    (mended,) = read_index(folder)
    path = folder / mended.name
    assert mended.start_ms == AT_MS and 0 < mended.frames < whole.frames and mended.bytes == path.stat().st_size
    assert decodes(path) == "" and pictures(path) == mended.frames
    assert mended.end_ms - mended.start_ms == pytest.approx(40 * mended.frames, abs=80)
    assert recover(tmp_path) == 0, "once is enough"


def test_what_was_whole_at_its_end_is_not_looked_at_again(tmp_path, h264):
    desk = Desk(tmp_path / "r1")
    desk.feed(copies(h264))
    desk.recorder.close()
    (tmp_path / "r1" / "about.json").write_text('{"id":"r1","ended_at":null}')
    (tmp_path / "r1" / "index.jsonl").unlink()
    where: list[str] = []
    assert recover(tmp_path, where) == 2 and where == ["r1"]
    assert not (tmp_path / "r1" / "whole").exists(), "it may go on"
    (tmp_path / "r1" / "about.json").write_text('{"id":"r1","ended_at":1795946200.0}')
    assert recover(tmp_path) == 0 and (tmp_path / "r1" / "whole").exists()
    (tmp_path / "r1" / "index.jsonl").unlink()
    assert recover(tmp_path) == 0


def test_what_holds_no_picture_is_taken_away(tmp_path):
    folder = tmp_path / "r1"
    folder.mkdir()
    (folder / name_of(AT_MS, RecordingForm.MP4)).write_bytes(b"\0\0\0\x08ftyp\0\0")
    (folder / name_of(AT_MS, RecordingForm.PS)).write_bytes(b"")
    (folder / "about.json").write_text("{}")
    (folder / "nonsense.mp4").write_bytes(b"x")
    assert recover(tmp_path) == 0
    assert {path.name for path in folder.iterdir()} == {"about.json", "nonsense.mp4"}
    assert recover(tmp_path / "nowhere") == 0


@pytest.mark.parametrize("form", RecordingForm)
def test_what_was_written_whole_is_kept_whole_though_it_has_no_line(tmp_path, h264, form):
    folder = tmp_path / "r1"
    desk = Desk(folder, Habits(60.0, 1 << 30, 1 << 20, 0, 0), form)
    desk.feed(copies(h264))
    desk.recorder.close()
    whole = read_index(folder)
    (folder / "index.jsonl").unlink()
    assert recover(tmp_path) == 1
    assert read_index(folder) == whole, "the last picture is not taken for torn"


def test_a_picture_of_which_packets_are_missing_is_cut_off(tmp_path):
    folder = tmp_path / "r1"
    folder.mkdir()
    muxer = Muxer(Codec.H264)
    small = muxer.pack(Frame(Codec.H264, bytes(100), 3600, 3600, True))
    large = muxer.pack(Frame(Codec.H264, bytes(200_000), 7200, 7200, True))
    first_packet = large.index(b"\0\0\1\xe0") + 6 + 65_535
    for cut in (len(small) + first_packet, len(small) + 20, len(small) + len(large) - 1):
        (folder / name_of(AT_MS, RecordingForm.PS)).write_bytes((small + large)[:cut])
        (folder / "index.jsonl").unlink(missing_ok=True)
        assert recover(tmp_path) == 1
        assert [(each.bytes, each.frames) for each in read_index(folder)] == [(len(small), 1)], cut


@pytest.mark.ffmpeg
@pytest.mark.parametrize("form", RecordingForm)
def test_a_process_that_is_killed_loses_no_more_than_its_last_second(tmp_path, form):
    """A recording process, killed by signal 9 while it writes; it had said what it had been given, second by second.

    Its seconds are shorter than ours, so it lets the writer come along before it says so: what is lost is what was
    gathered and not given to the writer yet."""
    script = f"""
import asyncio, sys, time
from pathlib import Path
sys.path.insert(0, {str(HOUSE)!r})
from media.frame import Codec
from media.outlets.recorders import Recorders
from media.outlets.recording import Habits
from media.plane import RecordingForm, RecordingWish
from tests.media.conftest import copies, encode
async def main():
    frames = encode(Codec.H264)
    recorders = Recorders({str(tmp_path)!r}, Habits(3.0, 1 << 30, 1 << 24, 0.1, 0), lambda event: None, time.time, 9)
    recorders.attach("i1", RecordingWish("r1", RecordingForm({form.value!r})), lambda: None)
    (recorder,) = recorders._of["i1"].values()
    given = 0
    for turn in range(1000):
        for frame in copies(frames, turn * 3600 * len(frames)):
            now = given / 25
            recorders.frame("i1", frame, now)
            recorders.tick(now)
            given += 1
            if given % 5 == 0:
                while not recorder.is_written:
                    await asyncio.sleep(0.001)
                print(given, flush=True)
asyncio.run(main())
"""
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=HOUSE)
    assert child.stdout is not None
    given = 0
    for line in child.stdout:
        given = int(line)
        if given >= 25 * 14:
            child.send_signal(signal.SIGKILL)
            break
    rest = child.stdout.read()
    given = max([given, *map(int, rest.split("\n")[:-1])])
    child.wait(10)
    recover(tmp_path)
    index = read_index(tmp_path / "r1")
    kept = sum(each.frames for each in index)
    assert kept >= given - 14, f"{given - kept} of {given} pictures are lost: more than half a second"
    assert len(index) >= 4
    for each in index:
        assert decodes(tmp_path / "r1" / each.name) == ""


# ---- the pen


async def test_the_pen_writes_in_order_on_a_thread_of_its_own():
    pen, done = Pen(), []
    here = threading.get_ident()
    for number in range(50):
        pen.give(lambda n=number: (n, threading.get_ident()), lambda result, failure: done.append(result))
    assert await pen.stop(5.0)
    await asyncio.sleep(0)
    assert [number for number, _ in done] == list(range(50))
    assert here not in {thread for _, thread in done}


async def test_who_makes_files_safe_holds_up_no_writing(tmp_path, h264, monkeypatch):
    """A power cut is what `fdatasync` is for; a process that is killed loses nothing that was written."""
    hang = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda fd: hang.wait(30))
    monkeypatch.setattr(os, "fsync", lambda fd: hang.wait(30))
    habits = Habits(1.0, 1 << 30, 1 << 24, fsync_s=1e-9, keep_free_bytes=0)
    recorders = Recorders(str(tmp_path), habits, lambda event: None, lambda: AT_MS / 1000, 9)
    recorders.attach("i1", RecordingWish("r1", RecordingForm.PS), lambda: None)
    frames = long(h264, 2)
    for frame in frames:
        recorders.frame("i1", frame, frame.dts_90k / 90_000)
    recorders.cut("i1")
    async with asyncio.timeout(20):
        while sum(path.stat().st_size for path in (tmp_path / "r1").glob("*.ps")) < sum(len(f.data) for f in frames):
            await asyncio.sleep(0.005)
    assert read_index(tmp_path / "r1") == [], "though nothing is safe against a power cut yet"
    hang.set()
    await recorders.end("i1", "over")
    await recorders.stop()
    assert sum(each.frames for each in read_index(tmp_path / "r1")) == len(frames)


def test_no_more_files_wait_to_be_made_safe_than_was_said(tmp_path, h264):
    desk = Desk(tmp_path)
    keeper = Slip()
    keeper.is_slow = True
    desk.recorder._keeper = keeper  # type: ignore[assignment]  # it keeps the same promise
    now = desk.feed(long(h264, 16))
    assert len(keeper.work) == 9 and len(list(tmp_path.glob("*.mp4"))) == 9
    (told,) = desk.of(RecordingTrouble)
    assert told.trouble is Trouble.TOO_SLOW and "make them safe" in told.why
    keeper.is_slow = False
    keeper.catch_up()
    desk.feed(copies(h264, 16 * 40 * 3600), start_s=now)
    desk.recorder.close()
    assert desk.of(RecordingResumed) and len(read_index(tmp_path)) == 11


async def test_a_disk_that_hangs_holds_up_nobody():
    pen, hang = Pen(), threading.Event()
    pen.give(lambda: hang.wait(30), lambda result, failure: None)
    for _ in range(1000):
        pen.give(lambda: 1, lambda result, failure: None)
    assert not await pen.stop(0.05)
    hang.set()


async def test_what_fails_in_a_way_nobody_foresaw_is_told_as_a_failure():
    pen, heard = Pen(), []
    pen.give(lambda: 1 // 0, lambda result, failure: heard.append((result, failure)))
    assert await pen.stop(5.0)
    await asyncio.sleep(0)
    ((result, failure),) = heard
    assert result is None and isinstance(failure, OSError)


# ---- all of a plane


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", "a b", "x" * 81, "é", "a.b", "a\0"])
async def test_a_name_that_could_lead_elsewhere_is_none(tmp_path, name):
    recorders = Recorders(str(tmp_path), HABITS, lambda event: None, lambda: 1.0, 9)
    with pytest.raises(ValueError, match="letters"):
        recorders.attach("i1", RecordingWish(name), lambda: None)


async def test_who_goes_on_with_a_recording_mends_what_the_one_before_left(tmp_path, h264):
    folder = tmp_path / "r1"
    desk = Desk(folder)
    desk.feed(copies(h264))
    desk.recorder.close()
    (folder / "index.jsonl").unlink()
    recorders = Recorders(str(tmp_path), HABITS, lambda event: None, lambda: 1.0, 9)
    recorders.attach("i1", RecordingWish("r1"), lambda: None)
    await recorders.end("i1", "over")
    await recorders.stop()
    assert [each.frames for each in read_index(folder)] == [30, 10]


async def test_recordings_have_a_number_and_a_name_each(tmp_path):
    recorders = Recorders(str(tmp_path), HABITS, lambda event: None, lambda: 1.0, 2)
    recorders.attach("i1", RecordingWish("a"), lambda: None)
    with pytest.raises(ValueError, match="being recorded"):
        recorders.attach("i2", RecordingWish("a"), lambda: None)
    recorders.attach("i2", RecordingWish("b"), lambda: None)
    with pytest.raises(NoCapacity, match="all 2"):
        recorders.attach("i1", RecordingWish("c"), lambda: None)
    with pytest.raises(NoCapacity, match="no folder"):
        Recorders("", HABITS, lambda event: None, lambda: 1.0, 2).attach("i1", RecordingWish("a"), lambda: None)


@pytest.mark.ffmpeg
async def test_a_flowing_stream_is_recorded_while_others_watch(house, camera, h264, fresh, tmp_path):
    home, cam = await house(recordings=str(tmp_path), recording_segment_s=1.0, recording_keep_free_bytes=0), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    recorder = await home.plane.attach_recording(inlet.id, RecordingWish("r1"))
    _, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    viewer = await home.client.ws_connect(home.base + address)
    await cam.send(inlet.port, fresh(h264, 144_000))
    await viewer.receive_str(timeout=2)
    while (said := home.plane.statistics(inlet.id).recorders[0]).frames < 39:
        await asyncio.sleep(0.01)
    assert (said.state, said.trouble, said.recording) == ("recording", None, "r1")
    await home.plane.detach(inlet.id, recorder.outlet)
    closed = await home.until(lambda e: isinstance(e, OutletClosed) and e.outlet == recorder.outlet)
    assert closed.reason == "detached"
    index = read_index(tmp_path / "r1")
    written = [event.segment for event in home.told if isinstance(event, SegmentWritten)]
    assert index and index == written
    assert all(decodes(tmp_path / "r1" / each.name) == "" for each in index)
    assert home.plane.statistics(inlet.id).recorders == ()
    await viewer.close()


async def test_a_stream_that_is_lost_closes_its_segment_and_goes_on_in_another(house, camera, h264, fresh, tmp_path):
    home = await house(recordings=str(tmp_path), recording_keep_free_bytes=0, lost_udp_s=0.3, never_came_s=5.0)
    cam = camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    await home.plane.attach_recording(inlet.id, RecordingWish("r1"))
    await cam.send(inlet.port, fresh(h264, 144_000))
    await home.until(StreamFailed)
    await home.until(SegmentWritten)
    home.told.clear()
    await home.plane.aim(inlet.id, home_aim(cam))
    await cam.send(inlet.port, fresh(h264))
    await home.plane.close(inlet.id)
    assert len(read_index(tmp_path / "r1")) == 2


def home_aim(cam: Any) -> Any:
    from media.plane import Aim

    return Aim("127.0.0.1", cam.address[1], None, {96: "PS"})


async def test_a_hanging_disk_delays_no_viewer(house, camera, h264, fresh, tmp_path, monkeypatch):
    hang = threading.Event()
    monkeypatch.setattr(SegmentFile, "write", lambda self, *rest: hang.wait(60) and False)
    home, cam = await house(recordings=str(tmp_path), recording_queue_bytes=20_000), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    await home.plane.attach_recording(inlet.id, RecordingWish("r1"))
    _, address = await home.plane.attach(inlet.id, OutletKind.FLV_WS)
    viewer = await home.client.ws_connect(home.base + address)
    for turn in range(1, 30):
        await cam.send(inlet.port, fresh(h264, turn * 144_000))
    got = 0
    while got < 25 * len(h264) * 10:
        got += len(await viewer.receive_bytes(timeout=5))
    trouble = await home.until(RecordingTrouble)
    assert trouble.trouble is Trouble.TOO_SLOW
    assert home.plane.statistics(inlet.id).recorders[0].queued_bytes <= 20_000
    await viewer.close()
    hang.set()


def test_an_index_is_read_by_anybody(tmp_path, h264):
    desk = Desk(tmp_path)
    desk.feed(copies(h264)[:10])
    desk.recorder.close()
    (line,) = (tmp_path / "index.jsonl").read_text().splitlines()
    said = json.loads(line)
    assert set(said) == {"name", "start_ms", "end_ms", "bytes", "frames"}
    assert Segment(**said) == read_index(tmp_path)[0]
    assert format_of(b"") is None
