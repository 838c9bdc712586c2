"""The program-stream demultiplexer: annex C's worked example, and what cameras make of it."""

from __future__ import annotations

import random

import pytest

from media.frame import Codec, Frame
from media.ps import stream_map
from media.ps.demux import Demuxer
from media.ps.mux import Muxer

PACK = bytes.fromhex("000001BA4407BC548401005F6BF8")
SYSTEM = bytes.fromhex("000001BB000C80CCF504E17FE0E190C0C020")
MAP = bytes.fromhex("000001BC0012E1FF000000081BE0000090C00000B9287F16")
SPS = bytes.fromhex("6742C00ADA7B011000000300100000030320F1226A")
PPS = bytes.fromhex("68CE0FC8")
IDR = bytes.fromhex("6588843A26280E")
SC = b"\0\0\0\1"
KEY = SC + SPS + SC + PPS + b"\0\0\1" + IDR
PTS = bytes.fromhex("2101EF3141")
SILENCE = b"\xd5" * 320
VIDEO = b"\0\0\1\xe0\x00\x33\x84\x80\x05" + PTS + KEY
SOUND = b"\0\0\1\xc0\x01\x48\x84\x80\x05" + PTS + SILENCE
EXAMPLE = PACK + SYSTEM + MAP + VIDEO + SOUND

VPS5 = bytes.fromhex("40010c01ffff016000000300900000030000030078959809")
SPS5 = bytes.fromhex("420101016000000300900000030000030078a003c08010e596566924cae0100000030010000003019080")
PPS5 = bytes.fromhex("4401c172b46240")
KEY5 = SC + VPS5 + SC + SPS5 + SC + PPS5 + SC + bytes.fromhex("2601af0102030405")


def pts(time: int, prefix: int = 2) -> bytes:
    time &= 0x1FFFFFFFF
    word = prefix << 36 | (time >> 30) << 33 | 1 << 32 | (time >> 15 & 0x7FFF) << 17 | 1 << 16 | (time & 0x7FFF) << 1 | 1
    return word.to_bytes(5, "big")


def pes(data: bytes, time: int | None = None, *, sid: int = 0xE0, length: int | None = None) -> bytes:
    head = b"\x84\x00\x00" if time is None else b"\x84\x80\x05" + pts(time)
    size = len(head) + len(data) if length is None else length
    return b"\0\0\1" + bytes((sid,)) + (size & 0xFFFF).to_bytes(2, "big") + head + data


def inter(number: int, size: int = 40) -> bytes:
    """A P slice that tells its number."""
    return SC + b"\x41\x9a" + bytes((number & 0x7F | 0x80,)) * size


def key_pack(time: int = 8_100_000) -> bytes:
    return PACK + SYSTEM + MAP + pes(KEY, time)


def inter_pack(number: int, time: int, size: int = 40) -> bytes:
    return PACK + pes(inter(number, size), time)


def programme(count: int = 5, start: int = 8_100_000) -> bytes:
    """A key picture and `count - 1` others, 40 ms apart."""
    return key_pack(start) + b"".join(inter_pack(n, start + 3600 * n) for n in range(1, count))


def play(data: bytes, step: int = 0, demuxer: Demuxer | None = None) -> list[Frame]:
    demuxer = demuxer or Demuxer()
    step = step or len(data) or 1
    frames = []
    for place in range(0, len(data), step):
        frames += demuxer.feed(data[place : place + step])
    return frames + demuxer.flush()


def pictures(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame.codec.is_video]


def sounds(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if not frame.codec.is_video]


@pytest.mark.parametrize("step", [0, 1, 7, 113, 1400])
def test_the_worked_example_gives_one_picture_and_one_sound_however_it_is_cut(step: int) -> None:
    frames = play(EXAMPLE, step)
    assert [(f.codec, len(f.data), f.pts_90k, f.key) for f in pictures(frames)] == [(Codec.H264, 43, 8_100_000, True)]
    assert pictures(frames)[0].data == KEY
    assert [(f.codec, f.data, f.pts_90k) for f in sounds(frames)] == [(Codec.G711A, SILENCE, 8_100_000)]


def test_five_pictures_come_whole_and_in_time() -> None:
    frames = play(programme(5))
    assert [f.pts_90k for f in frames] == [8_100_000 + 3600 * n for n in range(5)]
    assert [f.key for f in frames] == [True, False, False, False, False]
    assert frames[3].data == inter(3)
