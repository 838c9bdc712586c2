"""RTP of one session to frames, on bytes and numbers."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from media.frame import Codec, Frame
from media.inlets.reception import Reception
from media.inlets.rtp_receiver import RtpReceiver
from media.inlets.witness import MANY, Witness
from media.passage import Passage
from media.plane import Transport, Verdict
from media.ps.mux import Muxer
from media.rtp import Packetiser, RtpPacket
from media.run import Run

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


class Above:
    """A sender, as far as a passage knows one."""

    is_congested = False

    def __init__(self) -> None:
        self.packets = self.rejoined = 0

    def take(self, run: Run, is_key: bool, now: float) -> None:
        self.packets += run.count

    def rejoin(self) -> None:
        self.rejoined += 1

    def lend(self) -> None:
        return None


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


def test_a_new_ssrc_in_mid_picture_ends_that_picture_and_shows_from_its_first_key_frame_on(h264):
    one = Listener()
    one.hear(sent(h264[:31])[:-1])
    one.hear(sent(h264[5:], ssrc=2, sequence=500))
    one.rest()
    assert [frame.data for frame in one.frames] == [each.data for each in h264[:30] + h264[10:]]
    assert one.receiver._unpacker.tally.damaged == 1


def test_sound_under_an_ssrc_of_its_own_breaks_nothing_off(h264):
    one = Listener()
    above = Above()
    passage = Passage(keep_bytes=1 << 20, keep_s=60.0)
    passage.join(above)
    one.receiver = RtpReceiver(
        *(1, Transport.UDP),
        window=128,
        hold_s=0.2,
        on_frame=lambda frame, now: one.frames.append(frame),
        passage=passage,
    )
    muxer, packetiser = Muxer(Codec.H264), Packetiser(1, 96, payload_limit=100)
    for number, frame in enumerate(h264):
        one.hear(packetiser.packets(muxer.pack(frame), frame.pts_90k))
        sound = Packetiser(2, 8, sequence=7000 + number).packets(b"\xd5" * 320, 320 * number)
        one.hear(sound)
    one.rest()
    assert [frame.data for frame in one.frames if frame.codec is Codec.H264] == [each.data for each in h264]
    assert sum(frame.codec is Codec.G711A for frame in one.frames) == len(h264)
    assert above.rejoined == 0 and above.packets > len(h264) and one.receiver.lost == 0


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


# ---- many at once


def counts(receiver: RtpReceiver) -> tuple[int, ...]:
    witness = receiver.witness
    return (
        witness.packets,
        witness.bytes,
        witness.not_rtp,
        receiver.refused,
        receiver.lost,
        receiver.reordered,
        receiver.duplicates,
        receiver.key_frames,
        receiver.rtcp_packets,
        receiver.reports.block(receiver._sequence, witness.packets, receiver.lost, 0.0)["highest_sequence"],
    )


def pieces(packets: list[bytes], dice: random.Random) -> list[list[bytes]]:
    """Neighbours of one size and a shorter one behind them, as a socket brings them, at times cut."""
    found: list[list[bytes]] = []
    for packet in packets:
        last = found[-1] if found else []
        fits = last and len(last[-1]) == len(last[0]) >= len(packet) and dice.random() < 0.9
        if fits:
            last.append(packet)
        else:
            found.append([packet])
    return found


@given(st.integers(0, 10_000), st.booleans())
def test_many_at_once_come_to_the_same_as_one_by_one(h264, seed, by_udp):
    dice = random.Random(seed)
    sources = [CAMERA]
    packets = sent(h264[:12], sequence=dice.choice([0, 65500])) + sent(h264[12:24], ssrc=2)
    for _ in range(dice.choice([0, 0, 1, 4])):
        at, other = dice.randrange(len(packets)), dice.randrange(len(packets))
        match dice.randrange(5):
            case 0:
                del packets[at]
            case 1:
                packets[at], packets[other] = packets[other], packets[at]
            case 2:
                packets.insert(at, packets[at])
            case 3:
                packets.insert(at, dice.randbytes(dice.randrange(1, 40)))
            case 4:
                damaged = bytearray(packets[at])
                damaged[dice.randrange(min(16, len(damaged)))] = dice.randrange(256)
                packets[at] = bytes(damaged)
    one, many = Listener(), Listener()
    for receiver in (one.receiver, many.receiver):
        receiver.aim({96: "PS"}, None, None)
    now = 0.0
    for piece in pieces(packets, dice):
        now += 0.001
        source = dice.choice(sources)
        for packet in piece:
            one.receiver.receive(packet, source, now, by_udp)
        many.receiver.take(b"".join(piece), len(piece[0]), source, now, by_udp)
    for each in (one, many):
        each.now = now
        each.rest()
    assert counts(one.receiver) == counts(many.receiver)
    assert [frame.data for frame in one.frames] == [frame.data for frame in many.frames]


def test_a_flood_of_a_stranger_takes_nothing_from_a_live_stream(h264):
    one = Listener()
    flood = b"".join(Packetiser(1, 96, sequence=7).packets(b"\xaa" * 80_000, 5))
    packets = sent(h264)
    for piece in pieces(packets, random.Random(1)):
        one.now += 0.001
        one.receiver.take(b"".join(piece), len(piece[0]), CAMERA, one.now)
        one.receiver.take(flood, 1412, STRANGER, one.now)
    one.rest()
    assert [frame.pts_90k for frame in one.frames] == [frame.pts_90k for frame in h264]
    assert one.receiver.lock.source == CAMERA and one.receiver.lost == 0
    assert one.receiver.witness.packets == len(packets)
    assert one.receiver.refused == 58 * len(pieces(packets, random.Random(1)))


def test_a_picture_that_came_at_once_is_one_run(h264):
    got: list[Run] = []

    class Taking:
        is_congested = False

        def take(self, run: Run, is_key: bool, now: float) -> None:
            got.append(run)

        def rejoin(self) -> None: ...

    passage = Passage(keep_bytes=1, keep_s=1)
    passage.join(Taking())
    receiver = RtpReceiver(
        1,
        Transport.UDP,
        window=128,
        hold_s=0.2,
        on_frame=lambda frame, now: None,
        passage=passage,
    )
    muxer, packetiser = Muxer(Codec.H264), Packetiser(1, 96, payload_limit=100)
    for frame in h264:
        receiver.take(b"".join(packetiser.packets(muxer.pack(frame), frame.pts_90k)), 112, CAMERA, 0.0)
    assert len(got) == len(h264) + 1  # the first packet of all was looked at by itself


def test_an_empty_datagram_is_counted_as_no_packet():
    one = Listener()
    one.receiver.take(b"", 0, CAMERA, 0.0)
    assert one.receiver.witness.not_rtp == 1
