"""What it costs to take streams in: CPU of one process that only receives, the least possible in C beside it.

    python -m tests.bench.bench_ingest [--streams 40] [--seconds 4] [--runs 3] [--loop uvloop|asyncio]

Cameras are a process of their own (floor/ingest.c, compiled here), 1080p25 of 4 Mbit/s with G.711A, pictures paced over
all streams. `asleep` keeps packets and looks into none; `awake` has every frame out. All figures are medians of the
runs, in CPU milliseconds per stream and second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media.frame import Codec, Frame
from media.inlets.session import Phase, Session
from media.local import LocalPlane, PlaneSettings
from media.plane import Aim, OutletKind, Transport
from media.ps.mux import Muxer
from media.rtp import Packetiser
from media.worker import calm_collector
from tests.bench.bench_relay import FPS, GOP, frames

HERE = Path(__file__).resolve().parent
MARK = b"sent at "
LEAD_S = 4.5
"""The streams flow at least so long before they are measured: a key frame comes within 2 s, and sleep 2 s later."""
PATIENCE_S = 12.0
"""And so much longer at most, where the machine is busy."""
WAYS = ("udp", "gso", "tcp")
FLOORS = {"udp, one by one": ("one", "udp"), "udp, naps": ("many", "udp"), "gro": ("gro", "gso"), "tcp": ("tcp", "tcp")}


@dataclass(frozen=True, slots=True)
class Cost:
    """One measure: milliseconds of CPU per stream and second, and what came."""

    cpu_ms: float
    packets: int
    lost: int = 0
    memory_mb: float = 0.0
    """What each stream added to the process's resident memory."""
    latency_ms: float = 0.0
    """From the sending of a picture to its frame, the median."""
    others: int = 0
    """Streams that were not in the state that was to be measured: the machine was too busy."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The compiled other end and the film it sends."""

    program: Path
    film: Path
    packets_per_s: float
    """Of one stream, in the mean."""


def film(path: Path, seconds: float) -> float:
    """The packets of each picture and its sound, as ingest.c reads them; how many they are a second."""
    pictures = total = 0
    muxer, packetiser = Muxer(Codec.H264, Codec.G711A), Packetiser(200000001, 96)
    with path.open("wb") as out:
        for frame in frames(int(seconds) + GOP // FPS + 1):
            head = frame.data.index(b"\x65\x88\x84") + 3 if frame.key else 6
            data = frame.data[:head] + MARK + b"0" * 16 + frame.data[head:]
            at = frame.pts_90k
            sound = Frame(Codec.G711A, b"\xd5" * 320, at, at)
            packets = packetiser.packets(muxer.pack(Frame(Codec.H264, data, at, at, frame.key), (sound,)), at)
            pictures, total = pictures + 1, total + len(packets)
            out.write(struct.pack("<I", len(packets)))
            out.writelines(struct.pack("<H", len(packet)) + packet for packet in packets)
    return total / pictures * FPS


@contextlib.contextmanager
def tools(seconds: float) -> Iterator[Tools]:
    """Compiled and written for one measure of `seconds`."""
    with tempfile.TemporaryDirectory() as place:
        program, path = Path(place) / "ingest", Path(place) / "film"
        subprocess.run(["cc", "-O2", "-o", program, HERE / "floor" / "ingest.c"], check=True, timeout=60)
        yield Tools(program, path, film(path, LEAD_S + PATIENCE_S + seconds))


def measured(
    made: Tools, way: str, taking: list[str], streams: int, seconds: float, *, tells: bool = False
) -> list[str]:
    """Starts who takes (it prints its ports) and the cameras; what it said at the end. `tells`: it says a line when it
    is ready to be measured."""
    with subprocess.Popen(
        taking, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE.parent.parent
    ) as it:
        assert it.stdin is not None and it.stdout is not None
        try:
            ports = it.stdout.readline().split()
            assert len(ports) == streams, "the taking side did not come up"
            command = [str(made.program), "send", way, str(made.film), str(LEAD_S + PATIENCE_S + seconds), *ports]
            with subprocess.Popen(command) as cameras:
                try:
                    time.sleep(LEAD_S)
                    it.stdin.write("mark\n")
                    it.stdin.flush()
                    if tells:
                        it.stdout.readline()
                    time.sleep(seconds)
                    it.stdin.write("stop\n")
                    it.stdin.flush()
                    said = it.stdout.readline().split()
                finally:
                    cameras.kill()
            it.wait(20)
            return said
        finally:
            it.kill()


def floor(made: Tools, kind: str, way: str, streams: int, seconds: float) -> Cost:
    """The C program's receiving loop."""
    cpu_s, packets, _ = measured(
        made, way, [str(made.program), "take", kind, str(streams)], streams, seconds, tells=True
    )
    return Cost(per_stream_second(made, float(cpu_s), int(packets)), int(packets))


def per_stream_second(made: Tools, cpu_s: float, packets: int) -> float:
    """Milliseconds; by the packets that came, as a busy machine may send fewer than it should."""
    return 1000 * cpu_s * made.packets_per_s / packets


def ours(made: Tools, way: str, state: str, streams: int, seconds: float, loop: str = "uvloop") -> Cost:
    """Our plane in a process of its own. `state` is asleep, awake, or latency (awake, and every frame's age noted)."""
    transport = "tcp" if way == "tcp" else "udp"
    me = [sys.executable, "-m", "tests.bench", "bench_ingest", "--take", transport, "--state", state, "--loop", loop]
    said = json.loads(" ".join(measured(made, way, [*me, "--streams", str(streams)], streams, seconds, tells=True)))
    cpu_ms = per_stream_second(made, said["cpu_s"], said["packets"])
    memory_mb = said["memory"] / streams / 1e6
    return Cost(cpu_ms, said["packets"], said["lost"], memory_mb, said["latency_ms"], said["others"])


# --- the process that takes -------------------------------------------------------------------------------------


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


async def take(transport: Transport, state: str, streams: int) -> None:
    plane = LocalPlane(PlaneSettings(host="127.0.0.1", first_port=0))
    await plane.start()
    calm_collector()  # as a worker does
    before = resident()
    inlets = [await plane.open(200000001, transport) for _ in range(streams)]
    for inlet in inlets:
        await plane.aim(inlet.id, Aim())
        if state != "asleep":
            await plane.attach(inlet.id, OutletKind.FLV_HTTP)
    ages: list[float] = []
    if state == "latency":
        for session in plane._sessions.values():
            note_ages(session, ages)
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(sys.stdin, lambda: commands.put_nowait(sys.stdin.readline()))
    print(*(inlet.port for inlet in inlets), flush=True)
    await asyncio.wait_for(commands.get(), 60)
    until = time.monotonic() + PATIENCE_S - 3
    while not all(is_so(session, state) for session in plane._sessions.values()) and time.monotonic() < until:
        await asyncio.sleep(0.1)
    print("marked", flush=True)
    began, cpu = totals(plane), time.process_time()
    ages.clear()
    await asyncio.wait_for(commands.get(), 120)
    cpu = time.process_time() - cpu
    ended, memory = totals(plane), resident() - before
    figures = {
        "cpu_s": cpu,
        "packets": ended[0] - began[0],
        "others": sum(not is_so(session, state) for session in plane._sessions.values()),
        "lost": ended[1],
        "memory": memory,
        "latency_ms": 1000 * statistics.median(ages) if ages else 0.0,
    }
    print(json.dumps(figures), flush=True)
    loop.remove_reader(sys.stdin)
    await plane.stop()


def is_so(session: Session, state: str) -> bool:
    """Whether the stream flows, and is looked into or not as the measure wants it."""
    return session.phase is Phase.FLOWING and session.receiver.is_awake is (state != "asleep")


def totals(plane: LocalPlane) -> tuple[int, int]:
    found = plane.totals()
    return found.packets, found.lost


def note_ages(session: Any, ages: list[float]) -> None:
    came = session.frame_came

    def noting(frame: Frame, now: float) -> None:
        if frame.codec.is_video:
            at = frame.data.find(MARK, 0, 200) + len(MARK)
            ages.append(time.monotonic() - int(frame.data[at : at + 16], 16) / 1e9)
        came(frame, now)

    session.frame_came = noting
    session.is_recorded = lambda: True


# --- the table --------------------------------------------------------------------------------------------------


def median(costs: list[Cost]) -> Cost:
    """Each figure's own median; of losses the worst."""
    return Cost(
        statistics.median(each.cpu_ms for each in costs),
        round(statistics.median(each.packets for each in costs)),
        max(each.lost for each in costs),
        statistics.median(each.memory_mb for each in costs),
        statistics.median(each.latency_ms for each in costs),
        max(each.others for each in costs),
    )


def table(streams: int, seconds: float, runs: int, loop: str = "uvloop", only: str = "") -> dict[str, Cost]:
    """Every row by its name; the runs of all rows take turns, so that a busy moment does not fall on one row."""
    rows: dict[str, list[Cost]] = {}
    with tools(seconds) as made:
        for _ in range(runs):
            for name, (kind, way) in FLOORS.items():
                if only in f"C: {name}":
                    rows.setdefault(f"C: {name}", []).append(floor(made, kind, way, streams, seconds))
            for way in WAYS:
                for state in ("asleep", "awake", "latency"):
                    name = f"ours: {way}, {state}"
                    if only in name:
                        rows.setdefault(name, []).append(ours(made, way, state, streams, seconds, loop))
    return {name: median(costs) for name, costs in rows.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--streams", type=int, default=40)
    arguments.add_argument("--seconds", type=float, default=4)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    arguments.add_argument("--only", default="", help="rows whose name has this in it")
    arguments.add_argument("--take", choices=("udp", "tcp"), help=argparse.SUPPRESS)
    arguments.add_argument("--state", default="asleep", help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.take:
        os.set_blocking(sys.stdin.fileno(), False)
        transport = Transport.UDP if asked.take == "udp" else Transport.TCP_PASSIVE
        run(asked.loop, take(transport, asked.state, asked.streams))
        return
    print(f"{asked.streams} streams of 4 Mbit/s, {asked.seconds:g} s, medians of {asked.runs} runs, {asked.loop}")
    for name, cost in table(asked.streams, asked.seconds, asked.runs, asked.loop, asked.only).items():
        notes = f"{cost.packets} packets, {cost.lost} lost"
        notes += f", {cost.memory_mb:.2f} MB a stream" if cost.memory_mb else ""
        notes += f", {cost.latency_ms:.2f} ms from sent to frame" if cost.latency_ms else ""
        notes += f", {cost.others} streams were not so" if cost.others else ""
        print(f"{name:22} {cost.cpu_ms:6.2f} ms/stream-second, {notes}")


def run(loop: str, what: Any) -> None:
    if loop == "uvloop":
        import uvloop

        uvloop.run(what)
    else:
        asyncio.run(what)


if __name__ == "__main__":
    main()
