"""What it costs to hand streams on to platforms above: CPU of one process that takes in and sends on, C beside it.

    python -m tests.bench.bench_forward [--streams 20] [--seconds 4] [--runs 3] [--only TEXT] [--loop uvloop|asyncio]

Cameras (floor/ingest.c) and receivers (floor/forward.c) are processes of their own, compiled here. All figures are
medians of the runs, in CPU milliseconds per stream and second, in and out together.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from media.local import LocalPlane, PlaneSettings
from media.plane import Aim, FirstFrame, SenderWish, Transport
from media.worker import calm_collector
from tests.bench import bench_ingest
from tests.bench.bench_ingest import Tools, is_so, measured

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ABOVE = {"udp": Transport.UDP, "gro": Transport.UDP, "tcp": Transport.TCP_PASSIVE}


@dataclass(frozen=True, slots=True)
class Row:
    """One way through: how streams come (udp, gso, tcp), how they go, to how many each; or the C relay's kind.

    To go by `gro` is to go by UDP to receivers who let bursts coalesce, as ours do.
    """

    comes: str
    goes: str = "udp"
    each: int = 1
    floor: str = ""


ROWS = {
    "C: one by one": Row("udp", floor="one"),
    "C: recvmmsg + GSO": Row("udp", floor="batch"),
    "C: GRO + GSO, bursts": Row("gso", "gro", floor="gro"),
    "ours: udp to udp": Row("udp"),
    "ours: udp to udp, bursts": Row("gso", "gro"),
    "ours: udp to tcp": Row("udp", "tcp"),
    "ours: tcp to udp": Row("tcp"),
    "ours: udp to 4 by udp": Row("udp", each=4),
    "ours: udp to nobody": Row("udp", each=0),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """One measure: milliseconds of CPU per stream and second, and bytes sent on that did not arrive."""

    cpu_ms: float
    packets: int
    missing: int
    lost: int = 0
    """On the way in."""


@contextlib.contextmanager
def tools(seconds: float) -> Iterator[tuple[Tools, Path]]:
    """Cameras, and the C relay and receivers beside them."""
    with bench_ingest.tools(seconds) as made:
        program = made.program.with_name("forward")
        subprocess.run(["cc", "-O2", "-o", program, HERE / "floor" / "forward.c"], check=True, timeout=60)
        yield made, program


@contextlib.contextmanager
def receivers(program: Path, goes: str, count: int) -> Iterator[tuple[list[str], list[int]]]:
    """Their ports, and a list that holds how many bytes came, once the block has ended."""
    came: list[int] = []
    command = [str(program), "sink", goes, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as it:
        assert it.stdin is not None and it.stdout is not None
        try:
            yield it.stdout.readline().split(), came
            time.sleep(0.3)
            it.stdin.write("stop\n")
            it.stdin.flush()
            came.append(int(it.stdout.readline().split()[2]))
        finally:
            it.kill()


def measure(made: Tools, program: Path, row: Row, streams: int, seconds: float, loop: str = "uvloop") -> Cost:
    """One run of one row."""
    with receivers(program, row.goes, max(1, streams * row.each)) as (ports, came):
        if row.floor:
            relay = [str(program), "relay", row.floor, *ports]
            cpu_s, packets, sent = measured(made, row.comes, relay, streams, seconds, tells=True)
            lost = "0"
        else:
            me = [sys.executable, "-m", "tests.bench", "bench_forward", "--take", row.comes, "--above", row.goes]
            me += ["--streams", str(streams), "--each", str(row.each), "--loop", loop, "--ports", *ports]
            figures = json.loads(" ".join(measured(made, row.comes, me, streams, seconds, tells=True)))
            cpu_s, packets, sent, lost = (figures[name] for name in ("cpu_s", "packets", "sent", "lost"))
    cpu_ms = bench_ingest.per_stream_second(made, float(cpu_s), int(packets))
    return Cost(cpu_ms, int(packets), int(sent) - came[0], int(lost))


def table(streams: int, seconds: float, runs: int, *, only: str = "", loop: str = "uvloop") -> dict[str, Cost]:
    """Every row by its name; the runs of all rows take turns, so that a busy moment does not fall on one row."""
    found: dict[str, list[Cost]] = {}
    with tools(seconds) as (made, program):
        for _ in range(runs):
            for name, row in ROWS.items():
                if only in name:
                    found.setdefault(name, []).append(measure(made, program, row, streams, seconds, loop))
    return {name: median(costs) for name, costs in found.items()}


def median(costs: list[Cost]) -> Cost:
    """Each figure's own median; of what is missing the worst."""
    return Cost(
        statistics.median(each.cpu_ms for each in costs),
        round(statistics.median(each.packets for each in costs)),
        max(each.missing for each in costs),
        max(each.lost for each in costs),
    )


# --- the process that hands on ----------------------------------------------------------------------------------


async def take(comes: Transport, goes: Transport, streams: int, each: int, ports: list[int]) -> None:
    plane = LocalPlane(PlaneSettings(host="127.0.0.1", first_port=0))
    await plane.start()
    calm_collector()  # as a worker does
    inlets = [await plane.open(200000001, comes) for _ in range(streams)]
    targets = {inlet.id: ports[number * each : (number + 1) * each] for number, inlet in enumerate(inlets)}
    joined: list[str] = []
    joining: set[asyncio.Task[None]] = set()

    async def join(inlet: str) -> None:
        for port in targets[inlet]:
            sender = await plane.attach_sender(inlet, SenderWish(goes, "127.0.0.1", port, 7))
            plane.begin(sender.outlet)
            joined.append(sender.outlet)

    def told(event: object) -> None:
        if isinstance(event, FirstFrame):
            joining.add(asyncio.create_task(join(event.inlet)))

    plane.listen(told)
    for inlet in inlets:
        await plane.aim(inlet.id, Aim())
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(sys.stdin, lambda: commands.put_nowait(sys.stdin.readline()))
    print(*(inlet.port for inlet in inlets), flush=True)
    await asyncio.wait_for(commands.get(), 60)
    until = time.monotonic() + bench_ingest.PATIENCE_S - 3
    while time.monotonic() < until and not (
        len(joined) == streams * each and all(is_so(session, "asleep") for session in plane._sessions.values())
    ):
        await asyncio.sleep(0.1)
    print("marked", flush=True)
    packets, cpu = plane.totals().packets, time.process_time()
    await asyncio.wait_for(commands.get(), 120)
    cpu = time.process_time() - cpu
    senders = [counted for outlet in joined if (counted := plane.sender_statistics(outlet))]
    assert len(senders) == streams * each, f"{len(senders)} of {streams * each} receivers are served"
    head = 12 if goes is Transport.UDP else 14
    ended = plane.totals()
    figures = {
        "cpu_s": cpu,
        "packets": ended.packets - packets,
        "sent": sum(counted.bytes + head * counted.packets - counted.queued_bytes for counted in senders),
        "lost": ended.lost,
    }
    print(json.dumps(figures), flush=True)
    loop.remove_reader(sys.stdin)
    await plane.stop()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--streams", type=int, default=20)
    arguments.add_argument("--seconds", type=float, default=4)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    arguments.add_argument("--only", default="", help="rows whose name has this in it")
    arguments.add_argument("--take", choices=("udp", "gso", "tcp"), help=argparse.SUPPRESS)
    arguments.add_argument("--above", choices=tuple(ABOVE), default="udp", help=argparse.SUPPRESS)
    arguments.add_argument("--each", type=int, default=1, help=argparse.SUPPRESS)
    arguments.add_argument("--ports", type=int, nargs="*", default=[], help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.take:
        os.set_blocking(sys.stdin.fileno(), False)
        comes = Transport.TCP_PASSIVE if asked.take == "tcp" else Transport.UDP
        bench_ingest.run(asked.loop, take(comes, ABOVE[asked.above], asked.streams, asked.each, asked.ports))
        return
    print(f"{asked.streams} streams of 4 Mbit/s, {asked.seconds:g} s, medians of {asked.runs} runs, {asked.loop}")
    for name, cost in table(asked.streams, asked.seconds, asked.runs, only=asked.only, loop=asked.loop).items():
        notes = f"{cost.packets} packets, {cost.missing} bytes did not arrive, {cost.lost} packets lost on their way in"
        print(f"{name:26} {cost.cpu_ms:6.2f} ms/stream-second, {notes}")


if __name__ == "__main__":
    main()
