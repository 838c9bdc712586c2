"""RTP packets read and written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.rtp import Packetiser, Unwrapper, is_rtcp, is_rtp, parse, payload_of, sequence_distance

PLAIN = bytes.fromhex("80E003E8007B98A00BEBC201") + b"\0\0\1\xba"


def test_a_plain_packet_is_taken_apart() -> None:
    packet = parse(PLAIN)
    assert packet is not None
    assert (packet.payload_type, packet.marker, packet.sequence, packet.timestamp) == (96, True, 1000, 8_100_000)
    assert packet.ssrc == 200_000_001
    assert bytes(packet.payload) == b"\0\0\1\xba"


def test_padding_extension_and_contributing_sources_are_stripped() -> None:
    head = bytes([0x80 | 0x20 | 0x10 | 2]) + PLAIN[1:12] + b"csr1csr2"
    packet = parse(head + b"\xbe\xde\x00\x01" + b"extn" + b"payload" + b"\0\0\3")
    assert packet is not None and bytes(packet.payload) == b"payload"


def test_parts_beyond_the_end_are_refused() -> None:
    assert parse(bytes([0x8F]) + PLAIN[1:]) is None
    assert parse(bytes([0x90]) + PLAIN[1:12] + b"\0\0\xff\xff") is None
    assert parse(bytes([0xA0]) + PLAIN[1:12] + b"abc\x20") is None
    assert parse(bytes([0xA0]) + PLAIN[1:12] + b"abc\0") is None
    assert payload_of(PLAIN[:11]) is None


def test_rtcp_and_other_versions_are_no_rtp() -> None:
    report = bytes.fromhex("81C90007") + bytes(28)
    assert not is_rtp(report) and is_rtcp(report) and parse(report) is None
    assert parse(b"\x40" + PLAIN[1:]) is None
    assert parse(b"") is None


def test_a_packet_without_payload_is_a_packet() -> None:
    packet = parse(PLAIN[:12])
    assert packet is not None and len(packet.payload) == 0


def test_a_frame_becomes_packets_with_one_timestamp_and_the_marker_on_the_last() -> None:
    packetiser = Packetiser(200_000_001, sequence=65534)
    packets = [parse(packet) for packet in packetiser.packets(bytes(3000), (1 << 32) + 7)]
    assert [(p.sequence, p.timestamp, p.marker, len(p.payload)) for p in packets if p] == [
        (65534, 7, False, 1400),
        (65535, 7, False, 1400),
        (0, 7, True, 200),
    ]
    assert packetiser.packets(b"", 8) == []
    whole = [parse(packet) for packet in packetiser.packets(bytes(1400), 8)]
    assert [(p.sequence, p.marker) for p in whole if p] == [(1, True)]


def test_distances_are_signed_and_wrap() -> None:
    assert sequence_distance(65535, 2) == 3
    assert sequence_distance(2, 65535) == -3
    assert sequence_distance(0, 0x8000) == -0x8000


def test_a_timestamp_that_wraps_runs_on() -> None:
    clock = Unwrapper(32)
    assert [clock.unwrap(value) for value in (0xFFFFF000, 0x0, 0x1000, 0xFFFFF000)] == [
        0xFFFFF000,
        0x100000000,
        0x100001000,
        0xFFFFF000,
    ]


@given(st.binary(max_size=80))
def test_noise_is_parsed_or_refused_and_never_raises(noise: bytes) -> None:
    packet = parse(noise)
    view = parse(memoryview(noise))
    assert (packet is None) == (view is None)
    if packet is not None:
        assert bytes(packet.payload) in noise


@given(st.binary(max_size=5000), st.integers(1, 1500))
def test_what_is_packetised_is_put_together_again(frame: bytes, limit: int) -> None:
    packets = Packetiser(1, payload_limit=limit).packets(frame, 0)
    assert b"".join(packet[12:] for packet in packets) == frame
