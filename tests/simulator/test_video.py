"""The simulated camera's encoder, read back by another decoder's eyes."""

from __future__ import annotations

import av
import pytest

from media.frame import Codec, Frame
from simulator.head import Head
from simulator.tone import Tone
from simulator.video import VideoSettings, VideoSource, title


def decoded(codec: str, frames: list[Frame]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create(codec, "r")
    pictures = [picture for frame in frames for picture in decoder.decode(av.Packet(frame.data))]
    return pictures + decoder.decode(None)


@pytest.mark.parametrize(("codec", "decoder"), [(Codec.H264, "h264"), (Codec.H265, "hevc")])
def test_a_key_frame_can_be_decoded_alone(codec: Codec, decoder: str):
    source = VideoSource(VideoSettings(codec=codec, width=320, height=180, fps=10, gop_s=10.0), "北门", "1", Head())
    frames = [source.next_frame(key=index == 5) for index in range(8)]
    assert [frame.key for frame in frames] == [True, False, False, False, False, True, False, False]
    (picture,) = decoded(decoder, frames[5:6])
    assert (picture.width, picture.height) == (320, 180)
    assert max(bytes(picture.planes[0])) - min(bytes(picture.planes[0])) > 100


def test_zooming_in_keeps_the_size_of_the_picture():
    head = Head()
    head.turn(0.0, 0.0, 1.0, now=-100.0)
    source = VideoSource(VideoSettings(width=320, height=180, fps=10), "北门", "1", head)
    (picture,) = decoded("h264", [source.next_frame()])
    assert (picture.width, picture.height) == (320, 180)


def test_what_an_encoder_cannot_do_is_refused():
    for wrong in ({"codec": Codec.MPEG4}, {"width": 321}, {"fps": 0}, {"height": 20}):
        with pytest.raises(ValueError):
            VideoSettings(**wrong)


def test_the_second_stream_is_half_as_large_but_never_too_small_for_an_encoder():
    half = VideoSettings(width=640, height=360, kbps=600).smaller()
    assert (half.width, half.height, half.kbps) == (320, 180, 200)
    least = VideoSettings(width=64, height=48, kbps=60).smaller()
    assert (least.width, least.height) == (64, 36)


def test_a_chinese_name_is_written_in_pinyin():
    assert title("广州东站 01") == "GUANG ZHOU DONG ZHAN 01"


def test_the_tone_comes_in_whole_and_without_gaps():
    tone = Tone()
    first, second = tone.until(3600), tone.until(9000)
    assert first is not None and second is not None
    assert (len(first.data), len(second.data)) == (320, 480)
    assert second.pts_90k == 3600
    assert tone.until(9000) is None
