"""H.265 encoded anew as H.264: in order, smaller, with key frames where the camera has them, never falling behind."""

from __future__ import annotations

import asyncio

import pytest

from media.annexb import video_parameters
from media.frame import Codec, Frame
from media.kitchen import cooked as module
from media.kitchen.cooked import Cooked, Encoder
from media.kitchen.feed import Flow
from media.plane import FeedFacts

from .conftest import encode


class Source(Flow):
    """A flow that is fed by hand."""

    def __init__(self, codec=Codec.H265):
        super().__init__("source")
        self.ready.set_result(FeedFacts(codec, 64, 48, 25.0, "", Codec.G711A, False))

    def put(self, *frames):
        for frame in frames:
            self._put(frame)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def test_pictures_come_out_as_h264_in_order_with_key_frames_where_the_camera_has_them(h265):
    made = Encoder(Codec.H265).feed(h265)
    assert len(made) >= len(h265) - 4 and {frame.codec for frame in made} == {Codec.H264}
    assert [frame.pts_90k for frame in made] == [frame.pts_90k for frame in h265][: len(made)]
    assert [frame.key for frame in made] == [frame.key for frame in h265][: len(made)]
    found = video_parameters(Codec.H264, made[0].data)
    assert (found.width, found.height) == (64, 48) and found.mime.startswith("avc1.42")


def test_a_large_picture_becomes_720_lines_high():
    made = Encoder(Codec.H265).feed(encode(Codec.H265, 6, width=1920, height=1080))
    found = video_parameters(Codec.H264, made[0].data)
    assert (found.width, found.height) == (1280, 720)


def test_what_is_damaged_is_left_out_and_what_follows_is_encoded(h265):
    encoder = Encoder(Codec.H265)
    damaged = [Frame(Codec.H265, bytes(each.data[:40]), each.pts_90k, each.dts_90k, each.key) for each in h265[:3]]
    encoder.feed(damaged)
    assert any(frame.key for frame in encoder.feed(h265[10:20]))
    with pytest.raises(ValueError, match="SVAC"):
        Encoder(Codec.SVAC)


async def test_a_flow_is_cooked_with_its_sound_and_ends_with_it(h265):
    source = Source()
    made = Cooked("cooked", source)
    try:
        for frame in h265:
            source.put(frame, Frame(Codec.G711A, bytes(320), frame.pts_90k, frame.dts_90k))
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            facts = await made.ready
        assert (facts.video, facts.width, facts.audio) == (Codec.H264, 64, Codec.G711A)
        await until(lambda: made.kept and made.kept[0].key)
    finally:
        source.close()
    await until(lambda: made.over.done())
    assert made.over.result() == "closed"


async def test_one_that_is_too_slow_goes_on_at_the_next_key_frame(h265, monkeypatch):
    monkeypatch.setattr(module, "WAITING", 5)
    source = Source()
    made = Cooked("cooked", source)
    # Nothing is taken from the queue while we hold the loop.
    source.put(*h265)
    assert made.skips > 0 and len(made._waiting) <= 5
    made.close()
