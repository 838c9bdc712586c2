"""The media worker: a process of its own with a plane in it, for one server, over the socket it inherited.

    python -m media.start --socket FD

It is told its name and settings by the server, so that one can stand ready before anybody knows whom it will replace.
It dies with the server: at the end of the socket, and by the kernel's hand when it stands still just then.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec

from media.channel import Channel
from media.local import LocalPlane, PlaneSettings
from media.served import Served

try:
    import uvloop
except ImportError:  # it works without, a little slower
    uvloop = None  # type: ignore[assignment]  # a module or nothing

log = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
NAME_BYTES = 15
COLLECT_AFTER = (50_000, 50, 50)
"""Frames and packets make no circles, so the collector has little to find."""
STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker is told before anything else."""

    name: str
    settings: PlaneSettings
    log_level: int = logging.WARNING


class Worker:
    """One end of the channel: without a plane until the orders come, then whatever the plane says."""

    def __init__(self, sock: socket.socket) -> None:
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._served: Served | None = None
        self._starting: asyncio.Task[None] | None = None
        self._channel = Channel(sock, answer=self._answer, noted=self._noted, lost=self.end)

    async def work(self) -> None:
        """Returns when the server is gone or has let us go."""
        why = await self._ended
        log.info("the media worker ends: %s", why)
        if self._served is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._served.stop()
        self._channel.close()

    def end(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_result(why)

    async def _answer(self, name: str, body: msgspec.Raw) -> bytes:
        if self._served is None:
            raise ValueError(f"{name!r} before any orders")
        return await self._served.answer(name, body)

    def _noted(self, name: str, body: msgspec.Raw, files: deque[int]) -> None:
        if self._served is not None:
            self._served.noted(name, body, files)
        elif name == "orders":
            self._obey(msgspec.msgpack.decode(body, type=Orders))
        elif name == "stop":
            self.end("it asked us to stop")
        elif name != "beat":
            raise ValueError(f"{name!r} before any orders")

    def _obey(self, orders: Orders) -> None:
        name_process(f"lianwang-{orders.name}")
        logging.getLogger().setLevel(orders.log_level)
        self._served = Served(LocalPlane(orders.settings), self.end)
        self._starting = asyncio.create_task(self._served.start(self._channel))
        log.info("%s runs as process %d", orders.name, os.getpid())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="the number of the inherited socket")
    parser.add_argument("--parent", type=int, default=0, help="the server's process; it is gone when it is no parent")
    given = parser.parse_args()
    die_with_parent(given.parent)
    name_process("lianwang-spare")
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT, stream=sys.stderr)
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    # Ctrl-C reaches the whole terminal; the server decides when we are no longer needed.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calm_collector()
    run(_work(given.socket))
    sys.stderr.flush()
    # Nothing of ours outlives the process, and taking a big heap apart takes long.
    os._exit(0)


async def _work(number: int) -> None:
    worker = Worker(socket.socket(fileno=number))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.end, "SIGTERM")
    await worker.work()


def run(main: Coroutine[Any, Any, None]) -> None:
    """On the quickest loop there is."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop is not None else None) as runner:
        runner.run(main)


def calm_collector() -> None:
    """What stands now stays: the collector passes over it, and comes seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill us when whoever started us dies, and go now when that has happened already."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        os._exit(1)


def name_process(name: str) -> None:
    """What `ps` and `top` call us."""
    _prctl(PR_SET_NAME, name.encode()[:NAME_BYTES])


def _prctl(option: int, value: int | bytes) -> None:
    # Only Linux has it; elsewhere the end of the socket has to do.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
