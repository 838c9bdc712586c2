"""What is kept of a stream for platforms above, and in which form it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

from media.frame import Codec, Frame
from media.passage import Carry, Passage
from media.ps.demux import Demuxer
from media.ps.mux import Muxer
from media.rtp import Packetiser, RtpPacket, parse
from media.run import join, run_of


@dataclass(eq=False)
class Taking:
    got: list[tuple[RtpPacket, bool, bool]] = field(default_factory=list)
    rejoined: int = 0
    is_congested: bool = False

    def take(self, packet: RtpPacket, is_key: bool, lost_before: bool, now: float) -> None:
        self.got.append((packet, is_key, lost_before))

    def rejoin(self) -> None:
        self.rejoined += 1


def packets(frames: list[Frame], *, limit: int = 1400) -> list[RtpPacket]:
    muxer, packetiser = Muxer(Codec.H264), Packetiser(1, 96, payload_limit=limit)
    return [
        packet
        for frame in frames
        for raw in packetiser.packets(muxer.pack(frame), frame.pts_90k)
        if (packet := parse(raw)) is not None
    ]


def passage(**more) -> Passage:
    return Passage(**{"keep_bytes": 1 << 20, "keep_s": 10.0, **more})


def fed(one: Passage, frames: list[Frame], now: float = 0.0) -> Passage:
    for packet in packets(frames):
        one.packet(packet, False, now)
    return one


def decide(one: Passage, *, is_plain: bool = True, key_frames: int = 4, frames=(), sound=None) -> None:
    one.decide(is_plain=is_plain, key_frames=key_frames, frames=frames, sound=sound)


def pictures(found: tuple[RtpPacket, ...]) -> list[bytes]:
    demuxer = Demuxer()
    frames = [f for p in found for f in demuxer.feed(p.payload, False, p.timestamp, p.marker)] + demuxer.flush()
    return [frame.data for frame in frames if frame.codec.is_video]


def test_the_last_key_frame_and_what_follows_is_kept(h264):
    one = fed(passage(), h264)
    assert pictures(one.kept) == [frame.data for frame in h264[30:]]


def test_a_recording_is_kept_whole_until_somebody_takes_it(h264):
    one = fed(passage(is_recording=True), h264[:20])
    assert len(pictures(one.kept)) == 20
    one.join(Taking())
    fed(one, h264[20:])
    assert pictures(one.kept) == [frame.data for frame in h264[30:]]


def test_what_is_kept_is_bounded_in_bytes_and_in_time(h264):
    small = fed(passage(keep_bytes=500), h264)
    assert not small.has_kept and small.overflows
    long = passage(keep_s=1.0)
    for number, packet in enumerate(packets(h264[:10])):
        long.packet(packet, False, number * 0.2)
    assert not long.has_kept and long.overflows == 1
    fed(long, h264[10:20], 9.0)
    assert long.has_kept


def test_a_program_stream_goes_straight_and_needs_no_frames(h264):
    one, taking = fed(passage(), h264), Taking()
    assert one.needs_frames
    decide(one)
    one.join(taking)
    packet = packets(h264[:1])[0]
    one.packet(packet, True, 0.0)
    assert one.carry is Carry.STRAIGHT and not one.needs_frames
    assert taking.got == [(packet, True, True)]


def test_what_is_no_plain_program_stream_is_made_one(h264):
    one, taking = passage(), Taking()
    one.join(taking)
    decide(one, is_plain=False, frames=h264[30:], sound=Codec.G711A)
    assert one.carry is Carry.REMUXED and pictures(one.kept) == [f.data for f in h264[30:]]
    assert taking.got[0][1] and not any(is_key for _, is_key, _ in taking.got[1:])
    one.frame(Frame(Codec.G711A, b"\xd5" * 320, 1, 1), 0.0)
    one.packet(packets(h264[:1])[0], False, 0.0)  # the source's own packets are not what goes on
    assert bytes(taking.got[-1][0].payload).endswith(b"\xd5" * 320)


def test_a_sound_that_is_new_comes_with_the_next_key_frame(h264):
    one, taking = passage(), Taking()
    one.join(taking)
    decide(one, is_plain=False, frames=h264[:5])
    count = len(taking.got)
    one.frame(Frame(Codec.AAC, b"\xff\xf1" + bytes(20), 1, 1), 0.0)
    assert len(taking.got) == count
    one.frame(h264[10], 0.0)
    one.frame(Frame(Codec.AAC, b"\xff\xf1" + bytes(20), 1, 1), 0.0)
    demuxer = Demuxer()
    for packet, _, _ in taking.got[count:]:
        demuxer.feed(packet.payload)
    assert 0x0F in demuxer.stream_types.values()


def test_packs_that_all_look_like_key_frames_are_not_believed(h264):
    one = fed(passage(), [h264[0]] * 12)
    decide(one, key_frames=1, frames=h264[:3])
    assert one.carry is Carry.REMUXED


def test_another_payload_type_beside_the_program_stream_is_counted_and_left(h264):
    one, taking = fed(passage(), h264), Taking()
    decide(one)
    one.join(taking)
    one.packet(RtpPacket(8, True, 0, 0, 1, b"\xd5" * 160), False, 0.0)
    assert one.foreign == 1 and taking.got == []


def test_large_payloads_are_cut_and_keep_their_marker_last(h264):
    one, taking = passage(), Taking()
    one.join(taking)
    whole = RtpPacket(96, True, 0, 5, 1, packets(h264[:1], limit=9000)[0].payload + b"\x55" * 4000)
    one.packet(whole, True, 0.0)
    pieces = taking.got
    assert b"".join(bytes(packet.payload) for packet, _, _ in pieces) == bytes(whole.payload)
    assert max(len(packet.payload) for packet, _, _ in pieces) <= 1400
    assert [packet.marker for packet, _, _ in pieces] == [False] * (len(pieces) - 1) + [True]
    assert [lost for _, _, lost in pieces] == [True] + [False] * (len(pieces) - 1)
    assert [is_key for _, is_key, _ in pieces] == [True] + [False] * (len(pieces) - 1)


def test_a_source_that_begins_anew_leaves_nothing_kept_and_tells_the_senders(h264):
    one, taking = fed(passage(), h264), Taking()
    decide(one)
    one.join(taking)
    one.rejoin()
    assert not one.has_kept and taking.rejoined == 1 and one.carry is Carry.STRAIGHT
    one.restart()
    assert one.carry is Carry.UNDECIDED and taking.rejoined == 2


def test_who_left_gets_nothing_and_presses_nobody(h264):
    one, taking = passage(), Taking(is_congested=True)
    one.join(taking)
    assert one.is_congested
    one.leave(taking)
    one.leave(taking)
    fed(one, h264)
    assert taking.got == [] and not one.is_congested and not one.is_pressed


def test_a_run_goes_on_as_its_packets_and_a_loss_lies_before_the_first(h264):
    one, taking = passage(), Taking()
    one.join(taking)
    found = packets(h264[:1], limit=100)
    whole = join([run_of(packet).data for packet in found], lost_before=True)
    one.run(whole, 0.0)
    assert [packet for packet, _, _ in taking.got] == found
    assert [lost for _, _, lost in taking.got] == [True] + [False] * (len(found) - 1)
