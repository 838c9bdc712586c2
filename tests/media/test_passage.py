"""What is kept of a stream for platforms above, and in which form it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field

from media.frame import Codec, Frame
from media.passage import Carry, Passage
from media.ps.demux import Demuxer
from media.ps.mux import Muxer
from media.rtp import Packetiser, RtpPacket, parse
from media.run import Run, join, run_of


@dataclass(eq=False)
class Taking:
    got: list[tuple[Run, bool]] = field(default_factory=list)
    rejoined: int = 0
    is_congested: bool = False

    def take(self, run: Run, is_key: bool, now: float) -> None:
        self.got.append((run, is_key))

    def rejoin(self) -> None:
        self.rejoined += 1


def runs(frames: list[Frame], *, limit: int = 1400) -> list[Run]:
    """A run a picture."""
    muxer, packetiser = Muxer(Codec.H264), Packetiser(1, 96, payload_limit=limit)
    return [join(packetiser.packets(muxer.pack(frame), frame.pts_90k)) for frame in frames]


def taken_apart(run: Run) -> list[RtpPacket]:
    return [packet for each in run.packets() if (packet := parse(each)) is not None]


def passage(**more) -> Passage:
    return Passage(**{"keep_bytes": 1 << 20, "keep_s": 10.0, **more})


def fed(one: Passage, frames: list[Frame], now: float = 0.0) -> Passage:
    for run in runs(frames):
        one.run(run, now)
    return one


def decide(one: Passage, *, is_plain: bool = True, key_frames: int = 4, frames=(), sound=None) -> None:
    one.decide(is_plain=is_plain, key_frames=key_frames, frames=frames, sound=sound)


def pictures(found: tuple[Run, ...]) -> list[bytes]:
    demuxer = Demuxer()
    packets = [packet for run in found for packet in taken_apart(run)]
    frames = [f for p in packets for f in demuxer.feed(p.payload, False, p.timestamp, p.marker)] + demuxer.flush()
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
    for number, run in enumerate(runs(h264[:10])):
        long.run(run, number * 0.2)
    assert not long.has_kept and long.overflows == 1
    fed(long, h264[10:20], 9.0)
    assert long.has_kept


def test_a_program_stream_goes_straight_and_needs_no_frames(h264):
    one, taking = fed(passage(), h264), Taking()
    assert one.needs_frames
    decide(one)
    one.join(taking)
    run = runs(h264[:1])[0]
    one.run(run, 0.0)
    assert one.carry is Carry.STRAIGHT and not one.needs_frames
    assert len(taking.got) == 1 and taking.got[0][0] is run and taking.got[0][1]


def test_what_is_no_plain_program_stream_is_made_one(h264):
    one, taking = passage(), Taking()
    one.join(taking)
    decide(one, is_plain=False, frames=h264[30:], sound=Codec.G711A)
    assert one.carry is Carry.REMUXED and pictures(one.kept) == [f.data for f in h264[30:]]
    assert taking.got[0][1] and not any(is_key for _, is_key in taking.got[1:])
    one.frame(Frame(Codec.G711A, b"\xd5" * 320, 1, 1), 0.0)
    one.run(runs(h264[:1])[0], 0.0)  # the source's own packets are not what goes on
    assert taking.got[-1][0].payload().endswith(b"\xd5" * 320)


def test_a_remuxed_picture_is_one_run_that_keeps_what_a_run_promises(h264):
    one, taking = passage(), Taking()
    one.join(taking)
    big = Frame(Codec.H264, h264[0].data + bytes([7]) * 150_000, 900_000, 900_000, True)
    decide(one, is_plain=False, frames=[big])
    assert len(taking.got) == 1
    run = taking.got[0][0]
    assert run == join(list(run.packets())) and run.marker and run.count > 100
    assert pictures((run,)) == [big.data]


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
    for run, _ in taking.got[count:]:
        demuxer.feed(run.payload())
    assert 0x0F in demuxer.stream_types.values()


def test_packs_that_all_look_like_key_frames_are_not_believed(h264):
    one = fed(passage(), [h264[0]] * 12)
    decide(one, key_frames=1, frames=h264[:3])
    assert one.carry is Carry.REMUXED


def test_another_payload_type_beside_the_program_stream_is_counted_and_left(h264):
    one, taking = fed(passage(), h264), Taking()
    decide(one)
    one.join(taking)
    one.run(run_of(RtpPacket(8, True, 0, 0, 1, b"\xd5" * 160)), 0.0)
    assert one.foreign == 1 and taking.got == []


def test_large_payloads_are_cut_and_keep_their_marker_last(h264):
    one, taking = passage(), Taking()
    one.join(taking)
    payload = runs(h264[:1])[0].payload() + b"\x55" * 8000
    packetiser = Packetiser(1, 96, payload_limit=4000)
    one.run(join(packetiser.packets(payload, 5), lost_before=True), 0.0)
    assert len(taking.got) == 1
    run, is_key = taking.got[0]
    assert run.payload() == payload and is_key and run.lost_before
    assert run == join(list(run.packets()), lost_before=True) and run.size == 1412 and run.marker


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
