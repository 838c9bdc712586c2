"""FLV tags, byte for byte."""

from __future__ import annotations

import pytest

from media.aac import AacFormat, with_header
from media.annexb import VideoParameters, video_parameters
from media.flv import FlvMuxer
from media.frame import Codec, Frame

SC = b"\0\0\0\1"
SPS = bytes.fromhex("6742C00ADA7B011000000300100000030320F1226A")
PPS = bytes.fromhex("68CE0FC8")
IDR = bytes.fromhex("6588843A26280E")
KEY = SC + SPS + SC + PPS + b"\0\0\1" + IDR
AVCC = bytes.fromhex("0142C00AFFE10015") + SPS + b"\x01\x00\x04" + PPS
IDR5 = bytes.fromhex("2801AC760EEF80")
HEVC = VideoParameters(Codec.H265, 16, 16, 25.0, "hvc1.1.6.L30.90", bytes(108))


def avc() -> FlvMuxer:
    return FlvMuxer(video_parameters(Codec.H264, KEY))


def key(pts: int = 8_100_000, dts: int = 8_100_000) -> Frame:
    return Frame(Codec.H264, KEY, pts, dts, True)


def test_the_avc_tags_are_those_of_the_book() -> None:
    muxer = avc()
    assert muxer.header().startswith(bytes.fromhex("464C5601010000000900000000"))
    sequence = bytes.fromhex("090000290000000000000017 00000000".replace(" ", "")) + AVCC + b"\0\0\0\x34"
    assert muxer.video_sequence(0) == sequence
    assert muxer.header().endswith(sequence)
    assert muxer.tag(key()) == bytes.fromhex(
        "0900001000000000000000170100000000000007 6588843A26280E0000001B".replace(" ", "")
    )


def test_the_pcma_tag_is_that_of_the_book() -> None:
    muxer = FlvMuxer(video_parameters(Codec.H264, KEY), Codec.G711A)
    assert muxer.header().startswith(bytes.fromhex("464C5601050000000900000000"))
    tag = muxer.tag(Frame(Codec.G711A, b"\xd5" * 160, 0, 0))
    assert tag == bytes.fromhex("080000A100000000000000 72".replace(" ", "")) + b"\xd5" * 160 + b"\0\0\0\xac"


def test_the_hevc_tags_are_those_of_the_book() -> None:
    legacy, enhanced = FlvMuxer(HEVC, enhanced=False), FlvMuxer(HEVC)
    assert legacy.video_sequence(0) == bytes.fromhex("09000071000000000000001C00000000") + bytes(108) + b"\0\0\0\x7c"
    assert (
        enhanced.video_sequence(0)
        == bytes.fromhex("0900007100000000000000 9068766331".replace(" ", "")) + bytes(108) + b"\0\0\0\x7c"
    )
    for muxer in (legacy, enhanced):
        muxer.tag(Frame(Codec.H265, SC + b"\x02\x01\xd0", 0, 0))
    frame = Frame(Codec.H265, SC + IDR5, 3600, 3600, True)
    late = Frame(Codec.H265, SC + IDR5, 7200, 3600, True)
    nal = bytes.fromhex("000000072801AC760EEF80")
    assert enhanced.tag(frame) == bytes.fromhex("09000010000028000000009368766331") + nal + b"\0\0\0\x1b"
    assert enhanced.tag(late) == bytes.fromhex("09000013000028000000009168766331000028") + nal + b"\0\0\0\x1e"
    assert legacy.tag(late) == bytes.fromhex("09000010000028000000001C01000028") + nal + b"\0\0\0\x1b"


def test_inter_frames_and_composition_times_are_written() -> None:
    muxer = avc()
    muxer.tag(key())
    tag = muxer.tag(Frame(Codec.H264, SC + b"\x41\x9a\x11", 8_110_800, 8_103_600))
    assert tag[4:8] == b"\0\0\x28\0"
    assert tag[11:16] == b"\x27\x01\x00\x00\x50"


def test_times_beyond_24_bits_use_the_high_byte() -> None:
    muxer = avc()
    muxer.tag(key())
    tag = muxer.tag(key(8_100_000 + 90 * 0x1234567, 8_100_000 + 90 * 0x1234567))
    assert tag[4:8] == b"\x23\x45\x67\x01"


def test_sound_older_than_the_first_picture_starts_with_it() -> None:
    muxer = FlvMuxer(video_parameters(Codec.H264, KEY), Codec.G711A)
    muxer.tag(key())
    assert muxer.tag(Frame(Codec.G711A, b"\xd5", 8_000_000, 8_000_000))[4:8] == bytes(4)


def test_aac_has_its_sequence_header_and_a_tag_for_each_frame() -> None:
    form = AacFormat(2, 16000, 1)
    muxer = FlvMuxer(None, form)
    assert muxer.audio_sequence(0)[11:15] == b"\xaf\x00\x14\x08"
    frame = with_header(form, b"\x21" * 10)
    tags = muxer.tag(Frame(Codec.AAC, frame * 2, 0, 0))
    assert len(tags) == 2 * (11 + 2 + 10 + 4)
    assert tags[27 + 4 : 27 + 7] == b"\0\0\x40"


def test_new_parameter_sets_bring_their_sequence_header_along() -> None:
    muxer = avc()
    muxer.tag(key())
    other = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0")
    tags = muxer.tag(Frame(Codec.H264, SC + other + SC + PPS + SC + IDR, 8_103_600, 8_103_600, True))
    assert tags[11:13] == b"\x17\x00" and other in tags
    assert other in muxer.header()
    assert muxer.video is not None and muxer.video.width == 1920


def test_frames_of_no_track_here_give_nothing() -> None:
    assert avc().tag(Frame(Codec.G711A, b"\xd5", 0, 0)) == b""
    assert FlvMuxer(None, Codec.G711A).tag(key()) == b""
    assert avc().tag(Frame(Codec.H265, SC + IDR5, 0, 0)) == b""


def test_what_flv_cannot_carry_is_refused() -> None:
    with pytest.raises(ValueError, match=r"G\.729"):
        FlvMuxer(None, Codec.G729)
    with pytest.raises(ValueError, match="SVAC"):
        FlvMuxer(VideoParameters(Codec.SVAC, 1, 1, 0, "", b""))
