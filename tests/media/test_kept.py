"""Our own recordings as a stream: in order and in time, paused, faster, from elsewhere, and with an end."""

from __future__ import annotations

import asyncio
import itertools
import os
from pathlib import Path

import pytest

from media.frame import Codec, Frame
from media.outlets.recording import Habits, Sound
from media.outlets.segment import read_index
from media.plane import (
    FILE_SENT,
    Aim,
    Clip,
    FirstFrame,
    OutletKind,
    RecordingForm,
    Source,
    Steering,
    StreamFailed,
    Verdict,
)
from media.sources.kept import KeptPull
from media.sources.reel import reel, reel_back
from tests.media.conftest import copies, tone
from tests.media.test_recording import AT_MS, Desk, long


class Sink:
    """Takes what comes, and may have no room."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.has_sound: bool | None = None
        self.is_congested = False

    def came(self, packets: int, size: int, host: str, now: float) -> None:
        pass

    def announce(self, *, has_sound: bool) -> None:
        self.has_sound = has_sound

    def frame(self, frame: Frame, now: float) -> None:
        self.frames.append(frame)

    def lost(self, packets: int) -> None:
        pass

    @property
    def pictures(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.codec.is_video]


def recorded(folder: Path, frames: list[Frame], form: RecordingForm, sound: Codec | None = None) -> tuple[Clip, ...]:
    """What a recording of these frames left: files of 1.2 s each."""
    desk = Desk(folder, Habits(1.0, 1 << 30, 1 << 24, 0, 0), form)
    desk.heard = Sound(sound, None) if sound else None
    sounds = tone(frames, sound) if sound else []
    desk.feed(sorted([*frames, *sounds], key=lambda each: (each.dts_90k, not each.codec.is_video)))
    desk.recorder.close()
    return tuple(Clip(each.name, each.start_ms, each.end_ms + 40) for each in read_index(folder))


def source(folder: Path, clips: tuple[Clip, ...], **changes: object) -> Source:
    words = {"from_ms": clips[0].start_ms, "to_ms": clips[-1].end_ms, "speed": 64.0} | changes
    return Source(folder=str(folder), clips=clips, **words)  # type: ignore[arg-type]  # the tests know the fields


@pytest.mark.parametrize("is_torn", [False, True])
@pytest.mark.parametrize("form", RecordingForm)
async def test_a_file_that_is_being_written_is_given_out_as_far_as_it_is_there(tmp_path, h264, form, is_torn):
    frames = long(h264, 4)
    desk = Desk(tmp_path, Habits(1.2, 1 << 30, 1 << 24, 0, 0), form)
    desk.feed(frames[:-10])
    counted = desk.recorder.statistics()
    whole = [Clip(each.name, each.start_ms, each.end_ms + 40) for each in read_index(tmp_path)]
    assert whole and counted.open_file not in {each.file for each in whole}
    if is_torn:
        size = (tmp_path / counted.open_file).stat().st_size
        os.truncate(tmp_path / counted.open_file, size - 100)  # as when a write is under way
    sink = Sink()
    opened = Clip(counted.open_file, counted.open_from_ms, counted.open_to_ms, is_open=True)
    wanted = source(tmp_path, (*whole, opened), to_ms=counted.open_to_ms + 5000, is_rewritten=False)
    ended = await KeptPull(wanted).run(sink)
    assert (ended.verdict, ended.note) == (Verdict.LOST, FILE_SENT)
    written = sum(each.frames for each in read_index(tmp_path)) + (counted.open_to_ms - counted.open_from_ms) // 40
    assert written - 2 * is_torn <= len(sink.pictures) <= written + 1
    desk.recorder.close()


@pytest.mark.parametrize("form", RecordingForm)
async def test_files_are_given_out_as_one_stream_with_an_end(tmp_path, h264, form):
    frames = long(h264, 3)
    clips = recorded(tmp_path, frames, form)
    sink = Sink()
    ended = await KeptPull(source(tmp_path, clips, is_rewritten=False)).run(sink)
    assert (ended.verdict, ended.note) == (Verdict.LOST, FILE_SENT) and len(clips) >= 3
    assert len(sink.pictures) == len(frames)
    assert sink.pictures[0].key and all(
        later.dts_90k > sooner.dts_90k for sooner, later in itertools.pairwise(sink.pictures)
    )
    lasted = sink.pictures[-1].dts_90k - sink.pictures[0].dts_90k
    assert lasted == pytest.approx((len(frames) - 1) * 3600, abs=9000)


@pytest.mark.parametrize("form", RecordingForm)
async def test_sound_comes_along_at_the_speed_of_life_and_no_other(tmp_path, h264, form):
    clips = recorded(tmp_path, copies(h264), form, Codec.G711A)
    sink = Sink()
    await KeptPull(source(tmp_path, clips, speed=1.0)).run(sink)
    assert sink.has_sound and len(sink.frames) > len(sink.pictures) == len(h264)
    fast = Sink()
    await KeptPull(source(tmp_path, clips, speed=4.0)).run(fast)
    assert fast.has_sound is False and len(fast.frames) == len(fast.pictures) == len(h264)


async def test_times_run_as_fast_as_pictures_are_shown(tmp_path, h264):
    clips = recorded(tmp_path, long(h264, 2), RecordingForm.MP4)
    sink = Sink()
    await KeptPull(source(tmp_path, clips, speed=4.0)).run(sink)
    steps = [later.dts_90k - sooner.dts_90k for sooner, later in itertools.pairwise(sink.pictures)]
    assert sorted(steps)[len(steps) // 2] == pytest.approx(900, abs=50)
    keys = Sink()
    await KeptPull(source(tmp_path, clips, speed=16.0)).run(keys)
    assert keys.pictures and all(frame.key for frame in keys.pictures)


async def test_a_moment_is_entered_at_the_key_frame_before_it(tmp_path, h264):
    clips = recorded(tmp_path, long(h264, 3), RecordingForm.MP4)
    from_ms = clips[1].start_ms + 700
    (first, *_) = reel(str(tmp_path), clips, from_ms)
    assert first.frame.key and clips[1].start_ms <= first.at_ms <= from_ms
    sink = Sink()
    until = source(tmp_path, clips, from_ms=from_ms, to_ms=clips[2].start_ms, is_rewritten=False)
    await KeptPull(until).run(sink)
    assert 5 <= len(sink.pictures) <= 30


async def test_a_pause_holds_and_a_jump_goes_elsewhere(tmp_path, h264):
    clips = recorded(tmp_path, long(h264, 4), RecordingForm.MP4)
    pull, sink = KeptPull(source(tmp_path, clips, speed=1.0)), Sink()
    running = asyncio.create_task(pull.run(sink))
    async with asyncio.timeout(20):
        while len(sink.pictures) < 3:
            await asyncio.sleep(0.01)
        pull.steer(Steering(is_paused=True))
        await asyncio.sleep(0.05)
        held = len(sink.pictures)
        await asyncio.sleep(0.2)
        assert len(sink.pictures) == held
        pull.steer(Steering(is_paused=False, scale=64.0, at_s=(clips[-1].start_ms - clips[0].start_ms) / 1000))
        ended = await running
    assert ended.note == FILE_SENT
    after = sink.pictures[held:]
    assert after[0].key and len(after) <= 40
    assert all(later.dts_90k > sooner.dts_90k for sooner, later in itertools.pairwise(sink.pictures))


@pytest.mark.parametrize("form", RecordingForm)
async def test_backwards_the_key_frames_are_shown_to_the_beginning(tmp_path, h264, form):
    clips = recorded(tmp_path, long(h264, 3), form)
    taken = list(reel_back(str(tmp_path), clips, clips[-1].start_ms + 5))
    times = [each.at_ms for each in taken]
    assert times == sorted(times, reverse=True) and times[0] <= clips[-1].start_ms + 5
    assert all(each.frame.key for each in taken) and times[-1] == clips[0].start_ms
    assert len({round(at) for at in times}) == len(times) >= len(clips)


async def test_who_turns_round_goes_back_from_where_he_was_and_forward_again(tmp_path, h264):
    clips = recorded(tmp_path, long(h264, 4), RecordingForm.MP4)
    whole = source(tmp_path, clips, speed=1.0, enter_ms=clips[-1].start_ms)
    pull, sink = KeptPull(whole), Sink()
    running = asyncio.create_task(pull.run(sink))
    async with asyncio.timeout(30):
        while len(sink.pictures) < 3:
            await asyncio.sleep(0.01)
        assert pull._last_ms >= clips[-1].start_ms - 50, "it began where it was told to"
        pull.steer(Steering(is_paused=True))
        await asyncio.sleep(0.05)
        forward = len(sink.pictures)
        pull.steer(Steering(is_paused=False, scale=-16.0))
        ended = await running
    back = sink.pictures[forward:]
    assert ended.note == FILE_SENT and len(back) >= len(clips) and all(frame.key for frame in back)
    assert pull._last_ms == pytest.approx(clips[0].start_ms, abs=50)
    assert all(later.dts_90k > sooner.dts_90k for sooner, later in itertools.pairwise(sink.pictures))
    lasted_s = (back[-1].dts_90k - back[0].dts_90k) / 90_000
    assert lasted_s == pytest.approx((clips[-1].start_ms - clips[0].start_ms) / 16_000, rel=0.4)


async def test_who_has_no_room_is_waited_for(tmp_path, h264):
    clips = recorded(tmp_path, copies(h264), RecordingForm.MP4)
    pull, sink = KeptPull(source(tmp_path, clips)), Sink()
    sink.is_congested = True
    running = asyncio.create_task(pull.run(sink))
    await asyncio.sleep(0.2)
    assert sink.frames == []
    sink.is_congested = False
    async with asyncio.timeout(20):
        assert (await running).note == FILE_SENT


async def test_a_file_that_was_deleted_meanwhile_is_said(tmp_path, h264):
    clips = recorded(tmp_path, long(h264, 2), RecordingForm.MP4)
    (tmp_path / clips[1].file).unlink()
    ended = await KeptPull(source(tmp_path, clips)).run(Sink())
    assert ended.verdict is Verdict.REFUSED and clips[1].file in ended.note


def test_files_that_overlap_are_not_played_twice(tmp_path, h264):
    clips = recorded(tmp_path, long(h264, 2), RecordingForm.MP4)
    again = tuple(Clip(each.file, each.start_ms + 600, each.end_ms + 600) for each in clips[:1])
    both = sorted([*clips, *again], key=lambda each: each.start_ms)
    times = [taken.at_ms for taken in reel(str(tmp_path), both, AT_MS) if taken.frame.codec.is_video]
    assert len(times) < len(long(h264, 2)) + 31


async def test_a_plane_shows_a_recording_and_tells_its_end(house, h264, tmp_path):
    clips = recorded(tmp_path, long(h264, 2), RecordingForm.PS)
    home = await house()
    inlet = await home.plane.pull(7, source(tmp_path, clips, speed=2.0))
    await home.plane.aim(inlet.id, Aim())
    await home.until(FirstFrame)
    _, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    viewer = await home.client.ws_connect(home.base + address)
    await viewer.receive_str(timeout=5)
    home.plane.hold(inlet.id, True)
    home.plane.steer(inlet.id, Steering(is_paused=True))
    home.plane.steer(inlet.id, Steering(is_paused=False, scale=16.0))
    home.plane.hold(inlet.id, False)
    failed = await home.until(StreamFailed)
    assert failed.seen.note == FILE_SENT
    await viewer.close()
