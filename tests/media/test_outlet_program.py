"""The program stream for viewers by HTTP: what came, from a key frame on, and not unpacked for their sake."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from itertools import count
from pathlib import Path

import pytest

from media.frame import Codec, Frame
from media.outlets.program import Program
from media.outlets.tide import Pace
from media.outlets.viewer import Tolerance, Viewer
from media.passage import Passage
from media.plane import Aim, FirstFrame, OutletKind, Transport, WireForm
from media.ps.demux import Demuxer
from media.ps.mux import Muxer
from media.rtp import Packetiser
from media.run import Run, join


class Wire:
    """Takes everything."""

    form = WireForm.PLAIN
    unsent = 0
    numbers = count(-1, -1)

    def __init__(self) -> None:
        self.number = next(self.numbers)
        self.data = b""

    def write(self, buffers: list[bytes]) -> None:
        self.data += b"".join(buffers)

    def send(self, data: bytes) -> int:
        self.data += data
        return len(data)


class Source:
    """A camera's packs as runs, and the passage they go through."""

    def __init__(self) -> None:
        self.passage = Passage(keep_bytes=1 << 20, keep_s=10.0)
        self.program = Program(self.passage, Pace())
        self.muxer = Muxer(Codec.H264)
        self.packetiser = Packetiser(1, 96)
        self.sent: list[bytes] = []

    def put(self, frames: list[Frame]) -> None:
        for frame in frames:
            self.sent.append(self.muxer.pack(frame))
            self.passage.run(join(self.packetiser.packets(self.sent[-1], frame.pts_90k)), 0.0)
        self.program.flush()

    def join(self) -> tuple[Wire, Viewer]:
        wire = Wire()
        viewer = Viewer(wire, Tolerance(1 << 23, 2.0, 5, 30.0))
        self.program.join(viewer, 0.0)
        return wire, viewer


async def test_a_newcomer_begins_at_the_last_key_frame_and_goes_on_with_what_comes(h264, fresh):
    source = Source()
    source.put(fresh(h264[:13]))  # key frames are 0 and 10
    wire, _ = source.join()
    late, _ = source.join()
    source.put(fresh(h264[13:22]))
    assert wire.data == late.data == b"".join(source.sent[10:])


async def test_without_viewers_nothing_is_kept_twice(h264, fresh):
    source = Source()
    source.put(fresh(h264[:3]))
    _, one = source.join()
    source.program.leave(one)
    source.program.leave(one)
    assert source.program.viewers == 0 and not source.program._kept
    source.put(fresh(h264[3:6]))
    assert not source.program._kept
    again, _ = source.join()
    assert again.data == b"".join(source.sent)


async def test_after_a_break_viewers_go_on_at_a_key_frame(h264, fresh):
    source = Source()
    source.put(fresh(h264[:3]))
    wire, _ = source.join()
    source.passage.rejoin()
    source.put(fresh(h264[3:12]))
    assert wire.data == b"".join(source.sent[:3] + source.sent[10:])


async def test_when_the_passage_keeps_no_more_neither_do_we(h264, fresh):
    source = Source()
    source.put(fresh(h264[:2]))
    source.join()
    source.passage.run(Run(b"\x80\x60" + bytes(10) + b"x" * 2_000_000, 1412, 1417, 1, 0, 1, 96, False), 11.0)
    assert not source.program._kept
    late, _ = source.join()
    assert late.data == b""


async def fetched(home, address: str, seconds: float = 0.3) -> bytes:
    gathered = bytearray()
    async with home.client.get(home.base + address) as response:
        assert response.status == 200 and response.headers["Content-Type"] == "video/MP2P"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for piece in response.content.iter_any():
                    gathered += piece
    return bytes(gathered)


async def test_the_frames_that_went_in_come_out_with_the_sound_as_it_came(house, camera, h264, fresh):
    home, cam = await house(), camera(sound=Codec.G711A)
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.PS_HTTP)
    assert ".ps?" in address
    demuxer = Demuxer()
    frames = demuxer.feed(await fetched(home, address)) + demuxer.flush()
    pictures = [each.data for each in frames if each.codec is Codec.H264]
    assert pictures[:9] == [each.data for each in h264[30:39]]
    assert {each.codec for each in frames} == {Codec.H264, Codec.G711A}


async def test_a_stream_is_not_unpacked_for_viewers_of_the_program(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264))
    await home.plane.attach(inlet.id, OutletKind.PS_HTTP)
    assert home.plane._sessions[inlet.id].viewers == 0
    outlet, address = await home.plane.attach(inlet.id, OutletKind.PS_HTTP)
    async with home.client.get(home.base + address) as response:
        await response.content.readexactly(4)
        assert home.plane.statistics(inlet.id).viewers == 1
        await home.plane.detach(inlet.id, outlet)
        await asyncio.wait_for(response.read(), 2)
    assert home.plane.statistics(inlet.id).viewers == 0


async def test_what_is_no_program_is_made_one(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim(payloads={98: "H264"}))
    bare = Packetiser(200000001, 98)
    for frame in fresh(h264[:25]):
        units = [unit for unit in frame.data.split(b"\0\0\0\1") if unit]
        for number, unit in enumerate(units):
            packets = bare.packets(unit, frame.pts_90k)
            last = number == len(units) - 1
            await cam.send_packets(inlet.port, [p if last else bytes((p[0], p[1] & 0x7F)) + p[2:] for p in packets])
    await home.until(FirstFrame)
    _, address = await home.plane.attach(inlet.id, OutletKind.PS_HTTP)
    demuxer = Demuxer()
    data = await fetched(home, address)
    frames = demuxer.feed(data) + demuxer.flush()
    assert data.startswith(b"\0\0\1\xba") and len(frames) >= 3 and frames[0].key


@pytest.mark.ffmpeg
async def test_ffprobe_finds_both_streams_of_the_program(house, camera, h264, fresh, tmp_path: Path):
    home, cam = await house(), camera(sound=Codec.G711A)
    inlet, _ = await home.flowing(cam, fresh(h264))
    _, address = await home.plane.attach(inlet.id, OutletKind.PS_HTTP)
    path = tmp_path / "got.ps"
    path.write_bytes(await fetched(home, address))
    probe = await asyncio.to_thread(
        subprocess.run,
        ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)],
        capture_output=True,
        timeout=20,
        check=True,
    )
    # Older ones do not believe the stream map that 0x90 is G.711; that there is sound, they see.
    assert {each["codec_type"] for each in json.loads(probe.stdout)["streams"]} == {"video", "audio"}
