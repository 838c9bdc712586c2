"""HLS: segments that begin at key frames, a playlist that moves on, and a break where the picture becomes another."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from media.aac import AacFormat
from media.annexb import video_parameters
from media.frame import Codec, Frame
from media.kitchen import hls as module
from media.kitchen.hls import Hls
from media.plane import FeedFacts
from tests.media.conftest import aac


class FakeFeed:
    """A feed that is fed by hand."""

    def __init__(self, audio=None):
        self.kept, self.takers = [], []
        self.parameters = None
        self.ready = asyncio.get_running_loop().create_future()
        self.ready.set_result(FeedFacts(Codec.H264, 64, 48, 25.0, "", audio, False))

    def add(self, taker):
        self.takers.append(taker)

    def drop(self, taker):
        self.takers.remove(taker)

    def put(self, frames):
        for frame in frames:
            if frame.key:
                self.parameters = video_parameters(frame.codec, frame.data) or self.parameters
            for taker in self.takers:
                taker(frame)


def stretched(frames, count, *, start=900_000):
    """Ten-picture groups of a second and more: every picture lasts 120 ms."""
    return [
        Frame(f.codec, f.data, start + 10_800 * n, start + 10_800 * n, f.key)
        for n, f in enumerate((frames * (count // len(frames) + 1))[:count])
    ]


def tones(frames):
    return [Frame(Codec.G711A, bytes([0xD5]) * 960, f.pts_90k, f.dts_90k) for f in frames]


async def playlist(hls):
    part = await hls.part("index.m3u8")
    assert part.content_type == "application/vnd.apple.mpegurl"
    return part.body.decode().splitlines()


def listed(lines):
    return [line for line in lines if line.startswith("seg-")]


async def test_a_playlist_names_segments_that_each_begin_at_a_key_frame(h264):
    feed = FakeFeed()
    hls = Hls(feed)
    feed.put(stretched(h264, 41))
    lines = await playlist(hls)
    assert listed(lines) == ["seg-0.m4s", "seg-1.m4s", "seg-2.m4s", "seg-3.m4s"]
    assert lines[:4] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:2", "#EXT-X-MEDIA-SEQUENCE:0"]
    assert lines.count('#EXT-X-MAP:URI="init-1.mp4"') == 1 and lines.count("#EXTINF:1.200,") == 4
    assert (await hls.part("init-1.mp4")).body[4:8] == b"ftyp"
    for name in listed(lines):
        body = (await hls.part(name)).body
        assert body[4:8] == b"moof" and body.count(b"moof") == 10
    for name in ("seg-9.m4s", "init-9.mp4", "init-x.mp4", "../etc", "", "seg-.m4s"):
        with pytest.raises(KeyError):
            await hls.part(name)


async def test_the_playlist_moves_on_and_what_is_kept_is_bounded(h264):
    feed = FakeFeed()
    hls = Hls(feed)
    feed.put(stretched(h264, 301))
    lines = await playlist(hls)
    assert listed(lines) == [f"seg-{n}.m4s" for n in range(24, 30)] and "#EXT-X-MEDIA-SEQUENCE:24" in lines
    assert (await hls.part("seg-20.m4s")).body
    with pytest.raises(KeyError):
        await hls.part("seg-19.m4s")


async def test_another_picture_size_has_a_new_init_segment_behind_a_discontinuity(h264, larger):
    feed = FakeFeed()
    hls = Hls(feed)
    feed.put(stretched(h264, 20))
    feed.put(stretched(larger, 21, start=900_000 + 20 * 10_800))
    lines = await playlist(hls)
    cut = lines.index("#EXT-X-DISCONTINUITY")
    assert lines[cut + 1] == '#EXT-X-MAP:URI="init-2.mp4"' and len(listed(lines[:cut])) == 2
    assert not any(line.startswith("#EXT-X-DISCONTINUITY-SEQUENCE") for line in lines)
    # When the break is no longer listed, it is counted.
    feed.put(stretched(larger, 81, start=900_000 + 41 * 10_800))
    lines = await playlist(hls)
    assert "#EXT-X-DISCONTINUITY" not in lines and "#EXT-X-DISCONTINUITY-SEQUENCE:1" in lines
    with pytest.raises(KeyError):
        await hls.part("init-1.mp4")


async def test_other_sound_begins_with_another_segment_and_every_segment_with_its_key_frame(h264):
    feed = FakeFeed()
    hls = Hls(feed)
    pictures = stretched(h264, 60)
    sound = aac(AacFormat(2, 8000, 1), pictures[:25]) + aac(AacFormat(2, 16000, 1), pictures[25:])
    feed.put(sorted(pictures + sound, key=lambda frame: (frame.dts_90k, frame.codec.is_video)))
    lines = await playlist(hls)
    assert lines.count("#EXT-X-DISCONTINUITY") == 1
    for number, name in enumerate(listed(lines)):
        body = (await hls.part(name)).body
        keys = [at for at in range(len(body)) if body.startswith(b"\x02\0\0\0\0\0\0\0", at)]
        assert body[44:48] == b"\0\0\0\1" and keys[0] < 104, f"segment {number} begins with no key picture"
        assert body.count(b"moof") > 10


async def test_a_playlist_waits_for_its_first_segment(h264, monkeypatch):
    feed = FakeFeed()
    hls = Hls(feed)
    waiting = asyncio.create_task(hls.part("index.m3u8"))
    await asyncio.sleep(0)
    feed.put(stretched(h264, 31))
    assert b"seg-2.m4s" in (await waiting).body
    monkeypatch.setattr(module, "FIRST_S", 0.01)
    with pytest.raises(TimeoutError):
        await Hls(FakeFeed()).part("index.m3u8")


async def test_a_segment_without_an_end_is_given_up(h264, monkeypatch):
    monkeypatch.setattr(module, "SEGMENT_BYTES", 5000)
    feed = FakeFeed()
    hls = Hls(feed)
    feed.put([f for f in stretched(h264, 400) if f.key or f.pts_90k > 900_000])
    assert sum(map(len, hls._open)) <= 5000


@pytest.mark.ffmpeg
@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_ffmpeg_plays_the_segments_with_sound(codec, h264, h265, tmp_path):
    feed = FakeFeed(Codec.G711A)
    hls = Hls(feed)
    frames = stretched(h264 if codec is Codec.H264 else h265, 41)
    for frame, sound in zip(frames, tones(frames), strict=True):
        feed.put([frame, sound])
    lines = await playlist(hls)
    (tmp_path / "index.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST"]))
    for name in ["init-1.mp4", *listed(lines)]:
        (tmp_path / name).write_bytes((await hls.part(name)).body)
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames"]
    command += ["-of", "csv=p=0", str(tmp_path / "index.m3u8")]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    said = dict(line.split(",")[:2] for line in done.stdout.split() if line)
    assert done.returncode == 0 and int(said["h264" if codec is Codec.H264 else "hevc"]) == 40
    assert int(said["aac"]) > 30


async def test_the_target_duration_stays_as_it_was_told_though_segments_differ_a_little(h264):
    feed = FakeFeed()
    hls = Hls(feed)
    feed.put(stretched(h264, 31))
    assert "#EXT-X-TARGETDURATION:2" in await playlist(hls)
    at = 900_000 + 31 * 10_800
    slower = [Frame(f.codec, f.data, at + 20_000 * n, at + 20_000 * n, f.key) for n, f in enumerate((h264 * 2)[10:41])]
    feed.put(slower)
    lines = await playlist(hls)
    assert "#EXT-X-TARGETDURATION:2" in lines and any(line.startswith("#EXTINF:2.2") for line in lines)
