"""What a viewer costs and how late it is: CPU of this process, while camera and viewers live in others.

    python -m tests.bench.bench_viewers [--viewers 100 1000] [--seconds 4] [--loop uvloop|asyncio]

One camera of 4 Mbit/s with G.711A by RTP, viewers who take HTTP-FLV. The floors do the least that can be done, in the
same call: one send to each viewer a picture, or for four pictures, in C and in Python. Ways of sending are compared,
too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from media.local import LocalPlane, PlaneSettings
from media.outlets.press import Press
from media.plane import Aim, Inlet, OutletKind, Transport
from media.workers import Workers
from tests.bench.bench_relay import DELTA_BYTES, FPS, GOP, KEY_BYTES, film

SOURCE = Path(__file__).parent / "floor" / "viewers.c"
SETTLE_S = 0.5
LEAD = 50
"""Pictures before lateness is measured: by then it is proved that markers end pictures."""
RUN_UP_S = 1
"""The start of a stream brings every viewer its head; that is not measured."""
TOGETHER = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds for each viewer and second; `bytes_share` is how much of the stream reached them."""

    cpu_ms: float
    bytes_share: float = 1.0
    skips: int = 0


@dataclass(frozen=True, slots=True)
class Lateness:
    """Milliseconds: from the last packet of a picture sent to its FLV tag received, and from connect to key frame.

    The best tenth says what a busy machine hides.
    """

    best_ms: float
    median_ms: float
    worst_ms: float
    key_best_ms: float
    key_median_ms: float
    key_worst_ms: float


@dataclass(frozen=True, slots=True)
class Stalled:
    """Viewers that stopped reading beside some that read on."""

    grown_mb: float
    cut: int
    readers_share: float


# ---- the C side


@contextmanager
def program() -> Iterator[str]:
    """viewers.c, built with optimisation for as long as the bench runs. Raises FileNotFoundError without a compiler."""
    with tempfile.TemporaryDirectory() as folder:
        built = str(Path(folder, "viewers"))
        subprocess.run(["cc", "-O2", "-o", built, str(SOURCE)], check=True, timeout=60)
        yield built


def floor_in_c(built: str, viewers: int, seconds: int, together: int = 1) -> Cost:
    """A bare loop that sends every so many pictures to each viewer."""
    words = [built, "floor", str(viewers), str(seconds), str(together)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as floor:
        assert floor.stdout is not None
        with reading(built, int(floor.stdout.readline()), ["/"] * viewers):
            cpu_s, _ = floor.stdout.readline().split()
    return Cost(1000 * float(cpu_s) / viewers / seconds)


@contextmanager
def reading(built: str, port: int, addresses: list[str], deaf: int = 0) -> Iterator[Callable[[], tuple[int, int]]]:
    """Viewers in a process of their own; call what is given at the end for (bytes that came, viewers still there)."""
    words = [built, "read", str(port), str(deaf)]
    with (
        tempfile.TemporaryFile("w+") as listed,
        subprocess.Popen(words, stdin=_written(listed, addresses), stdout=subprocess.PIPE, text=True) as there,
    ):
        said = ""

        def told() -> tuple[int, int]:
            nonlocal said
            if not said:
                there.terminate()
                said = there.stdout.read().split("\n")[1] if there.stdout else ""
            count, still = said.split()
            return int(count), int(still)

        try:
            yield told
        finally:
            there.terminate()


def _written(listed: Any, addresses: list[str]) -> Any:
    # A file, not a pipe: nobody would read the rest of a pipe while we do not answer.
    listed.write("".join(f"{address}\n" for address in addresses))
    listed.seek(0)
    return listed


# ---- bare loops in Python


class Bare:
    """Connected sockets and the ways to give all of them the same bytes."""

    def __init__(self, built: str, viewers: int) -> None:
        self._taken = contextlib.ExitStack()
        self._press = Press()
        self._taken.callback(self._press.close)
        listening = self._taken.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(4096)
        self._taken.enter_context(reading(built, listening.getsockname()[1], ["/"] * viewers))
        self.sockets = []
        for _ in range(viewers):
            each = self._taken.enter_context(listening.accept()[0])
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            each.setblocking(False)
            each.send(b"F")
            self.sockets.append(each)
        time.sleep(SETTLE_S)

    def close(self) -> None:
        self._taken.close()

    def send(self, pieces: list[bytes]) -> None:
        data = b"".join(pieces)
        for each in self.sockets:
            with contextlib.suppress(BlockingIOError):
                each.send(data)

    def sendmsg(self, pieces: list[bytes]) -> None:
        for each in self.sockets:
            with contextlib.suppress(BlockingIOError):
                each.sendmsg(pieces)

    def sendfile(self, pieces: list[bytes]) -> None:
        data = b"".join(pieces)
        file = os.memfd_create("bench")
        os.write(file, data)
        for each in self.sockets:
            with contextlib.suppress(BlockingIOError):
                os.sendfile(each.fileno(), file, 0, len(data))
        os.close(file)

    def splice(self, pieces: list[bytes]) -> None:
        """As the plane does it: from pipes that hold many copies of the same pages."""
        data = b"".join(pieces)
        at, many = 0, len(self.sockets)
        if not self._press.load(data, many):
            return self.send(pieces)
        while at < many:
            count = (many - at) % self._press.batch or self._press.batch
            source = self._press.copies(count, is_last=at + count == many)
            for each in self.sockets[at : at + count]:
                sent = 0
                with contextlib.suppress(BlockingIOError):
                    sent = os.splice(source, each.fileno(), len(data))
                self._press.skip(source, len(data) - sent)
            at += count

    def cost(self, way: Callable[[list[bytes]], None], seconds: int, together: int) -> Cost:
        sizes = [KEY_BYTES if number % GOP == 0 else DELTA_BYTES for number in range(seconds * FPS)]
        pictures = [bytes(size) for size in sizes]
        began, cpu = time.monotonic(), time.process_time()
        for number in range(0, len(pictures), together):
            time.sleep(max(0.0, began + number / FPS - time.monotonic()))
            way(pictures[number : number + together])
        return Cost(1000 * (time.process_time() - cpu) / len(self.sockets) / seconds)


def floor_in_python(built: str, viewers: int, seconds: int, together: int = 1) -> Cost:
    bare = Bare(built, viewers)
    try:
        return bare.cost(bare.send, seconds, together)
    finally:
        bare.close()


def ways_of_sending(built: str, viewers: int, seconds: int) -> dict[str, Cost]:
    """The same pictures by each way, alone and four at a time."""
    bare = Bare(built, viewers)
    try:
        return {
            f"{name}, {together} a call": bare.cost(way, seconds, together)
            for together in (1, TOGETHER)
            for name, way in (
                ("join and send", bare.send),
                ("sendmsg of the pieces", bare.sendmsg),
                ("sendfile from memory", bare.sendfile),
                ("splice from pipes", bare.splice),
            )
        }
    finally:
        bare.close()


# ---- the plane


@dataclass(slots=True)
class _Place:
    plane: Any
    inlet: Inlet
    port: int

    async def addresses(self, count: int) -> list[str]:
        return [(await self.plane.attach(self.inlet.id, OutletKind.FLV_HTTP))[1] for _ in range(count)]


@asynccontextmanager
async def _place(*, is_far: bool = False, **settings: Any) -> AsyncIterator[_Place]:
    """A plane behind a web server: here, or in a worker process that gets its viewers' sockets handed over."""
    async with AsyncExitStack() as taken:
        wanted = PlaneSettings(host="127.0.0.1", first_port=0, viewers=5000, worker_spare=False, **settings)
        plane = Workers(wanted) if is_far else LocalPlane(wanted)
        await plane.start()
        taken.push_async_callback(plane.stop)
        application = web.Application()
        application.add_routes(plane.routes())
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        taken.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
        if isinstance(plane, Workers):
            await plane.wait_ready()
        host = plane.hosts()[0] if isinstance(plane, Workers) else plane
        inlet = await host.open(200000001, Transport.UDP)
        await host.aim(inlet.id, Aim())
        yield _Place(host, inlet, runner.addresses[0][1])


def _camera(port: int, seconds: int, ready: Event, start: Event) -> None:
    pictures = film(seconds)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        ready.set()
        start.wait()
        began = time.monotonic()
        for number, packets in enumerate(pictures):
            time.sleep(max(0.0, began + number / FPS - time.monotonic()))
            for packet in packets:
                sending.sendto(packet, ("127.0.0.1", port))


async def _film(port: int, seconds: int) -> float:
    """A camera sends for `RUN_UP_S` and so long; the CPU seconds of this process without the run-up."""
    context = multiprocessing.get_context("spawn")
    ready, start = context.Event(), context.Event()
    camera = context.Process(target=_camera, args=(port, RUN_UP_S + seconds, ready, start), daemon=True)
    camera.start()
    await asyncio.to_thread(ready.wait, 30)
    start.set()
    await asyncio.sleep(RUN_UP_S)
    before = time.process_time()
    await asyncio.to_thread(camera.join, seconds + 30)
    return time.process_time() - before


def _film_bytes(seconds: int) -> int:
    pictures = range((RUN_UP_S + seconds) * FPS)
    return sum(KEY_BYTES if number % GOP == 0 else DELTA_BYTES for number in pictures)


async def viewers_cost(built: str, viewers: int, seconds: int, *, is_crowd: bool = False, sound: bool = True) -> Cost:
    """The whole way, from the packets of the one stream to the sockets of all."""
    async with _place(crowd_viewers=viewers if is_crowd else 0) as place:
        kind = OutletKind.FLV_HTTP
        outlets = [await place.plane.attach(place.inlet.id, kind, audio=sound) for _ in range(viewers)]
        with reading(built, place.port, [address for _, address in outlets]) as told:
            await _until(lambda: place.plane.totals().viewers == viewers)
            await asyncio.sleep(SETTLE_S)
            cpu_s = await _film(place.inlet.port, seconds)
            await asyncio.sleep(SETTLE_S)
            came, _ = await asyncio.to_thread(told)
        skips = place.plane.totals().viewer_skips
    return Cost(1000 * cpu_s / viewers / seconds, came / viewers / _film_bytes(seconds), skips)


async def lateness(pictures: int = 100, visits: int = 50, *, is_far: bool = False) -> Lateness:
    """A single viewer, in one process with the camera, so that one clock measures both."""
    async with _place(is_far=is_far) as place:
        addresses = await place.addresses(visits + 1)
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        visitor = context.Process(
            target=_visit, args=(place.inlet.port, place.port, addresses, pictures, theirs), daemon=True
        )
        visitor.start()
        pictures_ms, keys_ms = await asyncio.to_thread(ours.recv)
        await asyncio.to_thread(visitor.join, 10)
    return Lateness(*_spread(pictures_ms), *_spread(keys_ms))


def _spread(values: list[float]) -> tuple[float, float, float]:
    return statistics.quantiles(values, n=10)[0], statistics.median(values), max(values)


def _visit(rtp_port: int, http_port: int, addresses: list[str], pictures: int, told: Any) -> None:
    packets = film((LEAD + pictures) // FPS + 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:

        def send(number: int) -> float:
            for packet in packets[number]:
                sending.sendto(packet, ("127.0.0.1", rtp_port))
            return time.perf_counter()

        began = time.perf_counter()
        viewer = _Tags(http_port, addresses.pop())
        lates = []
        for number in range(LEAD + pictures):
            time.sleep(max(0.0, began + number / FPS - time.perf_counter()))
            sent_at = send(number)
            if number == LEAD:
                for _ in range(LEAD):
                    viewer.until_picture()
            if number >= LEAD:
                viewer.until_picture()
            if number > LEAD:
                lates.append(1000 * (time.perf_counter() - sent_at))
        visits = []
        for address in addresses:
            begun_at = time.perf_counter()
            visitor = _Tags(http_port, address)
            visitor.until_picture()
            visits.append(1000 * (time.perf_counter() - begun_at))
            visitor.close()
            time.sleep(0.005)
        viewer.close()
    told.send((lates, visits))


class _Tags:
    """A viewer that counts whole pictures: HTTP head, chunks, FLV tags."""

    def __init__(self, port: int, address: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.sendall(f"GET {address} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        self._raw = bytearray()
        self._flv = bytearray()
        while b"\r\n\r\n" not in self._raw:
            self._raw += self._socket.recv(65536)
        del self._raw[: self._raw.index(b"\r\n\r\n") + 4]
        self._is_begun = False

    def until_picture(self) -> None:
        while not self._has_picture():
            self._raw += self._socket.recv(262144)
            self._unchunk()

    def _unchunk(self) -> None:
        while (at := self._raw.find(b"\r\n")) > 0:
            size = int(self._raw[:at], 16)
            if len(self._raw) < at + 4 + size:
                return
            self._flv += self._raw[at + 2 : at + 2 + size]
            del self._raw[: at + 4 + size]

    def _has_picture(self) -> bool:
        if not self._is_begun and len(self._flv) >= 13:
            del self._flv[:13]
            self._is_begun = True
        self._unchunk()
        while self._is_begun and len(self._flv) >= 15:
            size = int.from_bytes(self._flv[1:4], "big")
            if len(self._flv) < size + 15:
                return False
            is_picture = self._flv[0] == 9 and size > 1000
            del self._flv[: size + 15]
            if is_picture:
                return True
        return False

    def close(self) -> None:
        self._socket.close()


async def stalled(built: str, deaf: int, readers: int, seconds: int) -> Stalled:
    """So many viewers stop reading; how this process grows, and what the others get meanwhile."""
    async with _place(viewer_age_s=1.0, viewer_skips=1) as place:
        addresses = await place.addresses(deaf + readers)
        with reading(built, place.port, addresses, deaf) as told:
            await _until(lambda: place.plane.totals().viewers == deaf + readers)
            before = _resident_mb()
            most = before
            filming = asyncio.create_task(_film(place.inlet.port, seconds))
            while not filming.done():
                await asyncio.sleep(0.1)
                most = max(most, _resident_mb())
            came, _ = await asyncio.to_thread(told)
        share = came / readers / _film_bytes(seconds)
        return Stalled(most - before, place.plane.totals().viewers_cut, share)


def _resident_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as told:
        return int(told.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.05)


# ---- told to people


async def main(built: str, counts: list[int], seconds: int) -> None:
    alone = await viewers_cost(built, 1, seconds)
    print(f"the stream itself, with one viewer: {alone.cpu_ms:.1f} ms a second")
    for viewers in counts:
        bare_c = await asyncio.to_thread(floor_in_c, built, viewers, seconds)
        bare_c4 = await asyncio.to_thread(floor_in_c, built, viewers, seconds, TOGETHER)
        print(f"{viewers} viewers, ms a viewer and second")
        print(f"  C floor            {bare_c.cpu_ms:.3f}, four pictures a send {bare_c4.cpu_ms:.3f}")
        bare = floor_in_python(built, viewers, seconds)
        bare4 = floor_in_python(built, viewers, seconds, TOGETHER)
        print(f"  Python floor       {bare.cpu_ms:.3f}, four pictures a send {bare4.cpu_ms:.3f}")
        for name, wish in (
            ("ours, with sound  ", {}),
            ("ours, no sound    ", {"sound": False}),
            ("ours, crowd, sound", {"is_crowd": True}),
        ):
            cost = await viewers_cost(built, viewers, seconds, **wish)
            print(f"  {name} {cost.cpu_ms:.3f}, {cost.bytes_share:.3f} of the stream, {cost.skips} skips")
        for way, cost in ways_of_sending(built, viewers, seconds).items():
            print(f"  bare: {way:32} {cost.cpu_ms:.3f}")
    for name, is_far in (("a plane in this process", False), ("a worker process", True)):
        late = await lateness(is_far=is_far)
        print(f"one viewer of {name}: {late.median_ms:.2f} ms from packet to tag,", end=" ")
        print(f"best tenth {late.best_ms:.2f}, worst {late.worst_ms:.2f}")
        print(f"  {late.key_median_ms:.2f} ms from connect to key frame,", end=" ")
        print(f"best tenth {late.key_best_ms:.2f}, worst {late.key_worst_ms:.2f}")
    held = await stalled(built, 1000, 10, 2 * seconds)
    print(f"1000 stopped reading: {held.grown_mb:.0f} MB more, {held.cut} cut; the others got {held.readers_share:.3f}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--viewers", type=int, nargs="+", default=[100, 1000])
    arguments.add_argument("--seconds", type=int, default=4)
    arguments.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    asked = arguments.parse_args()
    run = uvloop.run if asked.loop == "uvloop" else asyncio.run
    with program() as built_program:
        run(main(built_program, asked.viewers, asked.seconds))
