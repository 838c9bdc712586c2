"""Frames into program streams, byte for byte as annex C's example, and back through our own demultiplexer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.frame import Codec, Frame
from media.ps import stream_map
from media.ps.demux import Demuxer
from media.ps.mux import Muxer, pack_header

KEY = (
    bytes.fromhex("000000016742C00ADA7B011000000300100000030320F1226A")
    + bytes.fromhex("0000000168CE0FC8")
    + bytes.fromhex("0000016588843A26280E")
)
EXAMPLE = (
    bytes.fromhex("000001BA4407BC548401005F6BF8")
    + bytes.fromhex("000001BB000C80CCF504E17FE0E190C0C020")
    + bytes.fromhex("000001BC0012E1FF000000081BE0000090C00000B9287F16")
    + bytes.fromhex("000001E000338480052101EF3141")
    + KEY
    + bytes.fromhex("000001C001488480052101EF3141")
    + b"\xd5" * 320
)


def key(size: int = 0) -> Frame:
    return Frame(Codec.H264, KEY + b"\x5a" * size, 8_100_000, 8_100_000, True)


def sound() -> Frame:
    return Frame(Codec.G711A, b"\xd5" * 320, 8_100_000, 8_100_000)


def test_the_worked_example_is_written_byte_for_byte() -> None:
    muxer = Muxer(Codec.H264, Codec.G711A)
    assert muxer.pack(key(), [sound()]) == EXAMPLE
    assert len(EXAMPLE) == 447
    inter = Frame(Codec.H264, b"\0\0\0\1\x41\x9a\x22", 8_103_600, 8_103_600)
    expected = bytes.fromhex("000001BA4407BCC50401005F6BF8000001E0000F8480052101EF4D61") + inter.data
    assert muxer.pack(inter) == expected


@pytest.mark.parametrize(
    ("streams", "expected"),
    [
        ({0xE0: 0x1B}, "000001BC000EE1FF000000041BE00000744C1D22"),
        ({0xE0: 0x1B, 0xC0: 0x90}, "000001BC0012E1FF000000081BE0000090C00000B9287F16"),
        ({0xE0: 0x1B, 0xC0: 0x0F}, "000001BC0012E1FF000000081BE000000FC000000DB209C9"),
        ({0xE0: 0x24}, "000001BC000EE1FF0000000424E000008CD91011"),
        ({0xE0: 0x24, 0xC0: 0x90}, "000001BC0012E1FF0000000824E0000090C0000019A85C03"),
        ({0xE0: 0x24, 0xC0: 0x0F}, "000001BC0012E1FF0000000824E000000FC00000AD322ADC"),
        ({0xC0: 0x90}, "000001BC000EE1FF0000000490C0000070229ABB"),
    ],
)
def test_the_ready_maps_of_the_book_are_built(streams: dict[int, int], expected: str) -> None:
    unit = stream_map.build(streams)
    assert unit == bytes.fromhex(expected)
    assert stream_map.crc32(unit) == 0
    assert stream_map.parse(unit[6:]) == (streams, True)


def test_the_check_sum_has_its_check_value() -> None:
    assert stream_map.crc32(b"123456789") == 0x0376E6E7


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (0, "2100010001"),
        (32767, "210001FFFF"),
        (32768, "2100030001"),
        (8_100_000, "2101EF3141"),
        ((1 << 33) - 1, "2FFFFFFFFF"),
    ],
)
def test_times_are_written_as_in_the_book(time: int, expected: str) -> None:
    pack = Muxer(Codec.H264).pack(Frame(Codec.H264, b"x", time, time))
    assert pack[23:28] == bytes.fromhex(expected)


def test_a_b_picture_carries_both_times() -> None:
    pack = Muxer(Codec.H264).pack(Frame(Codec.H264, b"x", 8_107_200, 8_100_000))
    assert pack[20:33] == bytes.fromhex("84C00A" + "3101EF6981" + "1101EF3141")


def test_the_clock_reference_never_falls_below_zero() -> None:
    assert Muxer(Codec.H264).pack(Frame(Codec.H264, b"x", 5, 5)).startswith(pack_header(0))


def test_sound_alone_has_a_map_too() -> None:
    muxer = Muxer(None, Codec.G711A)
    packs = [muxer.pack(sound()) for _ in range(32)]
    assert [b"\0\0\1\xbc" in pack for pack in packs] == [n in (0, 31) for n in range(32)]


def test_a_program_of_nothing_or_of_the_wrong_sort_is_refused() -> None:
    for video, audio in ((None, None), (Codec.G711A, None), (Codec.H264, Codec.H265)):
        with pytest.raises(ValueError, match="program"):
            Muxer(video, audio)


@given(st.sampled_from([0, 1, 65_000, 65_484, 65_485, 65_527, 131_015, 200_000]), st.integers(0, 40))
def test_frames_of_any_size_come_back_through_the_demultiplexer(size: int, more: int) -> None:
    frame = key(size + more)
    demuxer = Demuxer()
    frames = demuxer.feed(Muxer(Codec.H264, Codec.G711A).pack(frame, [sound()])) + demuxer.flush()
    assert {each.codec: each.data for each in frames} == {Codec.H264: frame.data, Codec.G711A: sound().data}
    assert demuxer.tally.pes_errors == demuxer.tally.resyncs == 0
