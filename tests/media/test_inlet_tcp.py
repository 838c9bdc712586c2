"""Connections and sockets: bounded, owned, and closed when they make no sense."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from media.inlets.tcp import CONNECTIONS, connect
from media.inlets.udp import DATAGRAM_BYTES, DRAIN_LIMIT, UdpDoor
from media.plane import Aim, FirstFrame, StreamFailed, Transport, Verdict
from media.rtp import Packetiser


async def test_a_connection_of_junk_is_closed_and_said(house, camera):
    home, cam = await house(never_came_s=0.6), camera()
    inlet = await home.plane.open(1, Transport.TCP_PASSIVE)
    await home.plane.aim(inlet.id, Aim())
    await cam.connect(inlet.port)
    loop = asyncio.get_running_loop()
    cpu = time.process_time()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        async with asyncio.timeout(10):
            for _ in range(400):
                await loop.sock_sendall(cam.tcp, b"\xab" * 65536)
    assert time.process_time() - cpu < 2
    assert (await home.until(StreamFailed)).seen.verdict is Verdict.NOT_RTP


async def test_junk_in_the_middle_is_passed_over(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264[:20]), Transport.TCP_PASSIVE)
    await asyncio.get_running_loop().sock_sendall(cam.tcp, b"\xab" * 3000)
    await cam.send_tcp(fresh(h264[20:]))
    async with asyncio.timeout(3):
        while home.plane.statistics(inlet.id).frames < 36:
            await asyncio.sleep(0.02)
    assert home.plane.statistics(inlet.id).resyncs >= 1


async def test_one_byte_at_a_time_is_still_a_stream(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet = await home.plane.open(200000001, Transport.TCP_PASSIVE)
    await home.plane.aim(inlet.id, Aim())
    await cam.connect(inlet.port)
    cam.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    loop = asyncio.get_running_loop()
    for packet in cam.packets(fresh(h264[:2])):
        for byte in len(packet).to_bytes(2, "big") + packet:
            await loop.sock_sendall(cam.tcp, bytes([byte]))
    assert (await home.until(FirstFrame)).video.width == 64


async def test_one_inlet_holds_few_connections(house, camera):
    home = await house()
    inlet = await home.plane.open(1, Transport.TCP_PASSIVE)
    cams = [camera() for _ in range(CONNECTIONS + 3)]
    for cam in cams:
        await cam.connect(inlet.port)
        await asyncio.sleep(0.01)
    assert len(home.plane._sessions[inlet.id]._connections) == CONNECTIONS


async def test_a_camera_that_connects_anew_goes_on(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264[:20]), Transport.TCP_PASSIVE)
    cam.tcp.close()
    home.plane._sessions[inlet.id].receiver.lock.heard_at -= 3  # as if it had been silent for three seconds
    await cam.connect(inlet.port)
    await cam.send_tcp(fresh(h264[20:]))
    async with asyncio.timeout(3):
        while home.plane.statistics(inlet.id).frames < 39:
            await asyncio.sleep(0.02)
    assert not [event for event in home.told if isinstance(event, StreamFailed)]


async def test_a_camera_whose_connection_ended_is_heard_at_once_when_it_comes_back(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264[:20]), Transport.TCP_PASSIVE)
    session = home.plane._sessions[inlet.id]
    cam.tcp.close()
    async with asyncio.timeout(3):
        while session._connections:
            await asyncio.sleep(0.01)
    cam.packetiser = Packetiser(200000001, 96, sequence=20_000)
    await cam.connect(inlet.port)
    await cam.send_tcp(fresh(h264[20:]))
    async with asyncio.timeout(3):
        while home.plane.statistics(inlet.id).frames < 39:
            await asyncio.sleep(0.02)
    assert session.receiver.refused == 0
    assert home.plane.statistics(inlet.id).lost == 0, "a sequence that began anew was counted as loss"


async def test_strangers_who_connect_take_no_place_of_a_live_camera(house, camera, h264, fresh):
    home, cam = await house(), camera()
    inlet, _ = await home.flowing(cam, fresh(h264[:20]), Transport.TCP_PASSIVE)
    strangers = [camera(n) for n in range(CONNECTIONS + 2)]
    for stranger in strangers:
        await stranger.connect(inlet.port)
        await stranger.send_tcp(fresh(h264[:1]))
    async with asyncio.timeout(3):
        while home.plane._sessions[inlet.id].receiver.refused < 3:
            await asyncio.sleep(0.01)
    await cam.send_tcp(fresh(h264[20:]))
    async with asyncio.timeout(3):
        while home.plane.statistics(inlet.id).frames < 39:
            await asyncio.sleep(0.02)
    assert len(home.plane._sessions[inlet.id]._connections) <= CONNECTIONS


async def test_on_the_shared_port_a_camera_that_comes_back_is_not_taken_for_its_neighbour(house, camera, h264, fresh):
    home, cam = await house(), camera(1)
    inlets = [await home.plane.open(n, Transport.TCP_PASSIVE, single_port=True) for n in (1, 2)]
    await home.plane.aim(inlets[0].id, Aim("127.0.0.1", 15060))
    await cam.connect(inlets[0].port)
    await cam.send_tcp(fresh(h264[:20]))
    await home.until(FirstFrame)
    await home.plane.aim(inlets[1].id, Aim("127.0.0.1", 15060))  # another channel of the same recorder
    first, second = (home.plane._sessions[inlet.id] for inlet in inlets)
    cam.tcp.close()
    async with asyncio.timeout(3):
        while first._connections:
            await asyncio.sleep(0.01)
    await cam.connect(inlets[0].port)
    await cam.send_tcp(fresh(h264[20:]))
    async with asyncio.timeout(3):
        while first.receiver.witness.packets + second.receiver.witness.packets < len(h264):
            await asyncio.sleep(0.01)
    assert (first.receiver.witness.packets, second.receiver.witness.packets) == (len(h264), 0)


async def test_on_the_shared_port_too_one_inlet_holds_few_connections(house, camera, h264, fresh):
    home = await house()
    inlet = await home.plane.open(7, Transport.TCP_PASSIVE, single_port=True)
    await home.plane.aim(inlet.id, Aim())
    session = home.plane._sessions[inlet.id]
    for number in range(CONNECTIONS + 3):
        cam = camera(7)
        await cam.connect(inlet.port)
        await cam.send_tcp(fresh(h264[:1]))
        async with asyncio.timeout(3):
            while session.receiver.witness.connections <= number:
                await asyncio.sleep(0.01)
    assert len(session._connections) == len(session.shared._of_connection) == CONNECTIONS


async def test_connecting_gives_up_after_its_tries():
    began = time.monotonic()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        words: list[str] = []
        with pytest.raises(OSError, match="in 3 tries"):
            await connect(*nobody.getsockname(), wait_s=1, tries=3, pause_s=0.05, failed=words.append)
    assert len(words) == 3 and words[-1].endswith("Connection refused (try 3 of 3)")
    assert 0.1 <= time.monotonic() - began < 1


async def test_a_drain_takes_no_more_than_its_share_per_wake():
    receiving, sending = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    receiving.bind(("127.0.0.1", 0))
    receiving.setblocking(False)
    got: list[bytes] = []
    for _ in range(DRAIN_LIMIT + 36):
        sending.sendto(b"x", receiving.getsockname())
    door = UdpDoor(receiving, lambda data, source, now: got.append(data))
    door._drain()
    assert len(got) == DRAIN_LIMIT
    await asyncio.sleep(0.01)
    assert len(got) == DRAIN_LIMIT + 36
    door.close()
    sending.close()


async def test_a_door_learns_to_read_large_datagrams():
    receiving, sending = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    receiving.bind(("127.0.0.1", 0))
    receiving.setblocking(False)
    got: list[int] = []
    door = UdpDoor(receiving, lambda data, source, now: got.append(len(data)))
    for size in (9000, 9000, 100):
        sending.sendto(b"x" * size, receiving.getsockname())
        await asyncio.sleep(0.01)
    assert got == [DATAGRAM_BYTES, 9000, 100]
    door.close()
    sending.close()


async def test_a_refused_report_does_not_end_the_reading(camera):
    receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiving.bind(("127.0.0.1", 0))
    receiving.setblocking(False)
    got: list[bytes] = []
    door = UdpDoor(receiving, lambda data, source, now: got.append(data))
    cam = camera()
    nobody = camera()
    address = nobody.address
    nobody.close()
    door.send(b"report", address)
    cam.udp.sendto(b"x", receiving.getsockname())
    await asyncio.sleep(0.02)
    assert got == [b"x"]
    door.close()
