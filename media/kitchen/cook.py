"""The kitchen's process: takes orders over its socket, and ends with it.

    python -m media.kitchen.start --socket FD

It works at a lower priority than the workers: a stream goes before a photograph.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import msgspec

from media.calls import write
from media.channel import Channel
from media.kitchen import still
from media.kitchen.promise import ORDERS
from media.plane import KeyFrame, Photograph
from media.worker import LOG_FORMAT, die_with_parent, name_process, run

log = logging.getLogger(__name__)

NICE = 5
STILL_THREADS = 2


class Cook:
    """`media.kitchen.promise.Cooking`, made here."""

    def __init__(self) -> None:
        self._stills = ThreadPoolExecutor(STILL_THREADS, "still")

    async def develop(self, picture: KeyFrame, width: int, quality: int) -> Photograph:
        return await asyncio.get_running_loop().run_in_executor(self._stills, still.develop, picture, width, quality)

    async def judge(self, data: bytes) -> Photograph:
        return await asyncio.get_running_loop().run_in_executor(self._stills, still.judge, data)


class Hatch:
    """Where orders come in and dishes go out."""

    def __init__(self, sock: socket.socket) -> None:
        self._cook = Cook()
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._channel = Channel(sock, answer=self._answer, noted=self._noted, lost=self.end)

    async def work(self) -> None:
        """Returns when the server is gone or has let us go."""
        log.info("the kitchen closes: %s", await self._ended)
        self._channel.close()

    def end(self, why: str) -> None:
        if not self._ended.done():
            self._ended.set_result(why)

    async def _answer(self, name: str, body: msgspec.Raw) -> bytes:
        if name not in ORDERS:
            raise ValueError(f"nobody cooks {name!r}")
        values, named = ORDERS[name].read(body)
        return write(await getattr(self._cook, name)(*values, **named))

    def _noted(self, name: str, body: msgspec.Raw, files: deque[int]) -> None:
        if name == "stop":
            self.end("it asked us to stop")
        else:
            raise ValueError(f"nobody cooks {name!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="the number of the inherited socket")
    parser.add_argument("--parent", type=int, default=0, help="the server's process; it is gone when it is no parent")
    given = parser.parse_args()
    die_with_parent(given.parent)
    name_process("lianwang-cook")
    os.nice(NICE)
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT, stream=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run(_work(given.socket))
    sys.stderr.flush()
    os._exit(0)


async def _work(number: int) -> None:
    hatch = Hatch(socket.socket(fileno=number))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, hatch.end, "SIGTERM")
    await hatch.work()
