import pytest

from media.rtp import Packetiser, RtpPacket, parse
from media.run import join, packets_of, run_of


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
