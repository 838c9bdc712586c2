"""What a camera's encoder made is what viewers' muxers get, byte for byte, whatever its packets went through."""

from __future__ import annotations

import asyncio
import random
import subprocess
from array import array
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from media.aac import AacFormat, format_of, with_header
from media.annexb import video_parameters
from media.clock import OutputClock
from media.fanout import Fanout
from media.flv import FlvMuxer
from media.fmp4 import Fmp4Muxer
from media.frame import Codec, Frame
from media.plane import Aim, Transport
from media.ps import mux
from media.ps.mux import Muxer
from media.rtp import Packetiser

SSRC = 200000001
GOP, PICTURES = 12, 40
SIZE = (176, 144)

Packets = list[bytes]


def encoded(codec: Codec, **options: str) -> list[Frame]:
    """Pictures of a moving pattern; times are those of the encoder, from an hour of 90 kHz on."""
    context: Any = av.CodecContext.create("libx264" if codec is Codec.H264 else "libx265", "w")
    context.width, context.height, context.pix_fmt = *SIZE, "yuv420p"
    context.time_base, context.framerate, context.gop_size = Fraction(1, 25), Fraction(25, 1), GOP
    context.options = {"preset": "veryfast", **options}
    dice = random.Random(3)
    frames = []
    for number in range(PICTURES):
        picture = av.VideoFrame(*SIZE, "yuv420p")
        for plane in picture.planes:
            row = bytes((number * 5 + x * 3 + dice.randrange(24)) & 0xFF for x in range(plane.line_size))
            plane.update(b"".join(row[n % 32 :] + row[: n % 32] for n in range(plane.height)))
        picture.pts = number
        frames += list(context.encode(picture))
    frames += list(context.encode(None))
    first_90k = 3600 * 90_000
    return [
        Frame(codec, bytes(each), first_90k + each.pts * 3600, first_90k + each.dts * 3600, bool(each.is_keyframe))
        for each in frames
    ]


@pytest.fixture(scope="module")
def corpus() -> dict[str, tuple[list[Frame], Codec | None]]:
    """Encoded pictures, and the sound that goes with them."""
    x265 = f"log-level=none:keyint={GOP}:min-keyint={GOP}:repeat-headers=1:bframes=0:scenecut=0"
    annexb = {"forced-idr": "1", "x264-params": "repeat-headers=1:aud=0:scenecut=0"}
    plain = encoded(Codec.H264, tune="zerolatency", **annexb)
    return {
        "h264-b-pictures-slices-g711a": (
            encoded(Codec.H264, **{**annexb, "x264-params": annexb["x264-params"] + ":bframes=2:slices=4"}),
            Codec.G711A,
        ),
        "h264-g711u": (plain, Codec.G711U),
        "h264-aac": (plain, Codec.AAC),
        "h265-g711a": (encoded(Codec.H265, **{"x265-params": x265}), Codec.G711A),
        "h265-mute": (encoded(Codec.H265, **{"x265-params": x265}), None),
    }


@cache
def hum() -> tuple[bytes, ...]:
    """AAC frames of a saw tooth, by PyAV."""
    context: Any = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = 8000, "mono", "fltp"
    frames = []
    for number in range(8):
        samples = av.AudioFrame("fltp", "mono", 1024)
        samples.sample_rate, samples.pts = 8000, number * 1024
        samples.planes[0].update(array("f", [(n % 80 - 40) / 100 for n in range(1024)]).tobytes())
        frames += [bytes(each) for each in context.encode(samples)]
    return tuple(frames[2:])


def sound_of(frame: Frame, codec: Codec | None) -> list[Frame]:
    if codec is None:
        return []
    at = frame.dts_90k
    if codec is Codec.AAC:
        return [Frame(codec, with_header(AacFormat(2, 8000, 1), hum()[at // 3600 % len(hum())]), at, at)]
    return [Frame(codec, bytes((at // 3600 + n) & 0xFF for n in range(320)), at, at)]


# --- how cameras write program streams -------------------------------------------------------------------------------


def as_the_book_says(pack: bytes) -> bytes:
    return pack


def without_a_map(pack: bytes) -> bytes:
    """No system header, no program stream map."""
    at = pack.find(b"\0\0\1\xbb", 0, 64)
    if at < 0:
        return pack
    for code in (b"\xbb", b"\xbc"):
        assert pack[at : at + 4] == b"\0\0\1" + code
        size = 6 + int.from_bytes(pack[at + 4 : at + 6], "big")
        pack = pack[:at] + pack[at + size :]
    return pack


def with_endless_pes(pack: bytes) -> bytes:
    """PES_packet_length 0 on a picture that is in one PES."""
    at = pack.find(b"\0\0\1\xe0", 0, 200)
    size = int.from_bytes(pack[at + 4 : at + 6], "big")
    follows = pack[at + 6 + size : at + 10 + size]
    if follows[:4] == b"\0\0\1\xe0":
        return pack
    return pack[: at + 4] + b"\0\0" + pack[at + 6 :]


def with_private_units(pack: bytes) -> bytes:
    """Hikvision's private unit between pack header and picture, with start codes inside."""
    private = b"\0\0\1\xbd\0\x18" + b"\x8c\x80\x0aHKMI\0\0\1\xe0\0\0\1\xba\0\0\1\x65\xff\xff"[:24].ljust(24, b"\xff")
    return pack[:14] + private + pack[14:] if pack[14:18] == b"\0\0\1\xe0" else pack


WRITERS: tuple[Callable[[bytes], bytes], ...] = (as_the_book_says, without_a_map, with_endless_pes, with_private_units)


# --- what happens on the way -----------------------------------------------------------------------------------------


def untouched(packets: Packets) -> Packets:
    return packets


def out_of_order(packets: Packets) -> Packets:
    dice = random.Random(5)
    made = list(packets)
    for at in range(8, len(made) - 8, 9):
        part = made[at : at + 6]
        dice.shuffle(part)
        made[at : at + 6] = part
    return made


def doubled(packets: Packets) -> Packets:
    return [packet for number, packet in enumerate(packets) for packet in [packet] * (1 + (number % 3 == 0))]


WAYS: tuple[Callable[[Packets], Packets], ...] = (untouched, out_of_order, doubled)


class Sender:
    """A camera's packets; `anew` begins with another SSRC and other numbers."""

    def __init__(self, frames: list[Frame], sound: Codec | None, write: Callable[[bytes], bytes]) -> None:
        self.frames = frames
        self.sound = sound
        self.write = write
        self.muxer = Muxer(frames[0].codec, sound)

    def packets(
        self, frames: list[Frame], *, ssrc: int = SSRC, sequence: int = 65_400, offset_90k: int = 0
    ) -> list[Packets]:
        """The packets of each picture. Sequence and timestamp wrap on the way."""
        packetiser = Packetiser(ssrc, 96, sequence=sequence)
        begin = (1 << 32) - 20 * 3600 - frames[0].dts_90k + offset_90k
        return [
            packetiser.packets(self.write(self.muxer.pack(each, sound_of(each, self.sound))), each.dts_90k + begin)
            for each in frames
        ]


class Caught:
    """Frames as the fan-out got them, before it set them to its own clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.frames: list[Frame] = []
        put = Fanout.put

        def catch(fanout: Fanout, frame: Frame, *more: Any, **named: Any) -> None:
            self.frames.append(Frame(frame.codec, bytes(frame.data), frame.pts_90k, frame.dts_90k, frame.key))
            put(fanout, frame, *more, **named)

        monkeypatch.setattr(Fanout, "put", catch)

    def pictures(self) -> list[tuple[bytes, bool]]:
        return [(each.data, each.key) for each in self.frames if each.codec.is_video]

    def sound(self) -> bytes:
        return b"".join(each.data for each in self.frames if not each.codec.is_video)

    def steps(self) -> list[tuple[int, int]]:
        """How times went on from picture to picture, and how far showing lies behind decoding."""
        video = [each for each in self.frames if each.codec.is_video]
        return [(later.dts_90k - each.dts_90k, later.pts_90k - later.dts_90k) for each, later in pairwise(video)]


@pytest.fixture
def caught(monkeypatch: pytest.MonkeyPatch) -> Caught:
    return Caught(monkeypatch)


async def sent(house: Any, camera: Any, transport: Transport, packets: Packets, caught: Caught, wanted: int) -> None:
    """Send it all by real sockets and wait for as many pictures."""
    sender = camera(SSRC)
    inlet = await house.plane.open(SSRC, transport)
    if transport is Transport.TCP_PASSIVE:
        await sender.connect(inlet.port)
    await house.plane.aim(inlet.id, Aim("127.0.0.1", sender.address[1], None, {96: "PS"}))
    session = house.plane._sessions[inlet.id]
    session.is_recorded = lambda: True  # every frame is wanted as it comes
    session.look()  # somebody watches: it is unpacked from the first packet on
    if transport is Transport.UDP:
        await sender.send_packets(inlet.port, packets)
    else:
        data = b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)
        await asyncio.get_running_loop().sock_sendall(sender.tcp, data)
    async with asyncio.timeout(20):
        while len(caught.pictures()) < wanted:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)  # nothing more may come


def told(frames: list[Frame]) -> list[tuple[bytes, bool]]:
    return [(each.data, each.key) for each in frames]


NAMES = ("h264-b-pictures-slices-g711a", "h264-g711u", "h264-aac", "h265-g711a", "h265-mute")


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP_PASSIVE])
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("name", NAMES)
async def test_every_frame_goes_through_as_it_was(house, camera, corpus, caught, name, write, transport):
    frames, sound = corpus[name]
    packets = [packet for each in Sender(frames, sound, write).packets(frames) for packet in each]
    await sent(await house(), camera, transport, packets, caught, len(frames))
    assert caught.pictures() == told(frames)
    ours = [(later.dts_90k - each.dts_90k, later.pts_90k - later.dts_90k) for each, later in pairwise(frames)]
    assert caught.steps() == ours
    if sound is not None and write is not without_a_map:
        assert caught.sound() == b"".join(each.data for frame in frames for each in sound_of(frame, sound))


@pytest.mark.parametrize("way", WAYS[1:], ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", NAMES)
async def test_packets_out_of_order_and_doubled_change_nothing(house, camera, corpus, caught, name, way):
    frames, sound = corpus[name]
    packets = [packet for each in Sender(frames, sound, as_the_book_says).packets(frames) for packet in each]
    await sent(await house(), camera, Transport.UDP, way(packets), caught, len(frames))
    assert caught.pictures() == told(frames)


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP_PASSIVE])
@pytest.mark.parametrize("name", NAMES[:1] + NAMES[3:])
async def test_a_sender_that_begins_anew_at_a_key_frame_loses_nothing_but_its_last_picture(
    house, camera, corpus, caught, name, transport
):
    frames, sound = corpus[name]
    half = next(n for n, each in enumerate(frames) if each.key and n >= GOP)
    sender = Sender(frames, sound, as_the_book_says)
    packets = [packet for each in sender.packets(frames[:half]) for packet in each]
    packets += [p for each in sender.packets(frames[half:], ssrc=SSRC + 1, sequence=9, offset_90k=777) for p in each]
    await sent(await house(), camera, transport, packets, caught, len(frames) - 1)
    came, wanted = caught.pictures(), told(frames)
    assert came in (wanted, wanted[: half - 1] + wanted[half:])


@pytest.mark.parametrize("name", NAMES)
async def test_a_lost_packet_costs_whole_pictures_and_never_shows_half_of_one(house, camera, corpus, caught, name):
    frames, sound = corpus[name]
    pictures = Sender(frames, sound, as_the_book_says).packets(frames)
    struck = next(n for n, each in enumerate(pictures) if len(each) > 1 and n > 2)
    pictures[struck].pop(len(pictures[struck]) // 2)
    again = next(n for n, each in enumerate(frames) if each.key and n > struck)
    packets = [packet for each in pictures for packet in each]
    await sent(await house(), camera, Transport.UDP, packets, caught, struck - 1 + len(frames) - again)
    came, wanted = caught.pictures(), told(frames)
    assert all(each in wanted for each in came), "a picture came out that nobody sent"
    assert came[: struck - 1] == wanted[: struck - 1]
    assert came[-(len(frames) - again) :] == wanted[again:]
    assert wanted[struck] not in came


def written(form: str, frames: list[Frame], sound: Codec | None) -> bytes:
    """The corpus in one of our formats, as an outlet writes it."""
    video = video_parameters(frames[0].codec, frames[0].data)
    heard = sound if sound is Codec.AAC else None
    audio = format_of(sound_of(frames[0], heard)[0].data) if heard else None
    clock = OutputClock()
    ordered = [
        Frame(each.codec, each.data, each.pts_90k, each.dts_90k, each.key)
        for frame in frames
        for each in (frame, *sound_of(frame, heard))
    ]
    for each in ordered:
        clock.place(each)
    if form == "ps":
        muxer = Muxer(frames[0].codec, heard)
        return b"".join(muxer.pack(each) for each in ordered)
    if form == "flv":
        tags = FlvMuxer(video, audio)
        return tags.header() + b"".join(tags.tag(each) for each in ordered)
    fragments = Fmp4Muxer(video, audio)
    return fragments.init_segment() + b"".join(fragments.fragment(each) for each in ordered)


@pytest.mark.ffmpeg
@pytest.mark.parametrize("form", ["ps", "flv", "mp4"])
@pytest.mark.parametrize("name", NAMES)
def test_a_strangers_decoder_finds_no_error_in_what_we_write(corpus, name, form, tmp_path: Path) -> None:
    frames, sound = corpus[name]
    if form == "flv" and frames[0].codec is Codec.H265:
        # Debian's ffmpeg knows no H.265 in FLV; PyAV's newer one does.
        made = tmp_path / "made.flv"
        made.write_bytes(written(form, frames, sound))
        with av.open(str(made)) as opened:
            assert len(list(opened.decode(video=0))) == PICTURES
        return
    made = tmp_path / f"made.{form}"
    made.write_bytes(written(form, frames, sound))
    done = subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-xerror",
            "-i",
            made,
            "-map",
            "0:v",
            "-fps_mode",
            "passthrough",
            "-f",
            "framemd5",
            "-",
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sum(not line.startswith("#") for line in done.stdout.splitlines()) == PICTURES


def test_the_writers_write_what_they_say() -> None:
    pack = Muxer(Codec.H264, Codec.G711A).pack(Frame(Codec.H264, b"\0\0\0\1\x65" + bytes(90), 90_000, 90_000, True))
    assert b"\0\0\1\xbc" in pack and b"\0\0\1\xbc" not in without_a_map(pack)
    assert mux.pack_header(0)[:4] == b"\0\0\1\xba" and len(mux.pack_header(0)) == 14
    at = with_endless_pes(pack).find(b"\0\0\1\xe0")
    assert with_endless_pes(pack)[at + 4 : at + 6] == b"\0\0"
