"""G.711 against the numbers of the recommendation."""

from __future__ import annotations

import math
from array import array

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.g711 import (
    alaw_to_floats,
    alaw_to_linear,
    linear_to_alaw,
    linear_to_ulaw,
    ulaw_to_floats,
    ulaw_to_linear,
)


def samples(data: bytes) -> list[int]:
    return list(array("h", data))


def test_silence_and_the_loudest_are_where_the_tables_say() -> None:
    assert samples(alaw_to_linear(b"\xd5\x55\xaa\x2a")) == [8, -8, 32256, -32256]
    assert samples(ulaw_to_linear(b"\xff\x7f\x80\x00")) == [0, 0, 32124, -32124]
    assert linear_to_alaw(bytes(2)) in (b"\xd5", b"\x55") and linear_to_ulaw(bytes(2)) == b"\xff"


def test_every_code_comes_back_from_its_value() -> None:
    codes = bytes(range(256))
    assert linear_to_alaw(alaw_to_linear(codes)) == codes
    assert linear_to_ulaw(ulaw_to_linear(codes)) == codes.replace(b"\x7f", b"\xff")


@pytest.mark.parametrize(("name", "expand"), [("pcm_alaw", alaw_to_linear), ("pcm_mulaw", ulaw_to_linear)])
def test_a_stranger_reads_the_same_samples(name: str, expand) -> None:
    decoder = av.CodecContext.create(name, "r")
    decoder.sample_rate, decoder.layout = 8000, "mono"
    codes = bytes(range(256))
    frames = decoder.decode(av.Packet(codes))
    assert bytes(frames[0].planes[0])[:512] == expand(codes)


@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_the_error_is_small_beside_the_sample(values: list[int]) -> None:
    data = array("h", values).tobytes()
    for back in (alaw_to_linear(linear_to_alaw(data)), ulaw_to_linear(linear_to_ulaw(data))):
        for sent, received in zip(values, samples(back), strict=True):
            assert abs(sent - received) <= max(16, abs(sent) / 24)


def test_an_odd_last_byte_is_left_out() -> None:
    assert len(linear_to_alaw(b"\0\0\0")) == 1
    assert math.isclose(len(alaw_to_linear(b"123")), 6)


@pytest.mark.parametrize(
    ("to_floats", "to_linear"), [(alaw_to_floats, alaw_to_linear), (ulaw_to_floats, ulaw_to_linear)]
)
@given(st.binary(max_size=600))
def test_floating_samples_are_the_linear_ones_scaled(to_floats, to_linear, data: bytes) -> None:
    assert list(array("f", to_floats(data))) == [sample / 32768 for sample in samples(to_linear(data))]
