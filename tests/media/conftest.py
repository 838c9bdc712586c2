"""Pictures from a real encoder and a camera that sends them: the material of the media tests."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from fractions import Fraction
from typing import Any

import av
import pytest
from aiohttp import ClientSession, TCPConnector, web

from media.aac import AacFormat, with_header
from media.frame import Codec, Frame
from media.local import LocalPlane, PlaneSettings
from media.plane import Aim, FirstFrame, Inlet, PlaneEvent, Transport
from media.ps.mux import Muxer
from media.rtp import Packetiser

GOP = 10


def encode(codec: Codec, count: int = 40, *, width: int = 64, height: int = 48, step_90k: int = 3600) -> list[Frame]:
    """`count` pictures of noise by PyAV, a key frame every tenth."""
    name, options = {
        Codec.H264: ("libx264", {"preset": "ultrafast", "tune": "zerolatency"}),
        Codec.H265: ("libx265", {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=none"}),
    }[codec]
    context: Any = av.CodecContext.create(name, "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1, 25)
    context.framerate = Fraction(25, 1)
    context.gop_size = GOP
    context.options = {**options, "forced-idr": "1"}
    if codec is Codec.H265:
        context.options["x265-params"] += f":keyint={GOP}:min-keyint={GOP}:repeat-headers=1"
    noise = random.Random(7)
    frames = []
    for number in range(count):
        picture = av.VideoFrame(width, height, "yuv420p")
        for plane in picture.planes:
            plane.update(bytes([noise.randrange(256)]) * plane.buffer_size)
        picture.pts = number
        for packet in context.encode(picture):
            at = 900_000 + step_90k * len(frames)
            frames.append(Frame(codec, bytes(packet), at, at, bool(packet.is_keyframe)))
    return frames


@pytest.fixture(scope="session")
def h264() -> list[Frame]:
    return encode(Codec.H264)


@pytest.fixture(scope="session")
def h265() -> list[Frame]:
    return encode(Codec.H265)


@pytest.fixture(scope="session")
def larger() -> list[Frame]:
    """The same camera after it changed its resolution; its clock goes on behind `h264`."""
    frames = encode(Codec.H264, 20, width=96, height=64)
    return [Frame(each.codec, each.data, each.pts_90k + 144_000, each.dts_90k + 144_000, each.key) for each in frames]


def copies(frames: list[Frame], shift_90k: int = 0) -> list[Frame]:
    """Fresh frames: the fan-out re-times what it is given."""
    return [Frame(f.codec, f.data, f.pts_90k + shift_90k, f.dts_90k + shift_90k, f.key) for f in frames]


def tone(frames: list[Frame], codec: Codec = Codec.G711A) -> list[Frame]:
    """40 ms of G.711 for each picture."""
    return [Frame(codec, bytes([0xD5, 0x55] * 160), f.pts_90k, f.dts_90k) for f in frames]


def aac(form: AacFormat, beside: list[Frame]) -> list[Frame]:
    """Silence in AAC by PyAV, as much as these pictures last."""
    context: Any = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout = form.rate_hz, "mono" if form.channels == 1 else "stereo"
    context.format = "fltp"
    raws: list[bytes] = []
    step = 1024 * 90_000 // form.rate_hz
    first, last = beside[0].dts_90k, beside[-1].dts_90k
    while first + len(raws) * step <= last:
        samples = av.AudioFrame("fltp", context.layout.name, 1024)
        samples.sample_rate, samples.pts = form.rate_hz, len(raws) * 1024
        for plane in samples.planes:
            plane.update(bytes(plane.buffer_size))
        raws += [bytes(each) for each in context.encode(samples)]
    at = (first + number * step for number in range(len(raws)))
    return [Frame(Codec.AAC, with_header(form, raw), time, time) for raw, time in zip(raws, at, strict=True)]


class Camera:
    """Sends frames as PS over RTP from a socket of its own."""

    def __init__(self, ssrc: int, codec: Codec = Codec.H264, *, sound: Codec | None = None, sequence: int = 0) -> None:
        self.packetiser = Packetiser(ssrc, 96, sequence=sequence)
        self.sound = sound
        self.codec = codec
        self.muxer = Muxer(codec, sound)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.setblocking(False)
        self.tcp: socket.socket | None = None

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.udp.getsockname()
        return host, port

    def packets(self, frames: list[Frame]) -> list[bytes]:
        sounds = tone(frames, self.sound) if self.sound else [None] * len(frames)
        return [
            packet
            for frame, sound in zip(frames, sounds, strict=True)
            for packet in self.packetiser.packets(self.muxer.pack(frame, (sound,) if sound else ()), frame.pts_90k)
        ]

    async def send(self, port: int, frames: list[Frame]) -> None:
        await self.send_packets(port, self.packets(frames))

    async def send_packets(self, port: int, packets: list[bytes]) -> None:
        for number, packet in enumerate(packets):
            self.udp.sendto(packet, ("127.0.0.1", port))
            if number % 32 == 31:
                await asyncio.sleep(0)
        await asyncio.sleep(0.01)

    async def connect(self, port: int) -> None:
        self.tcp = socket.socket()
        self.tcp.setblocking(False)
        await asyncio.get_running_loop().sock_connect(self.tcp, ("127.0.0.1", port))

    async def send_tcp(self, frames: list[Frame], *, dollar: bool = False) -> None:
        assert self.tcp is not None
        packets = self.packets(frames)
        head = (lambda size: b"$\0" + struct.pack(">H", size)) if dollar else (lambda size: struct.pack(">H", size))
        await asyncio.get_running_loop().sock_sendall(self.tcp, b"".join(head(len(p)) + p for p in packets))

    def close(self) -> None:
        self.udp.close()
        if self.tcp is not None:
            self.tcp.close()


class House:
    """A plane behind a real HTTP server, and a ledger of what it told."""

    def __init__(self, plane: LocalPlane) -> None:
        self.plane = plane
        self.told: list[PlaneEvent] = []
        self.base = ""
        self.client: ClientSession
        self.server: web.Server
        plane.listen(self.told.append)

    async def until(self, wanted: Callable[[PlaneEvent], bool] | type, wait_s: float = 5.0) -> Any:
        """The first event of this kind that was or will be told."""
        is_wanted = (lambda event: isinstance(event, wanted)) if isinstance(wanted, type) else wanted
        async with asyncio.timeout(wait_s):
            while True:
                for event in self.told:
                    if is_wanted(event):
                        return event
                await asyncio.sleep(0.01)

    async def flowing(
        self, camera: Camera, frames: list[Frame], transport: Transport = Transport.UDP
    ) -> tuple[Inlet, FirstFrame]:
        """An inlet that flows: opened, aimed, and its first frames sent."""
        inlet = await self.plane.open(camera.packetiser.ssrc, transport)
        if transport is Transport.TCP_PASSIVE:
            await camera.connect(inlet.port)
        await self.plane.aim(inlet.id, Aim("127.0.0.1", camera.address[1], None, {96: "PS"}))
        await (camera.send(inlet.port, frames) if transport is Transport.UDP else camera.send_tcp(frames))
        return inlet, await self.until(FirstFrame)


@pytest.fixture
async def house() -> AsyncIterator[Callable[..., Any]]:
    """Call it with settings to have a House, `secure` to have it behind TLS; every one is closed at the end."""
    async with contextlib.AsyncExitStack() as taken:

        async def build(
            clock: Callable[[], float] = time.monotonic, *, secure: ssl.SSLContext | None = None, **changes: Any
        ) -> House:
            settings = PlaneSettings(**{"host": "127.0.0.1", "announce_host": "127.0.0.1", "first_port": 0, **changes})
            plane = LocalPlane(settings, clock=clock)
            found = House(plane)
            await plane.start()
            application = web.Application()
            application.add_routes(plane.routes())
            runner = web.AppRunner(application, shutdown_timeout=0.2)
            await runner.setup()
            taken.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=secure)
            await site.start()
            taken.push_async_callback(plane.stop)
            found.base = f"http{'s' if secure else ''}://127.0.0.1:{runner.addresses[0][1]}"
            found.server = runner.server
            connector = TCPConnector(ssl=False) if secure else None
            found.client = await taken.enter_async_context(ClientSession(connector=connector))
            return found

        yield build


@pytest.fixture
def camera() -> Iterator[Callable[..., Camera]]:
    made: list[Camera] = []

    def make(ssrc: int = 200000001, codec: Codec = Codec.H264, **more: Any) -> Camera:
        made.append(Camera(ssrc, codec, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def fresh() -> Callable[..., list[Frame]]:
    return copies
