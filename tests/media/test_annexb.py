"""NAL units, parameter sets, avcC and hvcC."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.annexb import (
    nal_units,
    parameter_sets,
    starts_picture,
    to_length_prefixed,
    video_parameters,
)
from media.frame import Codec
from media.sps import h264_picture, is_intra_slice, unescape

SC = b"\0\0\0\1"
SPS = bytes.fromhex("6742C00ADA7B011000000300100000030320F1226A")
PPS = bytes.fromhex("68CE0FC8")
IDR = bytes.fromhex("6588843A26280E")
KEY = SC + SPS + SC + PPS + b"\0\0\1" + IDR
VPS5 = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")
SPS5 = bytes.fromhex("420101016000000300900000030000030078a003c08010e596566924cae0100000030010000003019080")
PPS5 = bytes.fromhex("4401c172b46240")
SLICE5 = bytes.fromhex("2601af0102030405")
KEY5 = SC + VPS5 + SC + SPS5 + SC + PPS5 + SC + SLICE5


def test_the_example_is_16_by_16_at_25_pictures_a_second() -> None:
    found = video_parameters(Codec.H264, KEY)
    assert found is not None
    assert (found.width, found.height, found.fps, found.mime) == (16, 16, 25.0, "avc1.42C00A")
    assert found.configuration == bytes.fromhex("0142C00AFFE10015") + SPS + b"\x01\x00\x04" + PPS
    assert len(found.configuration) == 36


def test_high_profile_adds_its_sample_format_to_the_record() -> None:
    sps = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0")
    found = video_parameters(Codec.H264, SC + sps + SC + bytes.fromhex("68ebe3cb22c0") + SC + IDR)
    assert found is not None
    assert (found.width, found.height) == (1920, 1080)
    assert found.configuration.endswith(b"\xfd\xf8\xf8\x00")
    assert found.mime == "avc1.640028"


def test_an_h265_stream_tells_its_size_rate_and_codec_string() -> None:
    found = video_parameters(Codec.H265, KEY5)
    assert found is not None
    assert (found.width, found.height, found.fps, found.mime) == (1920, 1080, 25.0, "hvc1.1.6.L120.90")
    assert found.configuration[:23] == bytes.fromhex("0101600000009000000000007 8F000FCFDF8F800000F03".replace(" ", ""))
    assert found.configuration[23:28] == bytes.fromhex("A000010018")


def test_without_all_parameter_sets_there_are_no_parameters() -> None:
    assert video_parameters(Codec.H264, SC + SPS + SC + IDR) is None
    assert video_parameters(Codec.H265, SC + VPS5 + SC + SPS5 + SC + SLICE5) is None
    assert video_parameters(Codec.MPEG4, KEY) is None


def test_parameter_sets_stop_at_the_first_slice_and_are_distinct() -> None:
    assert parameter_sets(Codec.H264, SC + SPS + SC + SPS + SC + PPS + SC + IDR + SC + PPS + b"x") == (SPS, PPS)
    assert parameter_sets(Codec.H264, (SC + SPS + b"%c") * 1 % 1 + SC + IDR) == (SPS + b"\x01",)


def test_start_codes_of_both_lengths_and_trailing_zeros_leave_the_same_units() -> None:
    assert nal_units(b"\0\0\1" + SPS + b"\0\0" + SC + IDR + b"\0") == [SPS, IDR]
    assert nal_units(b"") == [] and nal_units(b"no code") == []


def test_length_prefixed_units_leave_out_delimiter_filler_and_parameter_sets() -> None:
    sei, aud, filler = b"\x06\x05\x01\x00\x80", b"\x09\xf0", b"\x0c\xff\xff\x80"
    data = SC + aud + KEY + SC + sei + SC + filler
    assert to_length_prefixed(Codec.H264, data) == b"\0\0\0\7" + IDR + b"\0\0\0\5" + sei
    aud5, filler5 = b"\x46\x01\x50", b"\x4c\x01\xff\x80"
    assert to_length_prefixed(Codec.H265, SC + aud5 + KEY5 + SC + filler5) == b"\0\0\0\x08" + SLICE5


def test_emulation_prevention_is_taken_out() -> None:
    assert unescape(b"\0\0\3\1\0\0\3\0\0\3") == b"\0\0\1\0\0\0\0"


@pytest.mark.parametrize(
    ("codec", "nal", "starts"),
    [
        (Codec.H264, b"\x65\x88\x80", True),
        (Codec.H264, b"\x41\x1a\x80", False),
        (Codec.H264, b"\x09\xf0\x00", True),
        (Codec.H264, b"\x06\x05\x00", True),
        (Codec.H264, b"\x0c\xff\x00", False),
        (Codec.H265, b"\x26\x01\xaf", True),
        (Codec.H265, b"\x02\x01\x2f", False),
        (Codec.H265, b"\x46\x01\x50", True),
        (Codec.H265, b"\x50\x01\x00", False),
    ],
)
def test_a_picture_begins_where_the_books_say(codec: Codec, nal: bytes, starts: bool) -> None:
    assert starts_picture(codec, nal, 0) is starts


def test_an_intra_slice_is_known_by_its_type() -> None:
    assert is_intra_slice(b"\x61\x88\x80") and not is_intra_slice(b"\x41\x9a\x80")
    assert not is_intra_slice(b"\x41")


@given(st.binary(max_size=120))
def test_noise_as_parameter_sets_gives_none_or_something_sane(noise: bytes) -> None:
    for codec, head in ((Codec.H264, b"\x67"), (Codec.H265, b"\x42\x01")):
        found = video_parameters(codec, SC + VPS5 + SC + head + noise + SC + PPS + SC + PPS5)
        if found is not None:
            assert 0 < found.width <= 16384 and 0 < found.height <= 16384 and 0 <= found.fps <= 480


@given(st.integers(0, len(SPS) * 8 - 1))
def test_a_flipped_bit_in_the_sps_never_raises_anything_but_a_value_error(bit: int) -> None:
    bad = bytearray(SPS)
    bad[bit // 8] ^= 1 << bit % 8
    try:
        h264_picture(bytes(bad))
    except ValueError:
        pass
