"""RTP of one session to frames, on bytes and numbers."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from media.frame import Codec, Frame
from media.inlets.reception import Reception
from media.inlets.rtp_receiver import RtpReceiver
from media.inlets.witness import MANY, Witness
from media.plane import Transport, Verdict
from media.ps.mux import Muxer
from media.rtp import Packetiser, RtpPacket

CAMERA, STRANGER = ("10.0.0.7", 15060), ("10.9.9.9", 4)


class Listener:
    def __init__(self, transport: Transport = Transport.UDP) -> None:
        self.frames: list[Frame] = []
        self.receiver = RtpReceiver(
            1, transport, window=128, hold_s=0.2, on_frame=lambda frame, now: self.frames.append(frame)
        )
        self.by_udp = transport is Transport.UDP
        self.now = 0.0

    def hear(self, packets: list[bytes], source: tuple[str, int] = CAMERA) -> None:
        for packet in packets:
            self.now += 0.001
            self.receiver.receive(packet, source, self.now, self.by_udp)

    def rest(self, seconds: float = 1.0) -> None:
        self.now += seconds
        self.receiver.tick(self.now)


def sent(frames: list[Frame], ssrc: int = 1, sequence: int = 0) -> list[bytes]:
    muxer, packetiser = Muxer(Codec.H264), Packetiser(ssrc, 96, payload_limit=100, sequence=sequence)
    return [packet for frame in frames for packet in packetiser.packets(muxer.pack(frame), frame.pts_90k)]


def test_all_pictures_come_out_once_it_is_quiet(h264):
    one = Listener()
    one.hear(sent(h264))
    one.rest()
    assert [frame.pts_90k for frame in one.frames] == [frame.pts_90k for frame in h264]
    assert one.receiver.key_frames == 4 and one.receiver.lost == 0


def test_swapped_packets_lose_no_picture(h264):
    packets = sent(h264)
    dice = random.Random(1)
    for at in range(0, len(packets) - 4, 4):
        block = packets[at : at + 4]
        dice.shuffle(block)
        packets[at : at + 4] = block
    one = Listener()
    one.hear(packets)
    one.rest()
    assert len(one.frames) >= len(h264) - 10  # only what stood before the first packet may be gone
    assert one.receiver.reordered > 0


def test_a_lost_packet_costs_a_picture_and_not_the_stream(h264):
    packets = sent(h264)
    del packets[2]
    one = Listener()
    one.hear(packets)
    one.rest()
    assert one.receiver.lost == 1
    assert one.frames[0].key and len(one.frames) >= 30


def test_a_sequence_that_begins_anew_recovers(h264):
    one = Listener()
    one.hear(sent(h264[:20], sequence=30000))
    one.hear(sent(h264[20:], sequence=0))
    one.rest()
    assert len(one.frames) >= 38


def test_a_stranger_is_not_mixed_in(h264):
    one = Listener()
    packets = sent(h264)
    for number, packet in enumerate(packets):
        one.hear([packet])
        one.hear(sent(h264[:1], ssrc=9, sequence=number * 7), STRANGER)
    one.rest()
    assert len(one.frames) == len(h264)
    assert one.receiver.refused > 0
    assert "10.9.9.9:4" in one.receiver.witness.judge(codecs=(), is_understood=True, unsupported=()).sources


def test_reports_count_what_was_lost(h264):
    packets = sent(h264)
    one = Listener()
    one.hear(packets[:10] + packets[12:])
    one.rest()
    report = one.receiver.report(one.now)
    assert report[:2] == b"\x81\xc9" and report[12] > 0
    assert int.from_bytes(report[13:16], "big") == 2
    assert int.from_bytes(report[16:20], "big") == len(packets) - 1
    assert b"lianwang" in report
    assert one.receiver.report(one.now)[12] == 0  # nothing more since


def test_a_senders_report_is_given_back():
    reception = Reception(7)
    reception.note_sender_report(0x01020304, 10.0)
    block = reception.block(0, 0, 0, 10.5)
    assert (block["lsr"], block["dlsr"]) == (0x01020304, 32768)


def test_steady_arrival_has_no_jitter_and_unsteady_has():
    def jitter(late_s: float) -> float:
        reception = Reception(7)
        for n in range(200):
            late = late_s if n % 2 else 0.0
            reception.note(RtpPacket(96, True, n, 3600 * n, 7, memoryview(b"")), 0.04 * n + late)
        return reception.jitter

    assert jitter(0.0) < 1 and 850 < jitter(0.01) < 950


@given(st.lists(st.binary(max_size=80), max_size=60))
def test_any_noise_is_taken_and_counted(noise):
    one = Listener()
    one.hear(noise)
    one.rest()
    counted = one.receiver
    assert counted.witness.packets + counted.witness.not_rtp + counted.rtcp_packets + counted.refused == len(noise)


@given(st.lists(st.tuples(st.integers(0, 39), st.integers(0, 255), st.booleans()), max_size=20), st.randoms())
def test_damaged_streams_never_raise(h264, cuts, dice):
    packets = sent(h264[:12])
    for at, value, drops in cuts:
        where = at % len(packets)
        if drops:
            del packets[where]
        else:
            packet = bytearray(packets[where])
            packet[dice.randrange(len(packet))] = value
            packets[where] = bytes(packet)
    one = Listener()
    one.hear(packets)
    one.rest()
    assert len(one.frames) <= 30


# ---- what was seen


def test_only_the_first_few_are_remembered():
    witness = Witness(Transport.UDP)
    for n in range(1000):
        witness.note_stranger(n, ("10.0.0.1", n))
    seen = witness.judge(codecs=(), is_understood=False, unsupported=())
    assert len(seen.ssrcs) == len(seen.sources) == MANY
    assert (seen.verdict, seen.packets) == (Verdict.OTHER_SSRC, 1000)


def test_the_nearest_reason_is_the_one_given():
    witness = Witness(Transport.TCP_PASSIVE)

    def verdict(**more: object) -> Verdict:
        return witness.judge(**{"codecs": (), "is_understood": False, "unsupported": (), **more}).verdict

    assert verdict() is Verdict.NOTHING
    witness.connections = 1
    assert verdict() is Verdict.CONNECTED_SILENT
    witness.framing_lost = 1
    assert verdict() is Verdict.NOT_RTP
    witness.packets = 1
    assert verdict() is Verdict.NOT_PS
    assert verdict(is_understood=True) is Verdict.NO_KEY_FRAME
    assert verdict(unsupported=("SVAC",)) is Verdict.UNSUPPORTED_CODEC
