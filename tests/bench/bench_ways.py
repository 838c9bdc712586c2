"""Ways to take datagrams off many sockets: who wakes us, how many a call, how long a nap. Nothing is done with them.

    python -m tests.bench bench_ways [--streams 40] [--seconds 3] [--runs 3] [--loop uvloop|asyncio] [--coalesced]

The choices of media/inlets/rounds.py and scoop.py rest on this; `--coalesced` has the cameras send bursts that the
kernel keeps together.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

from media.inlets import rounds as rounds_module
from media.inlets.rounds import Rounds
from media.inlets.scoop import PlainScoop
from media.inlets.source_lock import Source
from media.inlets.udp import UdpDoor, WideDoor
from media.ports import bind_udp
from tests.bench.bench_ingest import floor, measured, per_stream_second, run, tools

WAYS = {
    "the loop wakes, one a call": "plain",
    "the loop wakes, many a call": "many",
    "one epoll, no naps": "0",
    "one epoll, naps of 2 ms": "2",
    "one epoll, naps of 4 ms": "4",
    "one epoll, naps of 5 ms": "5",
    "one epoll, naps of 8 ms": "8",
    "naps of 5 ms, one a call": "one-5",
}


class Count:
    """What came."""

    def __init__(self) -> None:
        self.packets = 0

    def one(self, data: bytes, source: Source, now: float) -> None:
        self.packets += -(-len(data) // 1412)

    def many(self, data: bytes, size: int, source: Source, now: float) -> None:
        self.packets += -(-len(data) // size)


def doors(way: str, streams: int, count: Count) -> list[int]:
    """Sockets read in one of the ways; their ports."""
    sockets = [bind_udp("127.0.0.1", 0, 4 << 20) for _ in range(streams)]
    ports = [each.getsockname()[1] for each in sockets]
    if way == "plain":
        for each in sockets:
            UdpDoor(each, count.one)
        return ports
    if way == "many":
        loop = asyncio.get_running_loop()
        readers: list[Callable[[], None]] = []
        for each in sockets:
            door = WideDoor(each, Unwatched(), count.many)
            readers.append(partial(door._serve, 0.0))
            loop.add_reader(each, readers[-1])
        return ports
    nap_s = int(way.rpartition("-")[2]) / 1000
    rounds_module.NAPS = ((0, nap_s),) if nap_s else ()
    rounds = Rounds()
    if way.startswith("one-"):
        rounds.scoop = PlainScoop(rounds.room)
    for each in sockets:
        WideDoor(each, rounds, count.many)
    return ports


class Unwatched(Rounds):
    """Has sockets read by whoever else wakes."""

    def add(self, number: int, serve: Callable[[float], int]) -> None:
        pass


async def take(way: str, streams: int) -> None:
    count = Count()
    ports = doors(way, streams, count)
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(sys.stdin, lambda: commands.put_nowait(sys.stdin.readline()))
    print(*ports, flush=True)
    await asyncio.wait_for(commands.get(), 60)
    print("marked", flush=True)
    packets, cpu = count.packets, time.process_time()
    await asyncio.wait_for(commands.get(), 120)
    print(time.process_time() - cpu, count.packets - packets, flush=True)


def table(streams: int, seconds: float, runs: int, loop: str = "uvloop", sent: str = "udp") -> dict[str, float]:
    """Milliseconds per stream and second of every way, medians; the ways take turns."""
    found: dict[str, list[float]] = {}
    with tools(seconds) as made:
        for _ in range(runs):
            kind = "gro" if sent == "gso" else "many"
            found.setdefault("C, naps of 4 ms", []).append(floor(made, kind, sent, streams, seconds).cpu_ms)
            for name, way in WAYS.items():
                me = [sys.executable, "-m", "tests.bench", "bench_ways", "--take", way, "--loop", loop]
                said = measured(made, sent, [*me, "--streams", str(streams)], streams, seconds, tells=True)
                found.setdefault(name, []).append(per_stream_second(made, float(said[0]), int(said[1])))
    return {name: statistics.median(costs) for name, costs in found.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--streams", type=int, default=40)
    arguments.add_argument("--seconds", type=float, default=3)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    arguments.add_argument("--coalesced", action="store_true")
    arguments.add_argument("--take", help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.take:
        os.set_blocking(sys.stdin.fileno(), False)
        run(asked.loop, take(asked.take, asked.streams))
        return
    sent = "gso" if asked.coalesced else "udp"
    print(f"{asked.streams} streams of 4 Mbit/s, {asked.seconds:g} s, medians of {asked.runs} runs, {asked.loop}")
    for name, cost in table(asked.streams, asked.seconds, asked.runs, asked.loop, sent).items():
        print(f"{name:28} {cost:6.2f} ms/stream-second")


if __name__ == "__main__":
    main()
