"""G.711 made audible for browsers."""

from __future__ import annotations

import math
import struct
from itertools import pairwise

import av
import pytest

from media.aac import format_of, raw_frames
from media.frame import Codec, Frame
from media.g711 import linear_to_alaw, linear_to_ulaw
from media.transcode import AacFromG711, can_transcode


def tone(law, codec: Codec, count: int, samples: int = 320, start_90k: int = 900_000) -> list[Frame]:
    made = []
    for number in range(count):
        waves = (8000 * math.sin(2 * math.pi * 440 * (number * samples + n) / 8000) for n in range(samples))
        linear = b"".join(struct.pack("<h", int(wave)) for wave in waves)
        at = start_90k + number * samples * 45 // 4
        made.append(Frame(codec, law(linear), at, at))
    return made


@pytest.mark.parametrize(("law", "codec"), [(linear_to_alaw, Codec.G711A), (linear_to_ulaw, Codec.G711U)])
def test_a_second_of_g711_becomes_a_second_of_aac(law, codec):
    encoder = AacFromG711()
    frames = [out for frame in tone(law, codec, 50) for out in encoder.feed(frame)]
    assert all(frame.codec is Codec.AAC and format_of(frame.data) == encoder.format for frame in frames)
    assert 13 <= len(frames) <= 16  # 16000 samples of 1024 a frame, less what the encoder holds
    steps = {b.pts_90k - a.pts_90k for a, b in pairwise(frames)}
    assert steps == {11_520}
    assert frames[0].pts_90k == 900_000


def test_the_tone_is_still_the_tone_when_decoded():
    encoder = AacFromG711()
    frames = [out for frame in tone(linear_to_alaw, Codec.G711A, 50) for out in encoder.feed(frame)]
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = encoder.format.config
    samples = []
    for frame in frames:
        for raw in raw_frames(frame.data):
            for decoded in decoder.decode(av.Packet(raw)):
                samples += struct.unpack(f"<{decoded.samples}f", bytes(decoded.planes[0])[: 4 * decoded.samples])
    settled = samples[4096:12096]
    crossings = sum(a < 0 <= b for a, b in pairwise(settled))
    assert abs(crossings - 440) <= 3
    assert 0.2 < max(settled) < 0.3


def test_how_the_sound_is_cut_into_frames_changes_nothing_of_it():
    whole, cut = AacFromG711(), AacFromG711()
    law = b"".join(frame.data for frame in tone(linear_to_alaw, Codec.G711A, 20))
    made = [out for frame in tone(linear_to_alaw, Codec.G711A, 20) for out in whole.feed(frame)]
    ends = [0, 1, 1, 200, 1224, 1225, 5000, len(law)]
    again = []
    for start, end in pairwise(ends):
        at = 900_000 + start * 45 // 4
        again += cut.feed(Frame(Codec.G711A, law[start:end], at, at))
    assert made == again and len(made) >= 4


def test_a_jump_of_the_stamps_is_followed():
    encoder = AacFromG711()
    first = [out for frame in tone(linear_to_alaw, Codec.G711A, 20) for out in encoder.feed(frame)]
    later = [out for frame in tone(linear_to_alaw, Codec.G711A, 20, start_90k=2_000_000) for out in encoder.feed(frame)]
    assert first[-1].pts_90k < 1_000_000 and later[-1].pts_90k > 1_990_000


@pytest.mark.parametrize("data", [b"", b"\xd5", b"\x00\xff" * 3000])
def test_any_bytes_are_taken(data):
    encoder = AacFromG711()
    for _ in range(5):
        encoder.feed(Frame(Codec.G711A, data, 0, 0))
    assert encoder.failures == 0


def test_only_g711_is_transcoded():
    assert [codec for codec in Codec if can_transcode(codec)] == [Codec.G711A, Codec.G711U]
