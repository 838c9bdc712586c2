"""What a stream and a viewer cost the relay: CPU of this process, while cameras and viewers live in others.

    python -m tests.bench.bench_relay [--streams 40] [--viewers 60] [--seconds 4] [--loop uvloop|asyncio]

The yardstick is a loop that only receives the same packets on as many sockets and throws them away.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import random
import socket
import time
from multiprocessing.synchronize import Event
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

from media.frame import Codec, Frame
from media.inlets.udp import DRAIN_LIMIT
from media.local import LocalPlane, PlaneSettings
from media.plane import Aim, OutletKind, Transport
from media.ports import bind_udp
from media.ps.mux import Muxer
from media.rtp import Packetiser

FPS = 25
GOP = 50
KEY_BYTES, DELTA_BYTES = 100_000, 18_400  # about 4 Mbit/s
SPS = bytes.fromhex("6742c01fda014016e840000003004000000ca3c60ca8")
PPS = bytes.fromhex("68ce0fc8")


def frames(seconds: int) -> list[Frame]:
    """Pictures of the right size that are no pictures: headers are right, the rest is noise without start codes."""
    dice = random.Random(5)
    noise = bytes(dice.randrange(1, 256) for _ in range(KEY_BYTES))
    made = []
    for number in range(seconds * FPS):
        at = 900_000 + number * 90_000 // FPS
        key = number % GOP == 0
        if key:
            data = b"\0\0\0\1" + SPS + b"\0\0\0\1" + PPS + b"\0\0\0\1\x65\x88\x84" + noise
        else:
            data = b"\0\0\0\1\x41\x9a" + noise[:DELTA_BYTES]
        made.append(Frame(Codec.H264, data, at, at, key))
    return made


def film(seconds: int) -> list[list[bytes]]:
    """The RTP packets of each picture, with the sound of a G.711 microphone behind it."""
    muxer, packetiser = Muxer(Codec.H264, Codec.G711A), Packetiser(200000001, 96)
    return [
        packetiser.packets(muxer.pack(f, (Frame(Codec.G711A, b"\xd5" * 320, f.pts_90k, f.pts_90k),)), f.pts_90k)
        for f in frames(seconds)
    ]


def cameras(ports: list[int], seconds: int, start: Event) -> None:
    """One process: every port gets the same film at its own phase, packets paced within the picture's time."""
    pictures = film(seconds)
    sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    start.wait()
    began = time.monotonic()
    for number, packets in enumerate(pictures):
        for index, port in enumerate(ports):
            due = began + number / FPS + index / len(ports) / FPS
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            for packet in packets:
                sending.sendto(packet, ("127.0.0.1", port))


def watchers(addresses: list[str], ready: Event, stop: Event) -> None:
    """One process: WebSocket viewers that read and throw away."""

    async def watch() -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

            async def one(address: str) -> None:
                async with client.ws_connect(address, max_msg_size=0) as viewer:
                    while not stop.is_set():
                        await viewer.receive()

            tasks = [asyncio.create_task(one(address)) for address in addresses]
            await asyncio.sleep(0.5)
            ready.set()
            await asyncio.to_thread(stop.wait)
            for task in tasks:
                task.cancel()

    with contextlib.suppress(asyncio.CancelledError):
        uvloop.run(watch())


async def measured(ports: list[int], seconds: int) -> float:
    """CPU seconds of this process while the cameras send for `seconds`."""
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    sender = context.Process(target=cameras, args=(ports, seconds, start), daemon=True)
    sender.start()
    await asyncio.sleep(2.0)  # it builds its film
    before = time.process_time()
    start.set()
    await asyncio.to_thread(sender.join, seconds + 30)
    await asyncio.sleep(0.3)
    return time.process_time() - before


async def yardstick(streams: int, seconds: int) -> tuple[float, int]:
    loop = asyncio.get_running_loop()
    sockets = [bind_udp("127.0.0.1", 0, 4 << 20) for _ in range(streams)]
    count = 0

    def drain(each: socket.socket) -> None:
        nonlocal count
        for _ in range(DRAIN_LIMIT):
            try:
                each.recvfrom(2048)
            except BlockingIOError:
                return
            count += 1

    for each in sockets:
        loop.add_reader(each, drain, each)
    cpu = await measured([each.getsockname()[1] for each in sockets], seconds)
    for each in sockets:
        loop.remove_reader(each)
        each.close()
    return cpu, count


async def relay(streams: int, viewers: int, seconds: int) -> tuple[float, int, int, int]:
    plane = LocalPlane(PlaneSettings(host="127.0.0.1", first_port=0))
    await plane.start()
    application = web.Application()
    application.add_routes(plane.routes())
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    inlets = [await plane.open(200000001, Transport.UDP) for _ in range(streams)]
    for inlet in inlets:
        await plane.aim(inlet.id, Aim())
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    process: Any = None
    if viewers:
        places = [await plane.attach(inlets[n % streams].id, OutletKind.FMP4_WS) for n in range(viewers)]
        addresses = [base + address for _, address in places]
        process = context.Process(target=watchers, args=(addresses, ready, stop), daemon=True)
        process.start()
        await asyncio.to_thread(ready.wait, 20)
    cpu = await measured([inlet.port for inlet in inlets], seconds)
    counted = [plane.statistics(inlet.id) for inlet in inlets]
    packets = sum(each.packets for each in counted if each)
    lost = sum(each.lost for each in counted if each)
    pictures = sum(each.key_frames for each in counted if each)
    stop.set()
    await plane.stop()
    await runner.cleanup()
    if process is not None:
        await asyncio.to_thread(process.join, 10)
    return cpu, packets, lost, pictures


async def main(streams: int, viewers: int, seconds: int) -> None:
    stream_seconds = streams * seconds
    bare, received = await yardstick(streams, seconds)
    sent = sum(map(len, film(seconds))) * streams
    print(f"{streams} streams of 4 Mbit/s for {seconds} s, {sent} packets")
    print(f"bare recv loop     {1000 * bare / stream_seconds:6.2f} ms/stream-second, {received} packets")
    cpu, packets, lost, keys = await relay(streams, 0, seconds)
    print(
        f"relay, no viewer   {1000 * cpu / stream_seconds:6.2f} ms/stream-second, {packets} packets, {lost} lost, "
        f"{keys} key frames: {cpu / bare:.2f} x the bare loop, {1e6 * cpu / max(packets, 1):.2f} us a packet"
    )
    watched, packets, lost, _ = await relay(streams, viewers, seconds)
    each = 1000 * (watched - cpu) / (viewers * seconds)
    print(
        f"relay, {viewers} viewers {1000 * watched / stream_seconds:6.2f} ms/stream-second, {packets} packets, "
        f"{lost} lost: {each:.2f} ms/viewer-second, sound transcoded on {min(streams, viewers)} streams"
    )


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--streams", type=int, default=40)
    arguments.add_argument("--viewers", type=int, default=60)
    arguments.add_argument("--seconds", type=int, default=4)
    arguments.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    asked = arguments.parse_args()
    run = uvloop.run if asked.loop == "uvloop" else asyncio.run
    run(main(asked.streams, asked.viewers, asked.seconds))
