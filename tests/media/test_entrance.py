"""A file of ours entered anywhere gives what reading it from its beginning gives, and little is read for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.frame import Codec, Frame
from media.outlets.recording import Habits, Sound
from media.outlets.segment import read_index
from media.plane import RecordingForm
from media.ps.pack import PACK_CODE
from media.sources.entrance import MOOF, entrance
from media.sources.file import Film
from media.sources.reel import frames_of
from tests.media.conftest import tone
from tests.media.test_recording import Desk, long

FORMS = list(RecordingForm)


def one_file(folder: Path, frames: list[Frame], form: RecordingForm, sound: Codec | None) -> str:
    desk = Desk(folder, Habits(3600.0, 1 << 30, 1 << 24, 0, 0), form)
    desk.heard = Sound(sound, None) if sound else None
    sounds = tone(frames, sound) if sound else []
    desk.feed(sorted([*frames, *sounds], key=lambda each: (each.dts_90k, not each.codec.is_video)))
    desk.recorder.close()
    (segment,) = read_index(folder)
    return segment.name


def said(frames: list[Frame]) -> list[tuple[object, ...]]:
    return [(each.codec, each.pts_90k, each.dts_90k, each.key, each.data) for each in frames]


@pytest.mark.parametrize("sound", [None, Codec.G711A])
@pytest.mark.parametrize("form", FORMS)
def test_any_moment_is_entered_at_the_last_key_frame_before_it(tmp_path, h264, form, sound):
    name = one_file(tmp_path, long(h264, 8), form, sound)
    whole = list(frames_of(str(tmp_path), name))
    pictures = [each for each in whole if each.codec.is_video]
    heard = [each for each in whole if not each.codec.is_video]
    assert sum(each.key for each in pictures) >= 4 and bool(heard) is bool(sound)
    entered_late = 0
    for wanted in range(-1, pictures[-1].dts_90k + 90_000, 7_001):
        entered = list(frames_of(str(tmp_path), name, wanted))
        shown = [each for each in entered if each.codec.is_video]
        first = max((at for at, each in enumerate(pictures) if each.key and each.dts_90k <= wanted), default=0)
        # A program stream's clock says of the very first pictures only that they are early.
        assert said(shown) == said(pictures[first:]) or (form is RecordingForm.PS and wanted < 90_000)
        sounds = [each for each in entered if not each.codec.is_video]
        assert said(sounds) == said(heard[len(heard) - len(sounds) :])
        assert not heard or len(sounds) >= sum(each.dts_90k > wanted + 90_000 for each in heard)
        entered_late += first > 0
    assert entered_late > 10


def test_reading_straight_on_gives_what_a_stranger_is_read_by(tmp_path, h265):
    name = one_file(tmp_path, long(h265, 3), RecordingForm.MP4, Codec.G711A)
    film = Film(str(tmp_path), name)
    jumping = list(film.frames())
    film.close()
    straight = list(frames_of(str(tmp_path), name))
    for is_video in (True, False):
        kept = [[each for each in read if each.codec.is_video is is_video] for read in (jumping, straight)]
        assert said(kept[0]) == said(kept[1]) and kept[0]


@pytest.mark.parametrize("form", FORMS)
def test_little_of_a_large_file_is_read(tmp_path, h264, monkeypatch, form):
    large = [Frame(each.codec, each.data + b"\xff" * 60_000, each.pts_90k, each.dts_90k, each.key) for each in h264]
    frames = long(large, 12)
    name = one_file(tmp_path, frames, form, None)
    wanted = (frames[-1].dts_90k - frames[0].dts_90k) * 9 // 10
    size = (tmp_path / name).stat().st_size
    read = 0
    pread = os.pread

    def counted(number: int, count: int, at: int) -> bytes:
        nonlocal read
        read += count
        return pread(number, count, at)

    monkeypatch.setattr(os, "pread", counted)
    with (tmp_path / name).open("rb") as opened:
        assert size * 0.8 < entrance(opened.fileno(), name, wanted) < size * 0.91
    assert size > 15_000_000 and read < 4_000_000


@pytest.fixture(scope="module")
def junk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("junk")


_pieces = st.one_of(
    st.binary(max_size=300), st.sampled_from([MOOF, PACK_CODE, PACK_CODE + bytes(10) + b"\x00\x00\x01\xbb\xff\xff"])
)


@given(pieces=st.lists(_pieces, max_size=40), pad=st.integers(0, 200_000), wanted=st.integers(0, 1 << 34))
def test_a_file_that_is_none_of_ours_is_entered_somewhere(junk, pieces, pad, wanted):
    data = b"".join(pieces) + bytes(pad) + b"".join(pieces)
    (junk / "any").write_bytes(data)
    with (junk / "any").open("rb") as opened:
        for name in ("any.mp4", "any.ps"):
            assert 0 <= entrance(opened.fileno(), name, wanted) <= len(data)
