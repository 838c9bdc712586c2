"""Files of a recording as one film: every picture once, times running on, nothing coded anew."""

from __future__ import annotations

import pytest

from media.frame import Codec
from media.outlets.joining import OtherPicture, check, join
from media.plane import Clip, RecordingForm
from tests.media.conftest import copies
from tests.media.test_kept import recorded
from tests.media.test_recording import decodes, long, pictures


@pytest.mark.ffmpeg
@pytest.mark.parametrize("was", RecordingForm)
@pytest.mark.parametrize("becomes", RecordingForm)
@pytest.mark.parametrize("sound", [None, Codec.G711A])
def test_files_of_either_form_become_one_film_of_either_form(tmp_path, h264, was, becomes, sound):
    frames = long(h264, 3)
    clips = recorded(tmp_path, frames, was, sound)
    check(str(tmp_path), clips)
    film = tmp_path / f"film.{becomes}"
    film.write_bytes(b"".join(join(str(tmp_path), clips, clips[0].start_ms, clips[-1].end_ms + 1000, becomes)))
    assert decodes(film) == "" and pictures(film) == len(frames)
    if sound and becomes is RecordingForm.MP4:
        assert pictures(film, "a") > 20


@pytest.mark.ffmpeg
def test_a_part_begins_at_the_key_frame_before_it_and_a_hole_is_not_waited_for(tmp_path, h264):
    clips = recorded(tmp_path, long(h264, 3), RecordingForm.MP4)
    later = tuple(Clip(each.file, each.start_ms + 60_000, each.end_ms + 60_000) for each in clips[1:])
    film = tmp_path / "film.mp4"
    film.write_bytes(
        b"".join(join(str(tmp_path), (clips[0], *later), clips[0].start_ms + 500, 1 << 60, RecordingForm.MP4))
    )
    assert decodes(film) == "" and pictures(film) == len(long(h264, 3))
    part = tmp_path / "part.mp4"
    part.write_bytes(
        b"".join(join(str(tmp_path), clips, clips[1].start_ms, clips[1].start_ms + 600, RecordingForm.MP4))
    )
    assert 14 <= pictures(part) <= 16


@pytest.mark.ffmpeg
@pytest.mark.parametrize("early_ms", [5, 35, 39, 40, 45, 400])
def test_a_file_that_begins_early_gives_no_two_pictures_at_one_moment(tmp_path, h264, early_ms):
    clips = recorded(tmp_path, long(h264, 3), RecordingForm.MP4)
    early = tuple(
        Clip(each.file, each.start_ms - early_ms * number, each.end_ms - early_ms * number)
        for number, each in enumerate(clips)
    )
    film = tmp_path / "film.mp4"
    film.write_bytes(b"".join(join(str(tmp_path), early, clips[0].start_ms, 1 << 60, RecordingForm.MP4)))
    assert decodes(film) == "" and pictures(film) == len(long(h264, 3))


def test_another_picture_within_the_span_is_said_before(tmp_path, h264, larger):
    one = recorded(tmp_path, copies(h264), RecordingForm.MP4)
    other = recorded(tmp_path / "other", copies(larger), RecordingForm.MP4)
    both = (one[0], Clip(f"other/{other[0].file}", one[0].end_ms, one[0].end_ms + 1000))
    with pytest.raises(OtherPicture, match=str(both[1].start_ms // 1000)):
        check(str(tmp_path), both)
