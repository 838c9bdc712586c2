"""AAC for browsers: what was a tone is the same tone as G.711, piece by piece, and a browser by WebRTC hears it."""

from __future__ import annotations

import asyncio
import math
import time
from array import array

import av
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from media.frame import Codec, Frame
from media.g711 import alaw_to_linear
from media.kitchen.feed import Flow
from media.kitchen.telephone import Telephone
from media.kitchen.webrtc import Viewer
from media.rtc import Standing

PITCH_HZ = 500


def tone(rate_hz: int, channels: int, seconds: float) -> list[Frame]:
    """AAC in ADTS, a frame at a time, as a camera has it."""
    encoder = av.CodecContext.create("aac", "w")
    layout = "mono" if channels == 1 else "stereo"
    encoder.sample_rate, encoder.layout, encoder.format, encoder.bit_rate = rate_hz, layout, "fltp", 64_000
    made = []
    for start in range(0, int(seconds * rate_hz), 1024):
        wave = array("f", (0.5 * math.sin(2 * math.pi * PITCH_HZ * at / rate_hz) for at in range(start, start + 1024)))
        sound = av.AudioFrame(format="fltp", layout=layout, samples=1024)
        for plane in sound.planes:
            plane.update(wave.tobytes())
        sound.sample_rate, sound.pts = rate_hz, start
        made += encoder.encode(sound)
    index = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000).index(rate_hz)
    return [
        Frame(Codec.AAC, adts(bytes(packet), index, channels), number * 1024 * 90_000 // rate_hz, 0)
        for number, packet in enumerate(made)
    ]


def adts(raw: bytes, index: int, channels: int) -> bytes:
    size = len(raw) + 7
    middle = bytes((0x40 | index << 2, (channels & 3) << 6 | size >> 11, size >> 3 & 0xFF, (size & 7) << 5 | 0x1F))
    return b"\xff\xf1" + middle + b"\xfc" + raw


def loudness(samples: array[int], rate_hz: int = 8000) -> float:
    """The share of the tone in what is heard, 0 to 1."""
    turn = 2 * math.pi * PITCH_HZ / rate_hz
    across = sum(value * math.cos(turn * at) for at, value in enumerate(samples))
    along = sum(value * math.sin(turn * at) for at, value in enumerate(samples))
    power = sum(value * value for value in samples)
    return 2 * (across * across + along * along) / (len(samples) * power) if power else 0.0


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000 * 2, 1), (44100, 2), (48000, 1)])
def test_a_tone_stays_the_same_tone_and_as_long(rate_hz, channels):
    telephone = Telephone()
    pieces = [telephone.heard(frame) for frame in tone(rate_hz, channels, 2.0)]
    assert all(len(piece) % 160 == 0 for piece in pieces)
    heard = array("h", alaw_to_linear(b"".join(pieces)))
    assert 1.8 * 8000 <= len(heard) <= 2.1 * 8000 and telephone.failures == 0
    assert loudness(heard[4000:12000]) > 0.95


def test_what_is_damaged_is_silence_and_what_follows_is_heard():
    telephone = Telephone()
    for noise in (b"", b"\xff", b"\xff\xf1\x50", bytes(range(256)) * 3, b"\xff\xf1" + bytes(400)):
        telephone.heard(Frame(Codec.AAC, noise, 0, 0))
    heard = array("h", alaw_to_linear(b"".join(telephone.heard(frame) for frame in tone(16000, 1, 2.0))))
    assert loudness(heard[4000:12000]) > 0.9


def test_a_camera_that_changes_its_rate_is_heard_on():
    telephone = Telephone()
    for frame in tone(16000, 1, 0.5):
        telephone.heard(frame)
    heard = array("h", alaw_to_linear(b"".join(telephone.heard(frame) for frame in tone(48000, 2, 2.0))))
    assert loudness(heard[4000:12000]) > 0.95


async def test_it_is_done_once_for_all_who_listen():
    class Counting(Telephone):
        asked = 0

        def heard(self, frame):
            self.asked += 1
            return super().heard(frame)

    flow = Flow("one")
    flow._telephone = counting = Counting()
    frames = tone(16000, 1, 0.5)
    assert [flow.heard(frame) for frame in frames for _ in range(3)][::3] == [
        sound for frame, sound in zip(frames, map(Telephone().heard, frames), strict=True)
    ]
    assert counting.asked == len(frames)


class Source(Flow):
    def put(self, *frames: Frame) -> None:
        for frame in frames:
            self._put(frame)


async def test_a_browser_hears_a_camera_that_speaks_aac(h264):
    source, over, asked = Source("aac"), [], []
    sounds = tone(16000, 1, 30.0)
    source.put(*h264[:1], sounds[0], *h264[1:14])
    async with asyncio.timeout(10):
        facts = await source.ready
    assert facts.audio is Codec.AAC
    viewer = Viewer(
        source,
        facts,
        Standing(),
        with_sound=True,
        left=over.append,
        want_key=lambda: asked.append(1),
    )
    browser = RTCPeerConnection()
    for kind in ("video", "audio"):
        browser.addTransceiver(kind, direction="recvonly")
    track = asyncio.get_running_loop().create_future()
    browser.on("track", lambda one: one.kind == "audio" and not track.done() and track.set_result(one))
    await browser.setLocalDescription(await browser.createOffer())
    answer = await viewer.answer(browser.localDescription.sdp, "127.0.0.1")
    assert "PCMA/8000" in answer and "opus" not in answer.lower()
    await browser.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def speak() -> None:
        began = time.monotonic()
        for frame in sounds:
            await asyncio.sleep(max(0.0, began + frame.pts_90k / 90_000 - time.monotonic()))
            source.put(frame)

    speaking = asyncio.create_task(speak())
    try:
        async with asyncio.timeout(25):
            ear, heard = await track, array("h")
            while loudness(heard[-4000:]) < 0.8:
                sound = await ear.recv()
                heard.extend(array("h", bytes(sound.planes[0])[: sound.samples * 2]))
    finally:
        speaking.cancel()
        await viewer.close()
        await browser.close()
    assert over == []
