"""Receiver reports, sender reports, BYE."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import rtcp


def test_a_receiver_report_is_the_example_of_the_book() -> None:
    report = rtcp.receiver_report(
        100_000_002, 100_000_001, fraction_lost=0, lost=0, highest_sequence=1000, jitter=0, lsr=0, dlsr=0
    )
    assert report == bytes.fromhex("81C9000705F5E10205F5E10100000000000003E8000000000000000000000000")


def test_losses_are_held_within_24_signed_bits() -> None:
    many = rtcp.receiver_report(1, 2, fraction_lost=255, lost=1 << 30, highest_sequence=0, jitter=0)
    fewer = rtcp.receiver_report(1, 2, fraction_lost=0, lost=-1, highest_sequence=0, jitter=0)
    assert many[12:16] == b"\xff\x7f\xff\xff" and fewer[12:16] == b"\x00\xff\xff\xff"


def test_the_middle_of_a_sender_report_is_found_in_a_compound() -> None:
    report = rtcp.sender_report(7, 0x1122334455667788, 9, 10, 11)
    assert len(report) == 28 and report[:4] == b"\x80\xc8\x00\x06"
    assert rtcp.sender_report_middle(report + rtcp.source_description(7, "a")) == 0x33445566
    assert rtcp.sender_report_middle(rtcp.bye(7)) is None


def test_a_bye_is_heard() -> None:
    assert rtcp.bye(0x01020304) == bytes.fromhex("81CB000101020304")
    assert rtcp.is_bye(rtcp.sender_report(7, 0, 0, 0, 0) + rtcp.bye(7))
    assert not rtcp.is_bye(rtcp.sender_report(7, 0, 0, 0, 0))


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "lianwang@host"])
def test_a_source_description_ends_on_a_word(name: str) -> None:
    packet = rtcp.source_description(5, name)
    assert len(packet) % 4 == 0 and len(packet) == 4 + 4 * int.from_bytes(packet[2:4], "big")
    assert packet[10 : 10 + len(name)] == name.encode() and packet.endswith(b"\0")


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="255"):
        rtcp.source_description(1, "x" * 256)


@given(st.binary(max_size=200))
def test_noise_never_raises(noise: bytes) -> None:
    for data in (noise, b"\x81\xc8" + noise):
        rtcp.parts(data)
        rtcp.sender_report_middle(data)
        rtcp.is_bye(memoryview(data))
