"""ADTS and AudioSpecificConfig."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.aac import AacFormat, format_of, format_of_config, is_adts, raw_frames, with_header


@pytest.mark.parametrize(
    ("rate", "channels", "config"),
    [
        (8000, 1, "1588"),
        (16000, 1, "1408"),
        (32000, 1, "1288"),
        (44100, 2, "1210"),
        (48000, 1, "1188"),
        (48000, 2, "1190"),
    ],
)
def test_the_configurations_of_the_book(rate: int, channels: int, config: str) -> None:
    form = AacFormat(2, rate, channels)
    assert form.config.hex() == config
    assert format_of_config(form.config) == form
    assert form.mime == "mp4a.40.2"


@pytest.mark.parametrize(("rate", "header"), [(8000, "FFF16C4019FFFC"), (16000, "FFF160401 9FFFC".replace(" ", ""))])
def test_the_headers_of_the_book(rate: int, header: str) -> None:
    frame = with_header(AacFormat(2, rate, 1), bytes(200))
    assert frame[:7] == bytes.fromhex(header)
    assert format_of(frame) == AacFormat(2, rate, 1)
    assert raw_frames(frame + frame) == [bytes(200), bytes(200)]


def test_a_header_with_check_sum_is_nine_bytes() -> None:
    frame = bytearray(with_header(AacFormat(2, 8000, 1), b"12345"))
    frame[1] &= 0xFE
    assert raw_frames(bytes(frame)) == [b"345"]


def test_adts_is_believed_only_as_a_chain() -> None:
    frame = with_header(AacFormat(2, 8000, 1), bytes(50))
    assert is_adts(frame) and is_adts(frame * 3) and is_adts(frame * 2 + frame[:9])
    assert not is_adts(frame[:-1]) and not is_adts(b"\xd5" * 320) and not is_adts(b"\xff" * 320)
    assert not is_adts(frame + b"\x12" * 20) and not is_adts(b"")


def test_what_is_no_aac_is_refused() -> None:
    with pytest.raises(ValueError, match="22000"):
        AacFormat(2, 22000, 1)
    with pytest.raises(ValueError, match="8191"):
        with_header(AacFormat(2, 8000, 1), bytes(9000))
    assert (
        format_of(b"\xff\xf1\x6c") is None
        and format_of_config(b"\x15") is None
        and format_of_config(b"\xff\xff") is None
    )


@given(st.binary(max_size=60))
def test_noise_never_raises(noise: bytes) -> None:
    for data in (noise, b"\xff\xf1" + noise):
        is_adts(data)
        raw_frames(data)
        format_of(data)
        format_of_config(data)
