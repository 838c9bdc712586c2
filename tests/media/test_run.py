import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import MARKER, Packetiser, RtpPacket, parse
from media.run import COUNT_LIMIT, join, packets_of, run_at_head, run_of


def test_a_run_is_its_packets_back_to_back():
    packets = Packetiser(7, 96, payload_limit=100, sequence=65534).packets(bytes(range(250)), 900)
    run = join(packets)
    assert (run.count, run.size, run.sequence, run.timestamp, run.ssrc, run.payload_type) == (3, 112, 65534, 900, 7, 96)
    assert run.marker and not run.lost_before
    assert list(run.packets()) == packets
    assert run.payload() == bytes(range(250))
    assert run.payload_bytes == 250


def test_packets_of_two_pictures_are_no_run():
    packetiser = Packetiser(7, 96, payload_limit=100)
    with pytest.raises(ValueError):
        join(packetiser.packets(b"a" * 150, 900) + packetiser.packets(b"b" * 100, 4500))


def test_a_packet_makes_a_run_with_a_plain_header():
    packet = RtpPacket(98, True, 7, 8, 9, b"payload")
    run = run_of(packet, lost_before=True)
    assert parse(run.data) == packet
    assert run.lost_before and run.count == 1 and run.payload() == b"payload"


def test_a_run_taken_apart_is_the_packets_it_was_made_of():
    packets = Packetiser(7, 96, payload_limit=100, sequence=65534).packets(bytes(range(250)), 900)
    assert list(packets_of(join(packets))) == [parse(packet) for packet in packets]


def film(sizes: list[int], *, sequence: int = 65530, ssrc: int = 7) -> list[bytes]:
    packetiser = Packetiser(ssrc, 96, payload_limit=100, sequence=sequence)
    return [p for n, size in enumerate(sizes) for p in packetiser.packets(bytes([n + 1]) * size, 3600 * n)]


def test_the_run_at_the_head_is_the_picture_and_no_more():
    packets = film([1000, 320])
    for count in range(1, len(packets) + 1):
        run = run_at_head(b"".join(packets[:count]), 112, 96, 7)
        assert run is not None
        assert run == join(packets[: min(count, 10)])


def test_a_packet_that_goes_on_with_a_zero_does_not_hide_the_marker():
    packets = Packetiser(7, 96, payload_limit=100).packets(b"a" * 100 + bytes(50), 900)
    run = run_at_head(b"".join(packets), 112, 96, 7)
    assert run == join(packets) and run.marker


def test_what_differs_ends_the_run_wherever_it_stands():
    def changed(at: int, value: int) -> list[bytes]:
        packets = [bytearray(packet) for packet in film([1000])]
        packets[4][at] = value
        return [bytes(packet) for packet in packets]

    whole = film([1000])
    assert run_at_head(b"".join(whole), 112, 96, 7).count == 10
    for at, value in [(0, 0x90), (1, 8), (1, 0xC9), (2, 9), (3, 99), (4, 9), (7, 1), (8, 1), (11, 8)]:
        run = run_at_head(b"".join(changed(at, value)), 112, 96, 7)
        assert (run.count, run.marker) == (4, False), (at, value)
    assert run_at_head(b"".join(changed(1, 96 | MARKER)), 112, 96, 7).count == 5
    pack = b"".join([*whole[:4], whole[4][:12] + b"\x00\x00\x01\xba" + whole[4][16:], *whole[5:]])
    assert run_at_head(pack, 112, 96, 7).count == 4
    zero = b"".join([*whole[:4], whole[4][:12] + bytes(100), *whole[5:]])
    assert run_at_head(zero, 112, 96, 7).count == 10


def test_what_is_no_plain_packet_of_the_stream_begins_no_run():
    data = b"".join(film([950]))
    assert run_at_head(data, 112, 8, 7) is None
    assert run_at_head(data, 112, 96, 8) is None
    assert run_at_head(data, 112, 96, None) is None
    assert run_at_head(b"\x90" + data[1:], 112, 96, 7) is None
    assert run_at_head(data[:11], 112, 96, 7) is None
    assert run_at_head(b"", 112, 96, 7) is None


def test_a_run_is_bounded():
    data = b"".join(film([100_000]))
    assert run_at_head(data, 112, 96, 7).count == COUNT_LIMIT


@given(st.lists(st.binary(min_size=12, max_size=16), min_size=1, max_size=12), st.integers(12, 16), st.randoms())
def test_any_bytes_make_a_run_that_keeps_its_promises_or_none(packets, size, dice):
    # Much alike, so that runs do come about: headers of one stream, with a byte changed here and there.
    alike = [b"\x80\x60" + (9 + n).to_bytes(2, "big") + b"TTTTSSSS" + p[12:] for n, p in enumerate(packets)]
    data = bytearray(b"".join(packet[:size].ljust(size, b"\1") for packet in alike))
    if dice.random() < 0.7:
        data[dice.randrange(len(data))] = dice.randrange(256)
    run = run_at_head(bytes(data), size, 96, int.from_bytes(b"SSSS", "big"))
    if run is not None:
        assert join(list(run.packets())) == run
        assert data.startswith(run.data)
