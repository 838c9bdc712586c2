"""A stream handed on to platforms above: real sockets in by each transport, and out by each."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from media import rtcp
from media.annexb import nal_type, nal_units
from media.frame import Codec, Frame
from media.framing import Framer
from media.plane import (
    Aim,
    FirstFrame,
    KeyFrameWanted,
    NoCapacity,
    OutletClosed,
    OutletKind,
    SenderWish,
    StreamFailed,
    Transport,
)
from media.ps.mux import Muxer
from media.rtp import Packetiser, RtpPacket, parse, sequence_distance
from media.unpack import Unpacker

ABOVE_SSRC = 703001718
ROADS = (Transport.UDP, Transport.TCP_PASSIVE, Transport.TCP_ACTIVE)


@dataclass
class Above:
    """The receiving end of a platform above."""

    transport: Transport
    packets: list[RtpPacket] = field(default_factory=list)
    host: str = "127.0.0.1"
    reads: bool = True
    opened: list[socket.socket] = field(default_factory=list)
    tasks: list[asyncio.Task] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        kind = socket.SOCK_DGRAM if self.transport is Transport.UDP else socket.SOCK_STREAM
        self.sock = socket.socket(family, kind)
        self.sock.bind((self.host, 0))
        self.sock.setblocking(False)
        self.opened.append(self.sock)
        self.port = self.sock.getsockname()[1]
        if self.transport is Transport.UDP:
            self.tasks.append(asyncio.create_task(self._receive()))
        elif self.transport is Transport.TCP_PASSIVE:
            self.sock.listen()
            self.tasks.append(asyncio.create_task(self._accept()))

    def wish(self, **more) -> SenderWish:
        return SenderWish(
            **{"transport": self.transport, "host": self.host, "port": self.port, "ssrc": ABOVE_SSRC, **more}
        )

    async def connect(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self.sock, (self.host, port))
        self.connections += 1
        self.tasks.append(asyncio.create_task(self._read(self.sock)))

    async def _receive(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data = await loop.sock_recv(self.sock, 65535)
            self._take(data)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            opened, _ = await loop.sock_accept(self.sock)
            opened.setblocking(False)
            self.connections += 1
            self.opened.append(opened)
            if self.reads:
                self.tasks.append(asyncio.create_task(self._read(opened)))

    async def _read(self, opened: socket.socket) -> None:
        framer, loop = Framer(ssrc=None), asyncio.get_running_loop()
        while data := await loop.sock_recv(opened, 65536):
            for packet in framer.feed(data):
                self._take(bytes(packet))

    def _take(self, data: bytes) -> None:
        packet = parse(data)
        assert packet is not None
        self.packets.append(packet)

    @property
    def is_gapless(self) -> bool:
        return all(sequence_distance(a.sequence, b.sequence) == 1 for a, b in pairwise(self.packets))

    def frames(self):
        unpacker = Unpacker({96: "PS"})
        return [f for p in self.packets for f in unpacker.feed(p)] + unpacker.flush()

    async def until(self, count: int, wait_s: float = 5.0) -> None:
        async with asyncio.timeout(wait_s):
            while len(self.packets) < count:
                await asyncio.sleep(0.01)

    async def settled(self) -> None:
        """Until nothing more comes."""
        before = -1
        while before != len(self.packets):
            before = len(self.packets)
            await asyncio.sleep(0.06)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await task
        for each in self.opened:
            each.close()


@pytest.fixture
async def above():
    made: list[Above] = []

    def make(transport: Transport = Transport.UDP, **more) -> Above:
        made.append(Above(transport, **more))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def enter(home, cam, frames, transport: Transport):
    """A stream that came in by this transport."""
    if transport is not Transport.TCP_ACTIVE:
        return (await home.flowing(cam, frames, transport))[0]
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        inlet = await home.plane.open(cam.packetiser.ssrc, transport)
        await home.plane.aim(inlet.id, Aim("127.0.0.1", listening.getsockname()[1], None, {96: "PS"}))
        cam.tcp, _ = await asyncio.get_running_loop().sock_accept(listening)
        cam.tcp.setblocking(False)
    await cam.send_tcp(frames)
    await home.until(FirstFrame)
    return inlet


async def send_more(cam, inlet, frames):
    await (cam.send_tcp(frames) if cam.tcp is not None else cam.send(inlet.port, frames))


async def leave(home, inlet, up):
    """A sender that has begun, and its receiver connected."""
    sender = await home.plane.attach_sender(inlet.id, up.wish())
    if up.transport is Transport.TCP_ACTIVE:
        await up.connect(sender.port)
    home.plane.begin(sender.outlet)
    return sender


# ---- the way through


@pytest.mark.parametrize("way_out", ROADS)
@pytest.mark.parametrize("way_in", ROADS)
async def test_every_way_in_goes_out_by_every_way(house, camera, above, h264, fresh, way_in, way_out):
    home, cam, up = await house(), camera(ssrc=0), above(way_out)
    inlet = await enter(home, cam, fresh(h264), way_in)
    sender = await leave(home, inlet, up)
    assert (sender.ssrc, sender.host) == (ABOVE_SSRC, "127.0.0.1") and sender.port % 2 == 0
    await up.until(1)
    await send_more(cam, inlet, fresh(h264, 144_000))
    await up.settled()
    assert {packet.ssrc for packet in up.packets} == {ABOVE_SSRC}
    assert {packet.payload_type for packet in up.packets} == {96}
    assert up.is_gapless
    frames = up.frames()
    # The last GOP of the first forty was kept, and what came after it followed.
    assert frames[0].key and len(frames) == 50
    assert [f.data for f in frames] == [f.data for f in (*h264[30:], *h264)]
    counted = home.plane.sender_statistics(sender.outlet)
    assert counted.packets == len(up.packets) and counted.state == "sending" and counted.skips == 0


async def test_nothing_is_sent_before_the_receiver_is_ready(house, camera, above, h264, fresh):
    home, cam, up = await house(), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    sender = await home.plane.attach_sender(inlet.id, up.wish())
    await cam.send(inlet.port, fresh(h264, 144_000))
    await asyncio.sleep(0.05)
    assert not up.packets and home.plane.sender_statistics(sender.outlet).state == "bound"
    home.plane.begin(sender.outlet)
    home.plane.begin(sender.outlet)
    await up.settled()
    assert len(up.frames()) == 10


async def test_a_foreign_ssrc_of_the_camera_is_ours_upward(house, camera, above, h264, fresh):
    home, cam, up = await house(), camera(ssrc=999), above()
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim())
    await cam.send(inlet.port, fresh(h264))
    await home.until(FirstFrame)
    await leave(home, inlet, up)
    await up.settled()
    assert {packet.ssrc for packet in up.packets} == {ABOVE_SSRC}


async def test_a_camera_that_begins_anew_is_one_stream_upward(house, camera, above, h264, fresh):
    home, cam, up = await house(), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await leave(home, inlet, up)
    await up.settled()
    before = up.packets[-1]
    again = type(cam)(4711, sequence=50_000)
    again.udp.close()
    again.udp = cam.udp  # the same address, another SSRC, sequence and clock
    await again.send(inlet.port, fresh(h264, 77_000_000))
    await up.settled()
    assert up.is_gapless
    times = sorted({packet.timestamp for packet in up.packets})
    assert max(b - a for a, b in pairwise(times)) == 3600
    after = up.packets[up.packets.index(before) + 1]
    assert bytes(after.payload[:4]) == b"\0\0\1\xba" and after.timestamp == before.timestamp + 3600
    again.udp = socket.socket()
    again.close()


async def test_a_source_that_is_aimed_again_goes_on_upward(house, camera, above, h264, fresh):
    home, cam, up = await house(), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await leave(home, inlet, up)
    await up.settled()
    count = len(up.packets)
    await home.plane.aim(inlet.id, Aim())
    await type(cam).send(cam, inlet.port, fresh(h264, 9_000_000))
    await up.until(count + 10)
    await up.settled()
    assert up.is_gapless


async def test_what_the_source_lost_is_one_gap_upward(house, camera, above, h264, fresh):
    home, cam, up = await house(reorder_hold_s=0.02), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await leave(home, inlet, up)
    packets = cam.packets(fresh(h264, 144_000))
    del packets[5:8]
    await cam.send_packets(inlet.port, packets)
    await up.settled()
    steps = [sequence_distance(a.sequence, b.sequence) for a, b in pairwise(up.packets)]
    assert sorted(steps)[-2:] == [1, 2]


async def test_sound_goes_through_untouched(house, camera, above, h264, fresh):
    home, cam, up = await house(), camera(sound=Codec.G711A), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await leave(home, inlet, up)
    await up.settled()
    assert {frame.codec for frame in up.frames()} == {Codec.H264, Codec.G711A}


async def test_bare_sound_that_begins_beside_a_program_stream_is_taken_along_from_the_next_key_frame_on(
    house, camera, above, h264, fresh
):
    home, cam, up = await house(), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await leave(home, inlet, up)
    await up.settled()
    assert {frame.codec for frame in up.frames()} == {Codec.H264}
    session = home.plane._sessions[inlet.id]
    voice = Packetiser(200000001, 8, sequence=9)
    for turn in (1, 2):
        for number, frame in enumerate(fresh(h264, turn * 144_000)):
            sound = voice.packets(b"\xd5" * 320, (turn * 40 + number) * 320)
            await cam.send_packets(inlet.port, cam.packets([frame]) + sound)
        session.watch(time.monotonic())
    await up.settled()
    assert up.is_gapless
    frames = up.frames()
    heard = [frame for frame in frames if frame.codec is Codec.G711A]
    assert len(heard) >= 30 and all(frame.data == b"\xd5" * 320 for frame in heard)
    times = [frame.dts_90k for frame in frames if frame.codec.is_video]
    assert times == sorted(times)


async def test_bare_sound_costs_whoever_takes_a_recording_no_picture_of_it(house, camera, above, h264, fresh):
    home, cam, up = await house(), camera(), above()
    inlet = await home.plane.open(200000001, Transport.UDP, is_recording=True)
    await home.plane.aim(inlet.id, Aim("127.0.0.1", cam.address[1], None, {96: "PS"}))
    await cam.send(inlet.port, fresh(h264[:25]))
    await home.until(FirstFrame)
    session = home.plane._sessions[inlet.id]
    voice = Packetiser(200000001, 8, sequence=9)
    for number, frame in enumerate(fresh(h264[25:])):
        await cam.send_packets(inlet.port, cam.packets([frame]) + voice.packets(b"\xd5" * 320, number * 320))
        session.watch(time.monotonic())
    sender = await home.plane.attach_sender(inlet.id, up.wish(is_whole=True))
    home.plane.begin(sender.outlet)
    await up.settled()
    assert [frame.data for frame in up.frames()] == [frame.data for frame in h264]


def told_once(frames: list[Frame]) -> list[Frame]:
    """Parameter sets only before the first picture, as some cameras have them."""
    for frame in frames[1:]:
        codec = frame.codec
        units = [unit for unit in nal_units(frame.data) if nal_type(codec, unit) not in (7, 8, 32, 33, 34)]
        frame.data = b"".join(b"\0\0\0\1" + unit for unit in units)
    return frames


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("is_asleep", [False, True])
async def test_who_comes_late_is_told_what_the_camera_tells_once(
    house, camera, above, h264, h265, fresh, codec, is_asleep, monkeypatch
):
    monkeypatch.setattr("media.inlets.session.DOZE_AFTER_S", 0.05 if is_asleep else 60.0)
    home, cam, early, late = await house(), camera(codec=codec, sound=Codec.G711A), above(), above()
    source = told_once(fresh(h264 if codec is Codec.H264 else h265))
    inlet = await enter(home, cam, source[:5], Transport.UDP)
    session = home.plane._sessions[inlet.id]
    await leave(home, inlet, early)
    await cam.send(inlet.port, source[5:])
    async with asyncio.timeout(3):
        while session.receiver.is_awake is is_asleep:
            await asyncio.sleep(0.01)
    await leave(home, inlet, late)
    await late.settled()
    assert [frame.key for frame in late.frames() if frame.codec is codec][:5] == [True, False, False, False, False]
    _, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    viewer = await home.client.ws_connect(home.base + address)
    assert await viewer.receive_str(timeout=2)
    assert (await viewer.receive_bytes(timeout=2))[4:8] == b"ftyp"
    await viewer.close()
    more = told_once(fresh(source))
    await cam.send(inlet.port, [Frame(f.codec, f.data, f.pts_90k + 144_000, f.dts_90k + 144_000, f.key) for f in more])
    await late.settled()
    await early.settled()
    assert early.is_gapless and late.is_gapless
    for up in (early, late):
        assert {frame.codec for frame in up.frames()[-20:]} == {codec, Codec.G711A}
        assert sum(frame.key for frame in up.frames()) >= 4


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
async def test_an_elementary_stream_becomes_a_program_stream(house, camera, above, h264, h265, fresh, codec):
    home, up = await house(), above()
    source = h264 if codec is Codec.H264 else h265
    cam = camera(codec=codec)
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim(payloads={98: "H264", 100: "H265"}))
    await cam.send_packets(inlet.port, elementary(cam, codec, fresh(source)))
    await home.until(FirstFrame)
    await leave(home, inlet, up)
    await cam.send_packets(inlet.port, elementary(cam, codec, fresh(source, 144_000)))
    await up.settled()
    assert up.is_gapless and up.packets[0].payload_type == 96
    frames = up.frames()
    assert frames[0].key and frames[0].codec is codec and len(frames) >= 40
    assert sum(frame.key for frame in frames) >= 4


def elementary(cam, codec: Codec, frames) -> list[bytes]:
    """Single NAL units and fragments of them (RFC 6184, RFC 7798)."""
    made = []
    head = 1 if codec is Codec.H264 else 2
    for frame in frames:
        units = [unit for unit in frame.data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
        payloads = []
        for unit in units:
            if len(unit) <= 1200:
                payloads.append(unit)
                continue
            body = unit[head:]
            for start in range(0, len(body), 1200):
                flags = (0x80 if start == 0 else 0) | (0x40 if start + 1200 >= len(body) else 0)
                if codec is Codec.H264:
                    front = bytes((unit[0] & 0xE0 | 28, flags | unit[0] & 0x1F))
                else:
                    front = bytes((unit[0] & 0x81 | 49 << 1, unit[1], flags | unit[0] >> 1 & 0x3F))
                payloads.append(front + body[start : start + 1200])
        for number, payload in enumerate(payloads):
            kind = (98 if codec is Codec.H264 else 100) | (0x80 if number == len(payloads) - 1 else 0)
            made.append(
                bytes((0x80, kind))
                + (cam.packetiser.sequence & 0xFFFF).to_bytes(2, "big")
                + (frame.pts_90k & 0xFFFFFFFF).to_bytes(4, "big")
                + (200000001).to_bytes(4, "big")
                + payload
            )
            cam.packetiser.sequence += 1
    return made


async def test_large_tcp_packets_are_cut_for_udp(house, camera, above, h264, fresh):
    home, cam, up = await house(), camera(), above()
    cam.packetiser.payload_limit = 9000
    cam.muxer = Muxer(Codec.H264)
    big = fresh(h264)
    for frame in big:
        frame.data += b"\0\0\1\x06\x05" + b"\x55" * 5000
    inlet = await enter(home, cam, big, Transport.TCP_PASSIVE)
    await leave(home, inlet, up)
    await up.settled()
    assert max(len(packet.payload) for packet in up.packets) <= 1460
    assert up.is_gapless and len(up.frames()) == 10


async def test_a_platform_above_on_ipv6_is_served(house, camera, above, h264, fresh):
    home, cam, up = await house(), camera(), above(host="::1")
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    sender = await leave(home, inlet, up)
    assert sender.host == "::1"
    await up.settled()
    assert len(up.frames()) == 10


# ---- together, and one by one


async def test_two_platforms_and_a_browser_share_one_inlet_and_leave_one_by_one(house, camera, above, h264, fresh):
    home, cam = await house(), camera()
    one, two = above(), above(Transport.TCP_PASSIVE)
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    first, second = await leave(home, inlet, one), await leave(home, inlet, two)
    _, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    viewer = await home.client.ws_connect(home.base + address)
    await two.until(1)
    assert await viewer.receive_str(timeout=2)
    await home.plane.detach(inlet.id, first.outlet)
    await one.settled()
    count = len(one.packets)
    await cam.send(inlet.port, fresh(h264, 144_000))
    await two.settled()
    assert len(one.packets) == count and len(two.frames()) == 50
    assert await viewer.receive_bytes(timeout=2)
    await viewer.close()
    await home.plane.detach(inlet.id, second.outlet)
    closed = {e.outlet: e.reason for e in home.told if isinstance(e, OutletClosed)}
    assert closed[first.outlet] == closed[second.outlet] == "detached"
    assert home.plane.statistics(inlet.id) is not None


async def test_two_senders_number_for_themselves(house, camera, above, h264, fresh):
    home, cam, one, two = await house(), camera(), above(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await home.plane.attach_sender(inlet.id, one.wish(ssrc=1))
    for up, ssrc in ((one, 11), (two, 22)):
        sender = await home.plane.attach_sender(inlet.id, up.wish(ssrc=ssrc, payload_type=96 + ssrc % 2))
        home.plane.begin(sender.outlet)
    await one.settled()
    await two.settled()
    assert {p.ssrc for p in one.packets} == {11} and {p.ssrc for p in two.packets} == {22}
    assert {p.payload_type for p in one.packets} == {97}


# ---- unpacking only while somebody looks


async def test_a_stream_nobody_looks_at_is_not_unpacked_and_wakes_with_a_picture(
    house, camera, above, h264, fresh, monkeypatch
):
    monkeypatch.setattr("media.inlets.session.DOZE_AFTER_S", 0.1)
    home, cam, up = await house(), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await leave(home, inlet, up)
    session = home.plane._sessions[inlet.id]
    await asyncio.sleep(0.7)
    assert not session.receiver.is_awake
    await cam.send(inlet.port, fresh(h264, 144_000))
    await up.settled()
    assert len(up.frames()) == 50
    assert home.plane.statistics(inlet.id).frames == 80
    _, address = await home.plane.attach(inlet.id, OutletKind.FMP4_WS)
    assert session.receiver.is_awake
    viewer = await home.client.ws_connect(home.base + address)
    assert await viewer.receive_str(timeout=2)
    assert (await viewer.receive_bytes(timeout=2))[4:8] == b"ftyp"
    assert (await viewer.receive_bytes(timeout=2))[4:8] == b"moof"  # from what was kept: nothing more was sent
    await viewer.close()


async def test_a_sleeping_stream_with_a_clock_that_stands_still_is_not_taken_for_stuck(
    house, camera, above, h264, fresh, monkeypatch
):
    monkeypatch.setattr("media.inlets.session.DOZE_AFTER_S", 0.05)
    home, cam, up = await house(stuck_s=0.3), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await leave(home, inlet, up)
    for turn in range(1, 12):
        still = [packet[:4] + bytes(4) + packet[8:] for packet in cam.packets(fresh(h264, turn * 144_000))]
        await cam.send_packets(inlet.port, still)
        await asyncio.sleep(0.1)
    assert not home.plane._sessions[inlet.id].receiver.is_awake
    assert [type(each).__name__ for each in home.told] == ["FirstFrame"]


async def test_a_sleeping_stream_that_turns_to_noise_is_woken_and_given_up(
    house, camera, above, h264, fresh, monkeypatch
):
    monkeypatch.setattr("media.inlets.session.DOZE_AFTER_S", 0.05)
    home, cam, up = await house(stuck_s=0.3, gop_s=0.3), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await leave(home, inlet, up)
    await asyncio.sleep(0.6)
    noise = cam.packetiser
    while not any(isinstance(each, StreamFailed) for each in home.told):
        await cam.send_packets(inlet.port, noise.packets(b"\x55" * 3000, 9))
        await asyncio.sleep(0.05)
    assert "no whole frame" in (await home.until(StreamFailed)).seen.note


async def test_a_remuxed_stream_stays_unpacked_for_its_platforms(house, camera, above, h264, fresh, monkeypatch):
    monkeypatch.setattr("media.inlets.session.DOZE_AFTER_S", 0.05)
    home, cam, up = await house(), camera(), above()
    inlet = await home.plane.open(200000001, Transport.UDP)
    await home.plane.aim(inlet.id, Aim(payloads={98: "H264"}))
    await cam.send_packets(inlet.port, elementary(cam, Codec.H264, fresh(h264)))
    await home.until(FirstFrame)
    await leave(home, inlet, up)
    await asyncio.sleep(0.7)
    assert home.plane._sessions[inlet.id].receiver.is_awake


# ---- what goes wrong


async def test_a_receiver_that_is_late_to_listen_is_tried_again(house, camera, above, h264, fresh):
    home, cam, up = await house(connect_pause_s=0.05), camera(), above(Transport.TCP_ACTIVE)
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    late = socket.socket()
    late.bind(("127.0.0.1", 0))
    up.opened.append(late)
    sender = await home.plane.attach_sender(
        inlet.id, SenderWish(Transport.TCP_PASSIVE, "127.0.0.1", late.getsockname()[1], 7)
    )
    home.plane.begin(sender.outlet)
    await asyncio.sleep(0.03)
    late.listen()
    late.setblocking(False)
    opened, source = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(late), 2)
    up.opened.append(opened)
    assert source[1] == sender.port  # the port that was told
    assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(opened, 10), 2)


async def test_a_receiver_that_takes_no_connection_loses_its_place(house, camera, above, h264, fresh):
    home, cam = await house(connect_pause_s=0.01), camera()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        wish = SenderWish(Transport.TCP_PASSIVE, "127.0.0.1", closed.getsockname()[1], 7)
        sender = await home.plane.attach_sender(inlet.id, wish)
        home.plane.begin(sender.outlet)
        told = await home.until(OutletClosed)
    assert told.outlet == sender.outlet and "in 4 tries" in told.reason
    assert home.plane.sender_statistics(sender.outlet) is None and home.plane.totals().ports_lent == 1


async def test_a_receiver_that_does_not_connect_loses_its_place(house, camera, above, h264, fresh):
    home, cam, up = await house(receiver_came_s=0.1), camera(), above(Transport.TCP_ACTIVE)
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    sender = await home.plane.attach_sender(inlet.id, up.wish())
    home.plane.begin(sender.outlet)
    assert "did not connect" in (await home.until(OutletClosed)).reason
    assert home.plane.totals().senders == 0


async def test_a_stranger_who_connects_gets_no_picture(house, camera, above, h264, fresh):
    home, cam, up = await house(receiver_came_s=0.2), camera(), above(Transport.TCP_ACTIVE)
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    sender = await home.plane.attach_sender(inlet.id, up.wish(host="127.0.0.9"))
    home.plane.begin(sender.outlet)
    await up.connect(sender.port)
    await home.until(OutletClosed)
    assert not up.packets


async def test_a_connection_that_breaks_is_made_anew_and_begins_at_a_key_frame(house, camera, above, h264, fresh):
    home, cam, up = await house(connect_pause_s=0.02), camera(), above(Transport.TCP_PASSIVE)
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    sender = await leave(home, inlet, up)
    await up.settled()
    before = up.packets[-1]
    up.opened[-1].shutdown(socket.SHUT_RDWR)
    async with asyncio.timeout(2):
        while up.connections < 2:
            await asyncio.sleep(0.01)
    await up.settled()
    after = up.packets[up.packets.index(before) + 1]
    assert bytes(after.payload[:4]) == b"\0\0\1\xba"
    assert 0 < (after.timestamp - before.timestamp & 0xFFFFFFFF) <= 3600
    assert home.plane.sender_statistics(sender.outlet).connections == 2


async def test_a_receiver_that_closes_every_connection_is_given_up(house, camera, above, h264, fresh):
    home, cam, up = await house(connect_pause_s=0.01), camera(), above(Transport.TCP_PASSIVE, reads=False)
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await leave(home, inlet, up)

    async def shut() -> None:
        while True:
            for each in up.opened[1:]:
                each.close()
            del up.opened[1:]
            await asyncio.sleep(0.005)

    up.tasks.append(asyncio.create_task(shut()))
    assert "in a row" in (await home.until(OutletClosed)).reason


async def test_a_slow_receiver_skips_and_in_the_end_loses_its_place_and_nobody_else_does(
    house, camera, above, h264, fresh
):
    home, cam = await house(viewer_bytes=1_000_000, viewer_skips=1), camera()
    slow, quick = above(Transport.TCP_PASSIVE, reads=False), above(Transport.TCP_PASSIVE)
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    inlet = await enter(home, cam, fresh(h264), Transport.TCP_PASSIVE)
    lame, other = await leave(home, inlet, slow), await leave(home, inlet, quick)
    at = 144_000

    async def flood() -> None:
        nonlocal at
        while True:
            big = fresh(h264[:10], at)
            at += 36_000
            for frame in big:
                frame.data += b"\0\0\1\x06\x05" + b"\x55" * 60_000
            await cam.send_tcp(big)
            await asyncio.sleep(0.01)

    flooding = asyncio.create_task(flood())
    told = await home.until(OutletClosed)
    flooding.cancel()
    assert (told.outlet, told.reason) == (lame.outlet, "the receiver is too slow")
    await quick.settled()
    counted = home.plane.sender_statistics(other.outlet)
    assert counted is not None and counted.skips == 0 and quick.is_gapless


async def test_a_slow_receiver_of_a_recording_holds_the_source_back(house, camera, above, h264, fresh):
    home, cam = await house(viewer_bytes=400_000), camera(ssrc=1200000001)
    slow = above(Transport.TCP_PASSIVE, reads=False)
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    inlet = await home.plane.open(1200000001, Transport.TCP_PASSIVE, is_recording=True)
    await cam.connect(inlet.port)
    await home.plane.aim(inlet.id, Aim())
    await cam.send_tcp(fresh(h264))
    await home.until(FirstFrame)
    sender = await home.plane.attach_sender(inlet.id, slow.wish(is_whole=True))
    home.plane.begin(sender.outlet)
    sent = 40

    async def film() -> None:
        nonlocal sent
        for turn in range(1, 100):
            big = fresh(h264, turn * 144_000)
            for frame in big:
                frame.data += b"\0\0\1\x06\x05" + b"\x55" * 10_000
            await cam.send_tcp(big)
            sent += 40

    filming = asyncio.create_task(film())
    await asyncio.sleep(0.8)
    held_at = sent
    await asyncio.sleep(0.3)
    assert sent == held_at < 4000  # it stands still
    assert home.plane.sender_statistics(sender.outlet).skips == 0
    slow.tasks.append(asyncio.create_task(slow._read(slow.opened[1])))
    async with asyncio.timeout(10):
        while sent == held_at:
            await asyncio.sleep(0.05)
    filming.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await filming
    assert slow.is_gapless and home.plane.sender_statistics(sender.outlet).skips == 0
    # From the very first key frame on, though nobody took anything for a while.
    assert [f.data for f in slow.frames()[:40]] == [f.data for f in h264]


async def test_a_port_where_nobody_listens_is_noticed(house, camera, above, h264, fresh):
    home, cam = await house(receiver_came_s=0.2), camera()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    sender = await home.plane.attach_sender(inlet.id, SenderWish(Transport.UDP, "127.0.0.1", port, 7))
    home.plane.begin(sender.outlet)
    for turn in range(1, 30):
        await cam.send(inlet.port, fresh(h264, turn * 144_000))
        if any(isinstance(each, OutletClosed) for each in home.told):
            break
        await asyncio.sleep(0.05)
    assert "nobody takes packets" in (await home.until(OutletClosed, 0.1)).reason


async def test_the_end_of_the_stream_ends_its_senders(house, camera, above, h264, fresh):
    home, cam, up = await house(), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    sender = await leave(home, inlet, up)
    await home.plane.close(inlet.id)
    assert (await home.until(OutletClosed)).reason == "the stream ended"
    assert home.plane.totals().ports_lent == 0
    home.plane.begin(sender.outlet)
    await home.plane.detach(inlet.id, sender.outlet)


@pytest.mark.parametrize("host", ["camera.example", "0.0.0.0", "::", ""])
async def test_a_receiver_without_an_address_is_refused_and_leaves_nothing(house, camera, above, h264, fresh, host):
    home, cam = await house(), camera()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    with pytest.raises(ValueError):
        await home.plane.attach_sender(inlet.id, SenderWish(Transport.UDP, host, 9, 7))
    assert home.plane.totals().ports_lent == 1 and home.plane.totals().senders == 0


async def test_senders_count_among_the_places(house, camera, above, h264, fresh):
    home, cam, up = await house(viewers=1), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    await home.plane.attach_sender(inlet.id, up.wish())
    with pytest.raises(NoCapacity):
        await home.plane.attach_sender(inlet.id, up.wish())
    with pytest.raises(KeyError):
        await home.plane.attach_sender("nobody", up.wish())


async def test_without_a_kept_picture_a_key_frame_is_asked_for(house, camera, above, h264, fresh):
    home, cam, up = await house(gop_frames=5, gop_bytes=3000), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    home.plane._sessions[inlet.id].passage.jump()
    sender = await leave(home, inlet, up)
    assert "platform above" in (await home.until(KeyFrameWanted)).reason
    assert home.plane.sender_statistics(sender.outlet).state == "awaiting-key-frame"


async def test_sender_reports_go_to_the_port_above_and_losses_there_are_heard(house, camera, above, h264, fresh):
    home, cam = await house(), camera()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    pair = home.plane._ports.lend(0.0, listen=False)
    port = pair.port
    sender = await home.plane.attach_sender(inlet.id, SenderWish(Transport.UDP, "127.0.0.1", port, ABOVE_SSRC))
    home.plane.begin(sender.outlet)
    report, source = await asyncio.wait_for(asyncio.get_running_loop().sock_recvfrom(pair.rtcp, 1500), 2)
    parts = rtcp.parts(report)
    assert [part.kind for part in parts] == [rtcp.SENDER_REPORT, rtcp.SOURCE_DESCRIPTION]
    assert parts[0].ssrc == ABOVE_SSRC and source[1] == sender.port + 1
    answer = rtcp.receiver_report(1, ABOVE_SSRC, fraction_lost=64, lost=3, highest_sequence=9, jitter=0)
    pair.rtcp.sendto(answer, source)
    async with asyncio.timeout(2):
        while home.plane.sender_statistics(sender.outlet).lost_there is None:
            await asyncio.sleep(0.01)
    assert home.plane.sender_statistics(sender.outlet).lost_there == 0.25
    home.plane._ports.give_back(pair, 0.0)


# ---- pauses


async def test_a_paused_recording_is_not_lost(house, camera, above, h264, fresh):
    home, cam = await house(lost_udp_s=0.2), camera()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    home.plane.hold(inlet.id, True)
    await asyncio.sleep(0.6)
    assert [type(each).__name__ for each in home.told] == ["FirstFrame"]
    home.plane.hold(inlet.id, False)
    await home.until(lambda event: type(event).__name__ == "StreamFailed", 2)
    home.plane.hold("nobody", True)
    home.plane.seek("nobody")


async def test_a_jump_in_a_recording_shows_no_old_picture_to_newcomers(house, camera, above, h264, fresh):
    home, cam, up = await house(), camera(), above()
    inlet = await enter(home, cam, fresh(h264), Transport.UDP)
    home.plane.seek(inlet.id)
    await leave(home, inlet, up)
    await cam.send(inlet.port, fresh(h264, 90_000_000))
    await up.settled()
    assert up.packets[0].timestamp >= 90_000_000 and len(up.frames()) == 40
