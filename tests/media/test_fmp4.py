"""Fragmented MP4, byte for byte."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.aac import AacFormat, with_header
from media.annexb import VideoParameters, video_parameters
from media.fmp4 import Fmp4Muxer
from media.frame import Codec, Frame

SC = b"\0\0\0\1"
SPS = bytes.fromhex("6742C00ADA7B011000000300100000030320F1226A")
PPS = bytes.fromhex("68CE0FC8")
IDR = bytes.fromhex("6588843A26280E")
KEY = SC + SPS + SC + PPS + b"\0\0\1" + IDR
INTER = SC + b"\x41\x9a\x11"
FRAGMENT = bytes.fromhex(
    "000000686D6F6F66000000106D66686400000000000000010000005074726166000000107466686400020000"
    "0000000100000014746664740100000000000000007B98A0000000247472756E00000F010000000100000070"
    "00000E100000000B0200000000000000000000136D646174000000076588843A26280E"
)
FORM = AacFormat(2, 16000, 1)


def key(dts: int = 8_100_000) -> Frame:
    return Frame(Codec.H264, KEY, dts, dts, True)


def inter(dts: int, pts: int | None = None) -> Frame:
    return Frame(Codec.H264, INTER, dts if pts is None else pts, dts)


def avc(audio: AacFormat | None = None) -> Fmp4Muxer:
    return Fmp4Muxer(video_parameters(Codec.H264, KEY), audio)


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    while data:
        size = int.from_bytes(data[:4], "big")
        assert 8 <= size <= len(data)
        found.append((data[4:8], data[8:size]))
        data = data[size:]
    return found


def facts(fragment: bytes) -> tuple[int, int, int]:
    """Base time, duration and composition offset of a video fragment."""
    at, trun = fragment.index(b"tfdt") + 8, fragment.index(b"trun") + 4
    offset = int.from_bytes(fragment[trun + 24 : trun + 28], "big", signed=True)
    return int.from_bytes(fragment[at : at + 8], "big"), int.from_bytes(fragment[trun + 12 : trun + 16], "big"), offset


def test_the_fragment_of_the_worked_example_is_that_of_the_book() -> None:
    assert avc().fragment(key()) == FRAGMENT


def test_the_init_segment_has_the_size_and_boxes_of_the_book() -> None:
    init = avc().init_segment()
    assert len(init) == 655
    (ftyp, brand), (moov, inside) = boxes(init)
    assert (ftyp, brand, moov) == (b"ftyp", b"iso5\0\0\2\0iso5iso6mp41", b"moov")
    assert next((kind, len(body) + 8) for kind, body in boxes(inside)) == (b"mvhd", 108)
    assert avc().mime == 'video/mp4; codecs="avc1.42C00A"'


def test_both_tracks_stand_in_one_init_segment() -> None:
    muxer = avc(FORM)
    kinds = [kind for kind, _ in boxes(boxes(muxer.init_segment())[1][1])]
    assert kinds == [b"mvhd", b"trak", b"trak", b"mvex"]
    assert muxer.mime == 'video/mp4; codecs="avc1.42C00A,mp4a.40.2"'
    assert muxer.audio_track == 2 and Fmp4Muxer(None, FORM).audio_track == 1
    assert Fmp4Muxer(None, FORM).mime == 'audio/mp4; codecs="mp4a.40.2"'


def test_h265_is_written_as_hvc1() -> None:
    muxer = Fmp4Muxer(VideoParameters(Codec.H265, 16, 16, 25.0, "hvc1.1.6.L30.90", bytes(108)))
    assert len(muxer.init_segment()) == 727
    assert b"hvc1" in muxer.init_segment() and b"hvcC" in muxer.init_segment()


def test_a_composition_offset_may_be_negative() -> None:
    muxer = avc()
    muxer.fragment(key())
    assert facts(muxer.fragment(inter(8_103_600, 8_110_800)))[2] == 7200
    odd = muxer.fragment(inter(8_107_200, 8_103_600))
    assert facts(odd)[2] == -3600 and odd[odd.index(b"trun") + 4] == 1


@given(st.lists(st.integers(1, 200_000), max_size=30))
def test_decode_times_have_no_hole_and_stay_within_a_frame_of_the_sender(steps: list[int]) -> None:
    muxer = avc()
    dts = 8_100_000
    found = [facts(muxer.fragment(key(dts)))]
    before = dts
    for step in steps:
        before, dts = dts, dts + step
        found.append(facts(muxer.fragment(inter(dts))))
        assert found[-1][0] == before + 3600
    for (time, duration, _), (following, _, _) in pairwise(found):
        assert time + duration == following and duration > 0


def test_sound_is_counted_by_samples_and_has_its_own_fragments() -> None:
    muxer = avc(FORM)
    adts = with_header(FORM, b"\x21" * 10)
    times = []
    for n in range(5):
        fragment = muxer.fragment(
            Frame(Codec.AAC, adts * 2, 90_000 + 11_520 * n + (n % 2) * 50, 0 + 90_000 + 11_520 * n)
        )
        at = fragment.index(b"tfdt") + 8
        times.append(int.from_bytes(fragment[at : at + 8], "big"))
        assert boxes(fragment)[1] == (b"mdat", b"\x21" * 20)
        assert fragment[fragment.index(b"tfhd") + 8 : fragment.index(b"tfhd") + 12] == b"\0\0\0\2"
        data_offset = fragment.index(b"trun") + 12
        assert int.from_bytes(fragment[data_offset : data_offset + 4], "big") == fragment.index(b"mdat") + 4
    assert times == [16_000 + 2048 * n for n in range(5)]


@pytest.mark.parametrize("gap", [900_000, -900_000])
def test_sound_that_has_gone_astray_is_put_right_without_a_hole(gap: int) -> None:
    muxer = avc(FORM)
    adts = with_header(FORM, b"\x21" * 10)
    end = None
    for n in range(6):
        dts = 2_000_000 + 5760 * n + (gap if n > 2 else 0)
        fragment = muxer.fragment(Frame(Codec.AAC, adts, dts, dts))
        at, trun = fragment.index(b"tfdt") + 8, fragment.index(b"trun") + 4
        time = int.from_bytes(fragment[at : at + 8], "big")
        assert end is None or time == end
        end = time + int.from_bytes(fragment[trun + 12 : trun + 16], "big")
    if gap > 0 and end is not None:
        assert abs(end - (2_000_000 + 5760 * 6 + gap) * 16 // 90) < 3000


def test_another_resolution_makes_a_new_init_segment_and_says_so() -> None:
    muxer = avc()
    before = muxer.init_segment()
    muxer.fragment(key())
    assert muxer.generation == 0 and muxer.init_segment() == before
    other = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0")
    assert muxer.fragment(Frame(Codec.H264, SC + other + SC + PPS + SC + IDR, 8_103_600, 8_103_600, True))
    assert muxer.generation == 1
    assert muxer.init_segment() != before and other in muxer.init_segment()
    assert "640028" in muxer.mime


def test_another_sound_makes_a_new_init_segment() -> None:
    muxer = avc(FORM)
    stereo = AacFormat(2, 48000, 2)
    muxer.fragment(Frame(Codec.AAC, with_header(stereo, b"\x21" * 10), 0, 0))
    assert muxer.generation == 1 and muxer.audio == stereo


def test_frames_of_no_track_here_give_nothing() -> None:
    assert avc().fragment(Frame(Codec.AAC, with_header(FORM, b"\x21"), 0, 0)) == b""
    assert avc().fragment(Frame(Codec.G711A, b"\xd5", 0, 0)) == b""
    assert Fmp4Muxer(None, FORM).fragment(key()) == b""
    with pytest.raises(ValueError, match="SVAC"):
        Fmp4Muxer(VideoParameters(Codec.SVAC, 1, 1, 0, "", b""))
