"""What a payload is, told by its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.aac import AacFormat, with_header
from media.sniff import Carriage, carriage_of

SPS = bytes.fromhex("6742C00ADA7B011000000300100000030320F1226A")
VPS5 = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")
SPS5 = bytes.fromhex("420101016000000300900000030000030078a003c08010e596566924cae0100000030010000003019080")


@pytest.mark.parametrize(
    ("payload", "carriage"),
    [
        (b"\0\0\1\xba\x44rest", Carriage.PS),
        (SPS, Carriage.H264),
        (b"\x78" + len(SPS).to_bytes(2, "big") + SPS + b"\0\4\x68\xce\x0f\xc8", Carriage.H264),
        (VPS5, Carriage.H265),
        (SPS5, Carriage.H265),
        (b"\x60\x01" + len(VPS5).to_bytes(2, "big") + VPS5, Carriage.H265),
        ((b"\x47" + bytes(187)) * 7, Carriage.TS),
        (b"DHAV\xfd" + bytes(30), Carriage.DHAV),
        (with_header(AacFormat(2, 8000, 1), bytes(40)), Carriage.ADTS),
        (b"\xd5" * 160, Carriage.UNKNOWN),
        (b"\x41\x9a\x00\x11", Carriage.UNKNOWN),
        (b"\0\0\1\x67\x42", Carriage.UNKNOWN),
        (b"", Carriage.UNKNOWN),
    ],
)
def test_each_carriage_is_known_by_its_beginning(payload: bytes, carriage: Carriage) -> None:
    assert carriage_of(payload) is carriage
    assert carriage_of(memoryview(payload)) is carriage


@given(st.binary(max_size=200))
def test_noise_never_raises(noise: bytes) -> None:
    for head in (b"", b"\x67", b"\x78", b"\x60\x01", b"\x42\x01", b"\x40\x01", b"\xff\xf1", b"\x47"):
        carriage_of(head + noise)
