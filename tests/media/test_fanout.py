"""Frames of one source, kept and shared."""

from __future__ import annotations

import json
from itertools import count, pairwise

import pytest

from media.aac import AacFormat
from media.fanout import Fanout, KeepLimits
from media.frame import Codec, Frame
from media.outlets.rendition import RenditionKey
from media.outlets.viewer import Tolerance, Viewer
from media.plane import WireForm
from tests.media.conftest import aac

LIMITS = KeepLimits(frames=1024, bytes=1 << 25, seconds=10.0, audio_wait_s=1.0)
FMP4, FLV = RenditionKey("fmp4", audio=True), RenditionKey("flv", audio=True)


class Wire:
    """Takes everything, as WebSocket messages."""

    numbers = count(-1, -1)

    form = WireForm.WEBSOCKET
    unsent = 0

    def __init__(self) -> None:
        self.number = next(self.numbers)
        self.data = b""

    def write(self, buffers: list[bytes]) -> None:
        self.data += b"".join(buffers)

    def send(self, data: bytes) -> int:
        self.data += data
        return len(data)

    @property
    def taken(self) -> list[bytes]:
        """The messages, one by one."""
        messages, at = [], 0
        while at < len(self.data):
            short = self.data[at + 1]
            head = 2 if short < 126 else 4
            size = short if short < 126 else int.from_bytes(self.data[at + 2 : at + 4], "big")
            messages.append(self.data[at + head : at + head + size])
            at += head + size
        return messages


class Source:
    """A fan-out with a ledger."""

    def __init__(self, limits: KeepLimits = LIMITS) -> None:
        self.tracks: list = []
        self.fanout = Fanout(limits, lambda video, audio: self.tracks.append((video, audio)))
        self.now = 0.0

    def put(self, frames: list[Frame], *, awaits_audio: bool = False) -> None:
        for frame in frames:
            self.now += 0.04
            self.fanout.put(frame, self.now, awaits_audio=awaits_audio)
        self.fanout.flush()

    def join(self, key: RenditionKey = FMP4) -> Wire:
        wire = Wire()
        self.last = Viewer(wire, Tolerance(1 << 23, 2.0, 5, 30.0))
        self.fanout.join(key, self.last, self.now)
        return wire


def sounds(codec: Codec, count: int, start: int = 900_000) -> list[Frame]:
    return [Frame(codec, b"\xd5" * 320, start + 3600 * n, start + 3600 * n) for n in range(count)]


def mixed(pictures: list[Frame], codec: Codec = Codec.G711A) -> list[Frame]:
    return [each for pair in zip(pictures, sounds(codec, len(pictures)), strict=True) for each in pair]


async def test_tracks_are_told_with_the_first_key_frame(h264, fresh):
    source = Source()
    source.put(fresh(h264[1:10]))
    assert source.tracks == [] and not source.fanout.is_ready
    source.put(fresh(h264[10:12]))
    [(video, audio)] = source.tracks
    assert (video.codec, video.width, video.height, audio) == (Codec.H264, 64, 48, None)


async def test_announced_sound_is_waited_for_a_second_at_most(h264, fresh):
    source = Source()
    source.put(fresh(h264[:5]), awaits_audio=True)
    assert source.tracks == []
    source.fanout.tick(source.now + 0.5)
    assert source.tracks == []
    source.fanout.tick(source.now + 1.1)
    assert source.tracks[0][1] is None


async def test_sound_that_comes_ends_the_wait(h264, fresh):
    source = Source()
    source.put(fresh(h264[:2]), awaits_audio=True)
    source.put(sounds(Codec.G711A, 1))
    assert source.tracks[0][1].playable_as == "mp4a.40.2"


async def test_sound_before_the_picture_makes_no_programme_alone(h264, fresh):
    source = Source()
    source.put(sounds(Codec.G711A, 50))
    assert source.tracks == []
    source.put(fresh(h264[:1]))
    assert source.tracks[0][1].codec is Codec.G711A


async def test_sound_that_comes_late_joins_at_the_next_key_frame(h264, fresh):
    source = Source()
    wire = source.join()
    source.put(fresh(h264[:5]))
    assert json.loads(wire.taken[0])["audio"] is None
    source.put(mixed(fresh(h264[5:12])))
    assert len(source.tracks) == 2 and source.tracks[1][1] is not None
    announced = [json.loads(each) for each in wire.taken if each.startswith(b"{")]
    assert announced[1]["mime"].endswith('mp4a.40.2"')


async def test_sound_that_stops_is_taken_out_again(h264, fresh):
    source = Source()
    wire = source.join()
    source.put(mixed(fresh(h264[:10])))
    source.now += 4
    source.put(fresh(h264[10:11]))
    assert source.tracks[-1][1] is None
    assert json.loads([each for each in wire.taken if each.startswith(b"{")][-1])["audio"] is None


@pytest.mark.parametrize("first", [None, AacFormat(2, 8000, 1)], ids=["G.711", "AAC"])
@pytest.mark.parametrize("key", [FMP4, FLV], ids=lambda key: key.container)
async def test_sound_that_becomes_other_sound_costs_no_picture_and_is_told_with_the_next_key_frame(
    h264, fresh, first, key
):
    source = Source()
    wire = source.join(key)
    pictures, then = fresh(h264), AacFormat(2, 16000, 1)
    before = aac(first, pictures[:14]) if first else sounds(Codec.G711A, 14)
    both = pictures + before + aac(then, pictures[14:])
    source.put(sorted(both, key=lambda frame: (frame.dts_90k, frame.codec.is_video)))
    assert source.last.dropped == 0
    if key is FLV:
        configurations = [at for at in range(len(wire.data)) if wire.data.startswith(b"\xaf\x00", at)]
        assert [wire.data[at + 2 : at + 4] for at in configurations][-1] == then.config
        return
    taken = wire.taken
    heads = [number for number, message in enumerate(taken) if message.startswith(b"{")]
    assert len(heads) == 2 and json.loads(taken[heads[1]])["audio"]["rate_hz"] == 16000
    following = taken[heads[1] + 2]
    assert b"tfhd\0\2\0\0\0\0\0\1" in following and b"\x02\0\0\0" in following[:104]  # a key picture
    shown = sum(b"tfhd\0\2\0\0\0\0\0\1" in message[:80] for message in taken)
    assert shown == len(h264)


async def test_a_newcomer_gets_the_kept_pictures_at_once_and_the_same_as_others(h264, fresh):
    source = Source()
    source.put(fresh(h264[:17]))  # key frames are 0 and 10
    one, two = source.join(), source.join()
    assert len(one.taken) == 2 + 7
    assert one.data == two.data
    source.put(fresh(h264[17:18]))
    assert len(one.taken) == 10 and one.data == two.data


async def test_muxers_are_made_for_the_first_viewer_and_go_with_the_last(h264, fresh):
    source = Source()
    source.put(fresh(h264[:12]))
    assert not source.fanout._renditions
    source.join(FLV)
    assert list(source.fanout._renditions) == [FLV]
    source.fanout.leave(FLV, source.last)
    source.fanout.leave(FLV, source.last)
    assert not source.fanout._renditions and source.fanout.viewers == 0


async def test_one_transcoder_serves_all_formats_and_ends_with_the_last_listener(h264, fresh):
    source = Source()
    source.put(mixed(fresh(h264[:10])))
    assert source.fanout._transcoder is None
    source.join(RenditionKey("fmp4", audio=False))
    assert source.fanout._transcoder is None
    source.join(FMP4)
    first, listener = source.fanout._transcoder, source.last
    assert first is not None
    source.join(FLV)
    assert source.fanout._transcoder is first
    source.fanout.leave(FLV, source.last)
    source.fanout.leave(FMP4, listener)
    assert source.fanout._transcoder is None


async def test_kept_g711_is_heard_by_the_first_listener_too(h264, fresh):
    source = Source()
    source.put(mixed(fresh(h264[:10])), awaits_audio=True)
    wire = source.join()
    tracks = [each[each.index(b"tfhd") + 11] for each in wire.taken if each[4:8] == b"moof"]
    assert set(tracks) == {1, 2}


@pytest.mark.parametrize(
    "limits",
    [
        KeepLimits(5, 1 << 25, 10.0, 1.0),
        KeepLimits(1024, 750, 10.0, 1.0),
        KeepLimits(1024, 1 << 25, 0.1, 1.0),
    ],
)
async def test_what_is_kept_is_bounded_and_newcomers_wait_then(h264, fresh, limits):
    source = Source(limits)
    wire = source.join()
    source.put(fresh(h264[:10]))
    assert source.fanout.overflows == 1
    late = source.join()
    assert late.taken == []
    assert len([each for each in wire.taken if each[4:8] == b"moof"]) == 10
    source.put(fresh(h264[10:12]))
    assert late.taken[0].startswith(b"{")


async def test_a_new_resolution_is_told_and_sent_before_its_key_frame(h264, larger, fresh):
    source = Source()
    wire = source.join()
    source.put(fresh(h264[:12]))
    source.put(fresh(larger[:3]))
    assert [video.width for video, _ in source.tracks] == [64, 96]
    kinds = ["text" if each.startswith(b"{") else each[4:8].decode() for each in wire.taken]
    assert kinds == ["text", "ftyp"] + ["moof"] * 12 + ["text", "ftyp"] + ["moof"] * 3


async def test_flv_goes_on_in_time_when_the_resolution_changes(h264, larger, fresh):
    source = Source()
    wire = source.join(FLV)
    source.put(fresh(h264[:12]))
    source.put(fresh(larger[:3]))
    data = b"".join(wire.taken)
    assert data.count(b"FLV\x01") == 1
    times, at = [], 13
    while at < len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        if data[at] == 9 and data[at + 12] == 1:
            times.append(int.from_bytes(data[at + 4 : at + 7], "big"))
        at += 15 + size
    assert at == len(data)
    assert times == sorted(times) and times[-1] > 400


async def test_after_a_restart_viewers_go_on_in_time(h264, fresh):
    source = Source()
    wire = source.join()
    source.put(fresh(h264[:12]))
    source.fanout.restart()
    assert not source.fanout.is_ready
    source.put(fresh(h264[3:9], -700_000))  # no key frame: nothing
    count = len(wire.taken)
    source.put(fresh(h264[:3], -700_000))
    fragments = [each for each in wire.taken if each[4:8] == b"moof"]
    assert len(wire.taken) == count + 5 and len(source.tracks) == 2

    def time(fragment: bytes) -> int:
        at = fragment.index(b"tfdt")
        return int.from_bytes(fragment[at + 8 : at + 16], "big")

    times = [time(each) for each in fragments]
    assert [b - a for a, b in pairwise(times)] == [3600] * (len(times) - 1)


async def test_a_key_frame_without_parameters_is_not_begun_with():
    source = Source()
    source.put([Frame(Codec.H264, b"\0\0\0\1\x65\x88\x84", 0, 0, True)])
    assert source.tracks == []
