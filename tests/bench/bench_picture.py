"""How soon a picture is there: from sent by RTP to its FLV tag received, and from a viewer's connect to a key frame.

    python -m tests.bench.bench_picture [--streams 20] [--seconds 4] [--joins 20] [--runs 3] [--loop uvloop|asyncio]

Server, cameras and viewers are processes of their own. Cameras write the time into each picture when they send it; the
viewer reads it out of the FLV tag, by the same clock. All streams flow while one viewer at a time looks.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from media.local import LocalPlane, PlaneSettings
from media.plane import Aim, OutletKind, Transport
from tests.bench import bench_ingest
from tests.bench.bench_ingest import MARK, Tools

ROOT = Path(__file__).resolve().parent.parent.parent
SETTLE_S = 3.0
"""The streams flow so long before anybody looks."""
VIDEO, KEY, CODED = 9, 0x10, 1


@dataclass(frozen=True, slots=True)
class Soon:
    """Medians, in milliseconds."""

    tag_ms: float
    """From a picture's sending to its whole tag."""
    tag_worst_ms: float
    key_ms: float
    """From a viewer's connect to the first whole key frame, of a stream that another watches in this format."""
    first_ms: float
    """The same, of a stream that nobody watches."""


class Viewer:
    """One HTTP-FLV viewer by a bare socket; `began` is when it started to connect."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.began = time.monotonic()
        self._socket = socket.create_connection((parts.hostname, parts.port), 5)
        ask = f"GET {parts.path}?{parts.query} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n"
        self._socket.sendall(ask.encode())
        self._bytes = b""
        answer = self._until(b"\r\n\r\n")
        assert b" 200 " in answer.split(b"\r\n")[0], answer
        self._take(13)

    def tags(self) -> Iterator[tuple[int, bytes, float]]:
        """Kind and body of each tag, and when all of it had come."""
        while True:
            head = self._take(11)
            body = self._take(int.from_bytes(head[1:4], "big"))
            yield head[0], body, time.monotonic()
            self._take(4)

    def close(self) -> None:
        self._socket.close()

    def _more(self) -> None:
        came = self._socket.recv(1 << 18)
        if not came:
            raise EOFError("the server ended the stream")
        self._bytes += came

    def _take(self, count: int) -> bytes:
        while len(self._bytes) < count:
            self._more()
        taken, self._bytes = self._bytes[:count], self._bytes[count:]
        return taken

    def _until(self, end: bytes) -> bytes:
        while end not in self._bytes:
            self._more()
        return self._take(self._bytes.index(end) + len(end))


def key_after(url: str) -> float:
    """Seconds from a viewer's connect to its first key frame."""
    viewer = Viewer(url)
    try:
        # Byte 1 is 0 for the decoder's configuration; extended headers (H.265) say the same in the low bits of byte 0.
        return next(
            came - viewer.began
            for kind, body, came in viewer.tags()
            if kind == VIDEO and body[0] & 0x70 == KEY and body[1 if body[0] < 0x80 else 0] & 0x0F == CODED
        )
    finally:
        viewer.close()


def ages(url: str, seconds: float) -> list[float]:
    """Of each picture that came within `seconds`, how long ago it was sent, without those kept for newcomers."""
    viewer = Viewer(url)
    found = []
    try:
        for kind, body, came in viewer.tags():
            at = body.find(MARK, 0, 200) + len(MARK) if kind == VIDEO else 0
            if at >= len(MARK):
                sent = int(body[at : at + 16], 16) / 1e9
                if sent > viewer.began:
                    found.append(came - sent)
            if came - viewer.began > seconds:
                return found
        return found
    finally:
        viewer.close()


def look(url_of: Callable[[int], str], streams: int, seconds: float, joins: int) -> Soon:
    """What one viewer after the other sees of streams that flow."""
    first = [key_after(url_of(number)) for number in range(min(joins, streams))]
    seen = ages(url_of(0), seconds)
    beside = Viewer(url_of(0))
    try:
        waits = [key_after(url_of(0)) for _ in range(joins)]
    finally:
        beside.close()
    return Soon(
        *(
            1000 * each
            for each in (statistics.median(seen), max(seen), statistics.median(waits), statistics.median(first))
        )
    )


@contextlib.contextmanager
def serving(streams: int, loop: str) -> Iterator[tuple[list[str], Callable[[int], str]]]:
    """Our server in a process of its own: its RTP ports, and an address for each viewer to come."""
    me = [sys.executable, "-m", "tests.bench", "bench_picture", "--serve", "--streams", str(streams), "--loop", loop]
    with subprocess.Popen(me, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as it:
        assert it.stdin is not None and it.stdout is not None
        asking, answers = it.stdin, it.stdout

        def url_of(number: int) -> str:
            print(number, file=asking, flush=True)
            return answers.readline().strip()

        try:
            yield answers.readline().split(), url_of
        finally:
            it.kill()


@contextlib.contextmanager
def cameras(made: Tools, seconds: float, ports: list[str]) -> Iterator[None]:
    """They send into the ports while the block runs."""
    with subprocess.Popen([str(made.program), "send", "udp", str(made.film), str(seconds), *ports]) as sending:
        try:
            yield
        finally:
            sending.kill()


def measure(made: Tools, film_s: float, streams: int, seconds: float, joins: int, loop: str = "uvloop") -> Soon:
    """One run."""
    with serving(streams, loop) as (ports, url_of), cameras(made, film_s, ports):
        time.sleep(SETTLE_S)
        return look(url_of, streams, seconds, joins)


def median(found: list[Soon]) -> Soon:
    """Each figure's own median."""
    return Soon(*map(statistics.median, zip(*map(astuple, found), strict=True)))


def table(streams: int, seconds: float, joins: int, runs: int, loop: str = "uvloop") -> Soon:
    """The medians of several runs."""
    film_s = SETTLE_S + seconds + bench_ingest.PATIENCE_S
    with bench_ingest.tools(film_s) as made:
        return median([measure(made, film_s, streams, seconds, joins, loop) for _ in range(runs)])


# --- the process that serves ------------------------------------------------------------------------------------


async def serve(streams: int) -> None:
    """Prints its RTP ports; for each number on stdin a viewer's address on that stream."""
    plane = LocalPlane(PlaneSettings(host="127.0.0.1", first_port=0))
    await plane.start()
    application = web.Application()
    application.add_routes(plane.routes())
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    inlets = [await plane.open(200000001, Transport.UDP) for _ in range(streams)]
    for inlet in inlets:
        await plane.aim(inlet.id, Aim())
        await plane.attach(inlet.id, OutletKind.FLV_HTTP)  # somebody looks at each already: none is asleep
    loop = asyncio.get_running_loop()
    asked: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(sys.stdin, lambda: asked.put_nowait(sys.stdin.readline()))
    print(*(inlet.port for inlet in inlets), flush=True)
    while line := await asyncio.wait_for(asked.get(), 120):
        _, address = await plane.attach(inlets[int(line)].id, OutletKind.FLV_HTTP)
        print(base + address, flush=True)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--streams", type=int, default=20)
    arguments.add_argument("--seconds", type=float, default=4)
    arguments.add_argument("--joins", type=int, default=20)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    arguments.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.serve:
        os.set_blocking(sys.stdin.fileno(), False)
        bench_ingest.run(asked.loop, serve(asked.streams))
        return
    soon = table(asked.streams, asked.seconds, asked.joins, asked.runs, asked.loop)
    print(f"{asked.streams} streams of 4 Mbit/s, medians of {asked.runs} runs, {asked.loop}")
    print(f"from RTP sent to FLV tag received   {soon.tag_ms:6.2f} ms, the worst of a run {soon.tag_worst_ms:.2f} ms")
    print(
        f"from connect to a whole key frame   {soon.key_ms:6.2f} ms where another watches, {soon.first_ms:.2f} ms else"
    )


if __name__ == "__main__":
    main()
