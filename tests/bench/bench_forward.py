"""What it costs to hand a stream on to a platform above: CPU of this process, cameras and receivers live in others.

    python -m tests.bench.bench_forward [--streams 20] [--seconds 4] [--loop uvloop|asyncio]

The yardstick is a bare loop that receives the same packets and sends each on by UDP, without looking at them.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import select
import socket
import time
from multiprocessing.synchronize import Event
from typing import Any

import uvloop

from media.inlets.udp import DRAIN_LIMIT
from media.local import LocalPlane, PlaneSettings
from media.plane import Aim, FirstFrame, OutletKind, SenderWish, Transport
from media.ports import bind_udp
from tests.bench.bench_relay import FPS, film

LEAD_S = 3.5
"""The stream flows so long before it is measured: nobody looks, so it is no longer unpacked by then."""


def cameras(ports: list[int], seconds: float, start: Event) -> None:
    """One process: every port gets the same film at its own phase."""
    pictures = film(int(seconds) + 1)[: int(seconds * FPS)]
    sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    start.wait()
    began = time.monotonic()
    for number, packets in enumerate(pictures):
        for index, port in enumerate(ports):
            pause = began + number / FPS + index / len(ports) / FPS - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            for packet in packets:
                sending.sendto(packet, ("127.0.0.1", port))


def receivers(count: int, is_tcp: bool, told: Any, stop: Event) -> None:
    """One process: sockets that read and throw away, then tell how many bytes came."""
    kind = socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM
    opened = [socket.socket(socket.AF_INET, kind) for _ in range(count)]
    poll = select.epoll()
    by_number = {}
    for each in opened:
        if not is_tcp:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        each.bind(("127.0.0.1", 0))
        if is_tcp:
            each.listen()
        by_number[each.fileno()] = each
        poll.register(each, select.EPOLLIN)
    told.send([each.getsockname()[1] for each in opened])
    listening = {each.fileno() for each in opened} if is_tcp else set()
    total = 0
    while not stop.is_set():
        for number, _ in poll.poll(0.1):
            if number in listening:
                came, _ = by_number[number].accept()
                by_number[came.fileno()] = came
                poll.register(came, select.EPOLLIN)
            else:
                data = by_number[number].recv(262144)
                total += len(data)
                if not data and is_tcp:
                    poll.unregister(number)
    told.send(total)


class Receivers:
    """The receiving process, as a block."""

    def __init__(self, count: int, is_tcp: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._told, theirs = context.Pipe()
        self._stop = context.Event()
        self._process = context.Process(target=receivers, args=(count, is_tcp, theirs, self._stop), daemon=True)

    async def start(self) -> list[int]:
        self._process.start()
        ports: list[int] = await asyncio.to_thread(self._told.recv)
        return ports

    async def total(self) -> int:
        self._stop.set()
        total: int = await asyncio.to_thread(self._told.recv)
        await asyncio.to_thread(self._process.join, 5)
        return total


async def measured(ports: list[int], seconds: int) -> float:
    """CPU seconds of this process in the last `seconds` of the film."""
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    sender = context.Process(target=cameras, args=(ports, seconds + LEAD_S, start), daemon=True)
    sender.start()
    await asyncio.sleep(2.5)  # it builds its film
    start.set()
    await asyncio.sleep(LEAD_S)
    before = time.process_time()
    await asyncio.to_thread(sender.join, seconds + 30)
    spent = time.process_time() - before
    await asyncio.sleep(0.3)
    return spent


async def yardstick(streams: int, seconds: int, *, sends: bool) -> tuple[float, int]:
    loop = asyncio.get_running_loop()
    above = Receivers(streams, is_tcp=False)
    targets = await above.start()
    pairs = []
    for target in targets:
        coming, going = bind_udp("127.0.0.1", 0, 4 << 20), bind_udp("127.0.0.1", 0, 0)
        going.connect(("127.0.0.1", target))
        pairs.append((coming, going))

    def drain(coming: socket.socket, going: socket.socket) -> None:
        for _ in range(DRAIN_LIMIT):
            try:
                data, _ = coming.recvfrom(2048)
            except BlockingIOError:
                return
            if sends:
                going.send(data)

    for coming, going in pairs:
        loop.add_reader(coming, drain, coming, going)
    cpu = await measured([coming.getsockname()[1] for coming, _ in pairs], seconds)
    for coming, going in pairs:
        loop.remove_reader(coming)
        coming.close()
        going.close()
    return cpu, await above.total()


async def forward(
    streams: int, seconds: int, transport: Transport | None, each: int = 1, *, is_looked_at: bool = False
) -> tuple[float, int, int]:
    """CPU, bytes that came above, and packets lost on our way in; None hands on to nobody.

    With `is_looked_at` a viewer's place is reserved on each stream, so that it must be unpacked.
    """
    plane = LocalPlane(PlaneSettings(host="127.0.0.1", first_port=0))
    await plane.start()
    above = Receivers(streams * each, is_tcp=transport is not Transport.UDP)
    targets = await above.start()
    inlets = [await plane.open(200000001, Transport.UDP) for _ in range(streams)]
    for inlet in inlets:
        await plane.aim(inlet.id, Aim())
    joining: set[asyncio.Task[None]] = set()

    async def join(inlet: str) -> None:
        for _ in range(each if transport is not None else 0):
            assert transport is not None
            sender = await plane.attach_sender(inlet, SenderWish(transport, "127.0.0.1", targets.pop(), 7))
            plane.begin(sender.outlet)
        if is_looked_at:
            await plane.attach(inlet, OutletKind.FMP4_WS)

    def told(event: object) -> None:
        if isinstance(event, FirstFrame):
            joining.add(asyncio.create_task(join(event.inlet)))

    plane.listen(told)
    cpu = await measured([inlet.port for inlet in inlets], seconds)
    lost = sum(counted.lost for inlet in inlets if (counted := plane.statistics(inlet.id)))
    await plane.stop()
    return cpu, await above.total(), lost


async def main(streams: int, seconds: int) -> None:
    stream_seconds = streams * seconds
    payload = sum(len(p) for packets in film(seconds) for p in packets) * streams

    def line(name: str, cpu: float, total: int, note: str = "") -> None:
        cost = 1000 * cpu / stream_seconds
        print(f"{name:34} {cost:6.2f} ms/stream-second {cpu / bare:5.2f} x bare, {total / 1e6:7.1f} MB above{note}")

    print(f"{streams} streams of 4 Mbit/s, in by UDP, {payload / seconds * 8e-6:.0f} Mbit/s in all, for {seconds} s")
    bare, total = await yardstick(streams, seconds, sends=True)
    line("bare recv + send loop", bare, total)
    only, _ = await yardstick(streams, seconds, sends=False)
    line("bare recv loop", only, 0)
    cpu, _, lost = await forward(streams, seconds, None)
    line("plane, nobody above (asleep)", cpu, 0, f", {lost} lost")
    cpu, _, lost = await forward(streams, seconds, None, is_looked_at=True)
    line("plane, nobody above, unpacked", cpu, 0, f", {lost} lost")
    for transport in (Transport.UDP, Transport.TCP_PASSIVE):
        cpu, total, lost = await forward(streams, seconds, transport)
        line(f"plane, on by {transport}", cpu, total, f", {lost} lost")
    cpu, total, lost = await forward(streams, seconds, Transport.UDP, each=3)
    line("plane, on by udp to 3 each", cpu, total, f", {lost} lost")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--streams", type=int, default=20)
    arguments.add_argument("--seconds", type=int, default=4)
    arguments.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    asked = arguments.parse_args()
    run = uvloop.run if asked.loop == "uvloop" else asyncio.run
    run(main(asked.streams, asked.seconds))
