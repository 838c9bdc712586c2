"""The kitchen: photographs of real key frames, in a process that may fall over without anybody else."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from fractions import Fraction

import av
import pytest

from media.annexb import START_CODE, parameter_sets
from media.frame import Codec
from media.kitchen.kitchen import Kitchen
from media.kitchen.promise import KitchenSettings
from media.kitchen.still import develop, judge
from media.plane import Aim, FirstFrame, KeyFrame, KeyFrameWanted, NoCapacity, Transport


def size_of(jpeg):
    with_codec = av.CodecContext.create("mjpeg", "r")
    (picture,) = [*with_codec.decode(av.Packet(jpeg)), *with_codec.decode(None)]
    return picture.width, picture.height


def key_of(frames):
    return KeyFrame(frames[0].codec, frames[0].data, 0.0)


def test_a_key_frame_of_either_codec_becomes_a_jpeg(h264, h265):
    for frames in (h264, h265):
        made = develop(key_of(frames), 0, 80)
        assert (made.width, made.height) == size_of(made.jpeg) == (64, 48)


def test_a_photograph_is_made_smaller_but_never_larger(h264):
    made = develop(key_of(h264), 32, 80)
    assert (made.width, made.height) == size_of(made.jpeg) == (32, 24)
    assert develop(key_of(h264), 5000, 80).width == 64


def test_a_better_quality_costs_more_bytes():
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 96, 64, "yuv420p", Fraction(1, 25)
    grain = av.VideoFrame(96, 64, "yuv420p")
    for plane in grain.planes:
        plane.update(random.Random(7).randbytes(plane.buffer_size))
    grain.pts = 0
    packets = [*context.encode(grain), *context.encode(None)]
    picture = KeyFrame(Codec.H264, b"".join(bytes(each) for each in packets), 0.0)
    assert len(develop(picture, 0, 100).jpeg) > len(develop(picture, 0, 10).jpeg)


def test_what_is_no_picture_is_refused(h264):
    for data in (b"", b"\0\0\0\1\x65" + bytes(300), os.urandom(5000)):
        with pytest.raises(ValueError, match=r"picture|decoder"):
            develop(KeyFrame(Codec.H264, data, 0.0), 0, 80)
    with pytest.raises(ValueError, match=r"SVAC"):
        develop(KeyFrame(Codec.SVAC, h264[0].data, 0.0), 0, 80)


def test_a_strangers_jpeg_is_kept_as_it_is_and_what_is_none_is_refused(h264):
    jpeg = develop(key_of(h264), 0, 80).jpeg
    held = judge(jpeg)
    assert held.jpeg == jpeg and (held.width, held.height) == (64, 48) and size_of(held.thumb) == (64, 48)
    for data in (b"", b"GIF89a" + bytes(100), b"\xff\xd8\xff" + os.urandom(500)):
        with pytest.raises(ValueError, match=r"JPEG|picture|decoder"):
            judge(data)


async def test_the_kitchen_opens_at_the_first_order_and_again_after_it_fell_over(h264):
    kitchen = Kitchen()
    try:
        assert not kitchen.statistics().is_open
        assert (await kitchen.develop(key_of(h264), 0, 80)).width == 64
        with pytest.raises(ValueError, match=r"decoder|picture"):
            await kitchen.develop(KeyFrame(Codec.H264, b"no picture", 0.0), 0, 80)
        os.kill(kitchen._process.pid, signal.SIGKILL)
        made = None
        async with asyncio.timeout(30):
            while made is None:
                try:
                    made = await kitchen.develop(key_of(h264), 0, 80)
                except NoCapacity:
                    continue
        assert made.width == 64 and kitchen.statistics().starts == 2
    finally:
        await kitchen.close()
    with pytest.raises(NoCapacity):
        await kitchen.develop(key_of(h264), 0, 80)


async def test_more_photographs_than_there_are_places_are_refused(h264):
    kitchen = Kitchen(KitchenSettings(stills=2))
    try:
        orders = [kitchen.develop(key_of(h264), 0, 80) for _ in range(5)]
        made = await asyncio.gather(*orders, return_exceptions=True)
        assert sum(isinstance(each, NoCapacity) for each in made) == 3 and kitchen.statistics().refused == 3
    finally:
        await kitchen.close()


async def test_a_kitchen_that_nobody_needs_closes(h264):
    kitchen = Kitchen(KitchenSettings(idle_s=1.0))
    try:
        await kitchen.develop(key_of(h264), 0, 80)
        async with asyncio.timeout(20):
            while kitchen.statistics().is_open:
                await asyncio.sleep(0.05)
        assert (await kitchen.develop(key_of(h264), 0, 80)).width == 64
    finally:
        await kitchen.close()


# ---- the plane's part


async def test_the_plane_gives_the_kept_picture_of_a_flowing_stream(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    picture = await home.plane.key_frame(inlet.id, 1.0)
    assert picture.codec is Codec.H264 and develop(picture, 0, 80).width == 64


async def test_it_waits_for_the_next_one_when_none_is_kept_and_asks_the_camera(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    home.plane.seek(inlet.id)
    waiting = asyncio.create_task(home.plane.key_frame(inlet.id, 10.0))
    await home.until(KeyFrameWanted)
    await cam.send(inlet.port, fresh(h264, 144_000)[:12])
    assert develop(await waiting, 0, 80).width == 64


async def test_it_says_so_when_no_picture_comes_and_when_the_stream_is_gone(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    home.plane.seek(inlet.id)
    with pytest.raises(NoCapacity, match=r"no key frame"):
        await home.plane.key_frame(inlet.id, 0.1)
    await home.plane.close(inlet.id)
    with pytest.raises(KeyError):
        await home.plane.key_frame(inlet.id, 0.1)


async def test_a_key_frame_without_its_parameter_sets_gets_those_that_were_told_before(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim())
    frames = fresh(h264)
    sets = parameter_sets(Codec.H264, frames[0].data)
    bare = frames[10]
    for each in sets:
        bare.data = bare.data.replace(b"\0" + START_CODE + each, b"").replace(START_CODE + each, b"")
    assert not parameter_sets(Codec.H264, bare.data)
    await cam.send(inlet.port, frames[:12])
    await home.until(FirstFrame)
    async with asyncio.timeout(5):
        while home.plane.statistics(inlet.id).key_frames < 2:
            await asyncio.sleep(0.01)
    assert develop(await home.plane.key_frame(inlet.id, 1.0), 0, 80).width == 64
